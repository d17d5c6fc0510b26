"""`sshcast migrate`."""

from db import migrate as migrations
from sshcast.app import store_of
from sshcast.settings import Settings


async def migrate(settings: Settings) -> int:
    async with store_of(settings) as store:
        for revision in await migrations.migrate(store):
            print(revision)
    return 0
