"""Users and tokens, from the machine itself."""

from db import users
from resolvers import users as user_resolver
from sshcast.app import opened
from sshcast.commands.errors import CommandFailed
from sshcast.settings import Settings


async def add(settings: Settings, name: str, role: str, password: str) -> int:
    async with opened(settings) as service:
        user = await user_resolver.add(service, name=name, role=role, password=password)
        print(user.id)
    return 0


async def change(settings: Settings, name: str, role: str | None, disabled: bool | None) -> int:
    """Their sessions end: a running service sees it with their next request, in open streams within 10 seconds."""
    if role is None and disabled is None:
        raise CommandFailed("give --role, --disable or --enable")
    async with opened(settings) as service:
        user = await service.store.read(users.by_name, name)
        if user is None:
            raise CommandFailed(f"there is no user {name}")
        await user_resolver.change(service, user.id, role=role, disabled=disabled)
    return 0


async def set_password(settings: Settings, name: str, password: str) -> int:
    async with opened(settings) as service:
        user = await service.store.read(users.by_name, name)
        if user is None:
            raise CommandFailed(f"there is no user {name}")
        await user_resolver.set_password(service, user.id, password)
    return 0


async def token(settings: Settings, name: str, ttl: int) -> int:
    async with opened(settings) as service:
        user = await service.store.read(users.by_name, name)
        if user is None or user.disabled:
            raise CommandFailed(f"there is no enabled user {name}")
        print(service.tokens.access(user, seconds=ttl))
    return 0
