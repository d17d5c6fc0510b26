"""`sshcast migrate`: creates or updates the database's tables."""

from db import database_home as table
from db import migrate as migrations
from sshcast.data_store import open_data_store
from sshcast.database_home import MOVED, has_moved
from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.settings import Settings


async def migrate(settings: Settings, *, moved: bool = False) -> int:
    """Migrate. `moved`: the database was moved here while nothing ran, and belongs here from now on."""
    if moved and settings.sqlite:
        raise CommandFailed("--moved is for PostgreSQL: set SSHCAST_DATABASE_URL to the database that was moved")
    async with open_data_store(settings) as store:
        for revision in await migrations.migrate(store):
            print(revision)
        if moved:
            await store.run(table.note)
        elif await has_moved(store):
            Notes().say(MOVED, "yellow")
    return 0
