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


async def token(settings: Settings, name: str, ttl: int) -> int:
    async with opened(settings) as service:
        user = await service.store.read(users.by_name, name)
        if user is None or user.disabled:
            raise CommandFailed(f"there is no enabled user {name}")
        print(service.tokens.access(user, seconds=ttl))
    return 0
