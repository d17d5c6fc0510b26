"""Builds the identity provider's client from the settings.

The client is imported only where a provider is set: with Authlib and HTTPX it is 130 modules.
"""

import importlib
from urllib.parse import urlsplit

from resolvers.provider import Provider
from sshcast.oidc import role_map
from sshcast.oidc.registration import ClientRegistration
from sshcast.oidc.routes import OidcRoutes
from sshcast.oidc.state_cookie import CALLBACK, StateCookie
from sshcast.settings import Settings
from sshcast.token_issuer import load_signing_key


def build_provider(settings: Settings) -> Provider | None:
    """Return the identity provider, if one is configured. Nothing is requested from it yet."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None or settings.public_url is None:
        return None
    secret = settings.oidc_client_secret
    client = ClientRegistration(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        secret=None if secret is None else secret.get_secret_value(),
        scopes=settings.oidc_scopes,
        redirect_uri=settings.public_url + CALLBACK,
    )
    return Provider(
        issuer=client.issuer,
        name=settings.oidc_name or urlsplit(client.issuer).hostname or client.issuer,
        client_id=client.client_id,
        audience=settings.oidc_audience,
        token_types=frozenset({"at+jwt", settings.oidc_token_type.lower()}),
        groups_claim=settings.oidc_groups_claim,
        roles=role_map.parse_role_map(settings.oidc_role_map or ""),
        default_role=settings.oidc_default_role,
        client=importlib.import_module("sshcast.oidc.client").OidcClient(client),
    )


def build_oidc_routes(settings: Settings) -> OidcRoutes:
    secure = (settings.public_url or "").startswith("https:")
    return OidcRoutes(StateCookie(load_signing_key(settings), secure=secure))
