"""Opens the data folder and the database. Without the service's other parts, which `app.py` builds on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from db import migrate
from db.after_commit import Listener
from db.store import Store, open_store
from sshcast import data_folder
from sshcast.settings import Settings


class DatabaseOlder(Exception):
    """The database is older than this version: run `sshcast migrate` first."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@asynccontextmanager
async def open_data_store(settings: Settings, listener: Listener | None = None) -> AsyncIterator[Store]:
    """Open the data folder and the database, without migrating it."""
    data_folder.prepare(settings.data)
    store = await open_store(settings.url, connections=settings.database_connections, listener=listener)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_current_store(settings: Settings, listener: Listener | None = None) -> AsyncIterator[Store]:
    """Open the database with the tables of this version: migrate SQLite; raise DatabaseOlder for PostgreSQL."""
    async with open_data_store(settings, listener) as store:
        if settings.sqlite:
            await migrate.migrate(store)
        elif await migrate.list_pending(store):
            raise DatabaseOlder()
        yield store
