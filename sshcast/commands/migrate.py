"""`sshcast migrate`: creates or updates the database's tables."""

from db import migrate as migrations
from sshcast.data_store import open_data_store
from sshcast.settings import Settings


async def migrate(settings: Settings) -> int:
    async with open_data_store(settings) as store:
        for revision in await migrations.migrate(store):
            print(revision)
    return 0
