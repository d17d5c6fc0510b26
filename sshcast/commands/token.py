"""`sshcast token`: prints an access token. Of the service it opens the database and the signing key only."""

from datetime import UTC, datetime

from db import token_user
from sshcast.data_store import open_current_store
from sshcast.errors import CommandFailed
from sshcast.settings import Settings
from sshcast.token_issuer import build_token_issuer


async def print_token(settings: Settings, name: str, ttl: int) -> int:
    async with open_current_store(settings) as store:
        user = await store.read(token_user.find_enabled, name)
        if user is None:
            raise CommandFailed(f"there is no enabled user {name}")
        print(build_token_issuer(settings, _utc_now).access(user, seconds=ttl))
    return 0


def _utc_now() -> datetime:
    return datetime.now(UTC)
