"""Access to the database: a unit of work is a plain function on a SQLAlchemy Connection.

The store on PostgreSQL is imported only where it is opened: with its driver it takes as long as a short command.
"""

import importlib
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

from sqlalchemy import URL, Connection

from db.after_commit import Listener
from db.connection_queue import CONNECTIONS
from db.database_url import DatabaseUrl, read_database_url
from db.sqlite_store import SqliteStore
from db.unavailable import StoreOutcomeUnknown, StoreUnavailable

__all__ = ["Store", "StoreOutcomeUnknown", "StoreUnavailable", "open_store"]

P = ParamSpec("P")
T = TypeVar("T")


class Store(Protocol):
    """Runs units of work. Each runs once, in one transaction; its errors, such as IntegrityError, are raised unchanged.

    StoreUnavailable if the database is away or the store is closed; nothing was written then, unless it is
    StoreOutcomeUnknown. Units that are queued when the store closes still run.
    """

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit that writes. Its writes are durable when this returns."""

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit that only reads, on one snapshot that includes everything committed before the call."""

    async def read_fact(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like `read`, for a unit of one statement that reads only `db.sqlite_facts.FACT_TABLES`.

        On SQLite the answer, unless it is None, is kept until a commit of any process may have changed it: `fn` and its
        arguments are the key. On PostgreSQL it is read each time, in a transaction of the statement's own.
        """

    async def close(self) -> None: ...


async def open_store(
    url: str | DatabaseUrl, *, connections: int = CONNECTIONS, listener: Listener | None = None
) -> Store:
    """Return the store at a URL: `sqlite:////absolute/path.db` or `postgresql://user@host/name`.

    `connections` is the limit on PostgreSQL. `listener` is told what `tell_listener` has to tell. Raises
    DatabaseUrlInvalid if the URL cannot be parsed. Nothing connects before the first unit.
    """
    found = read_database_url(url) if isinstance(url, str) else url
    if found.dialect == "sqlite":
        return SqliteStore(URL.create("sqlite", database=found.database), listener)
    return cast(Store, importlib.import_module("db.postgres_store").PostgresStore(found, connections, listener))
