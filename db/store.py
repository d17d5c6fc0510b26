"""The one way to the database: a unit of work is a plain function on a SQLAlchemy Connection."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import URL, Connection

from db.database_url import DatabaseUrl, read_database_url
from db.postgres_store import CONNECTIONS, PostgresStore
from db.sqlite_store import SqliteStore
from db.unavailable import StoreOutcomeUnknown, StoreUnavailable

__all__ = ["Store", "StoreOutcomeUnknown", "StoreUnavailable", "open_store"]

P = ParamSpec("P")
T = TypeVar("T")


class Store(Protocol):
    """A unit runs once, in one transaction. Its errors, IntegrityError among them, reach the caller unchanged.

    StoreUnavailable when the database is away, or the store is closed; units that wait when it closes still run. Then
    nothing was written, unless it is StoreOutcomeUnknown.
    """

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit that writes. When this returns, what it wrote is durable."""

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit that only reads, on one snapshot. It sees everything that was committed before the call."""

    async def close(self) -> None: ...


async def open_store(url: str | DatabaseUrl, *, connections: int = CONNECTIONS) -> Store:
    """The store at `sqlite:////absolute/path.db` or `postgresql://user@host/name`, there with so many connections.

    DatabaseUrlInvalid when the URL cannot be read. Nothing is connected to before the first unit.
    """
    found = read_database_url(url) if isinstance(url, str) else url
    if found.dialect == "sqlite":
        return SqliteStore(URL.create("sqlite", database=found.database))
    return PostgresStore(found, connections)
