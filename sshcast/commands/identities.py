"""`sshcast user link` and `unlink`: which user an identity of the provider signs in as."""

from db import users
from resolvers import identities
from sshcast.commands import local
from sshcast.errors import CommandFailed
from sshcast.settings import Settings


async def link(settings: Settings, name: str, subject: str) -> int:
    async with local.opened_here(settings) as service:
        user = await service.store.read(users.by_name, name)
        if user is None:
            raise CommandFailed(f"there is no user {name}")
        await identities.link(service, _require_issuer(settings), user.id, subject)
    return 0


async def unlink(settings: Settings, name: str) -> int:
    async with local.opened_here(settings) as service:
        user = await service.store.read(users.by_name, name)
        if user is None or not await identities.unlink(service, _require_issuer(settings), user.id):
            raise CommandFailed(f"there is no user {name} whom the identity provider knows")
    return 0


def _require_issuer(settings: Settings) -> str:
    if settings.oidc_issuer is None:
        raise CommandFailed("no identity provider is set up: set SSHCAST_OIDC_ISSUER")
    return settings.oidc_issuer
