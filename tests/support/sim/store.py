"""The real SQL on a real SQLite database in memory, without threads; each runner's own way to it can fail."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, StaticPool, create_engine, event

from db.store import StoreUnavailable

Watcher = Callable[[str, Any], None]


class Database:
    """One database. `watch` is called after each commit, with the unit's name and its answer."""

    dialect = "sqlite"

    def __init__(self, template: Path) -> None:
        self.engine = in_memory(template)
        self.watch: Callable[[Any], None] = lambda conn: None

    def commit(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self.engine.connect() as conn:
            conn.exec_driver_sql("BEGIN IMMEDIATE")
            answer = fn(conn, *args, **kwargs)
            conn.commit()
            self.watch(conn)
        return answer

    async def run(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self.commit(fn, *args, **kwargs)

    read = run
    read_fact = run

    async def close(self) -> None:
        self.engine.dispose()


def in_memory(template: Path) -> Engine:
    made = create_engine("sqlite+pysqlite://", poolclass=StaticPool, connect_args={"isolation_level": None})

    def prepare(connection: sqlite3.Connection, record: object) -> None:
        source = sqlite3.connect(template)
        source.backup(connection)
        source.close()
        connection.execute("PRAGMA foreign_keys=ON")

    event.listen(made, "connect", prepare)
    return made


@dataclass
class Access:
    """One runner's way to the database. `before` and `after` each unit may wait, or raise StoreUnavailable.

    Once `dead`, nothing gets through in either direction.
    """

    database: Database
    before: Callable[[str], Awaitable[None]]
    after: Callable[[str], Awaitable[None]]
    dead: bool = False
    calls: int = 0
    units: set["asyncio.Task[Any]"] = field(default_factory=set)
    dialect: str = "sqlite"

    async def run(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """As the real store does, a unit runs to its end even if its caller goes away."""
        self.calls += 1
        unit = asyncio.create_task(self._unit(fn, *args, **kwargs), name=f"unit {fn.__name__}")
        self.units.add(unit)
        unit.add_done_callback(self._done)
        return await asyncio.shield(unit)

    read = run
    read_fact = run

    async def close(self) -> None:
        for unit in tuple(self.units):
            unit.cancel()

    async def _unit(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await self._alive()
        await self.before(fn.__name__)
        await self._alive()
        answer = self.database.commit(fn, *args, **kwargs)
        await self.after(fn.__name__)
        await self._alive()
        return answer

    async def _alive(self) -> None:
        if self.dead:
            await asyncio.Event().wait()

    def _done(self, unit: "asyncio.Task[Any]") -> None:
        self.units.discard(unit)
        if not unit.cancelled():
            unit.exception()  # its caller may have gone


def away() -> StoreUnavailable:
    return StoreUnavailable("cut off by the simulation")
