"""Builds what issues access tokens and reads them, with the key that signs them."""

from collections.abc import Callable
from datetime import datetime

from resolvers.tokens import TokenIssuer
from sshcast import data_folder
from sshcast.settings import Settings


def build_token_issuer(settings: Settings, clock: Callable[[], datetime]) -> TokenIssuer:
    return TokenIssuer(
        load_signing_key(settings),
        clock=clock,
        access_seconds=settings.access_seconds,
        refresh_seconds=settings.refresh_seconds,
        session_seconds=settings.session_seconds,
    )


def load_signing_key(settings: Settings) -> bytes:
    """Return the key that signs access tokens; one in the data folder is created on the first call."""
    given = settings.signing_key
    return (
        data_folder.load_or_make_key(settings.data, "signing.key")
        if given is None
        else given.get_secret_value().encode()
    )
