"""SQLite in threads of the store's own: one writer with group commit, and a few readers."""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
MOST_IN_GROUP = 256
BUSY_MS = 5000
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={BUSY_MS}",
    "PRAGMA journal_size_limit=67108864",
)


class Unit:
    """A write that waits for its turn: answered only after the commit that holds it."""

    __slots__ = ("future", "work")

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()


class SqliteStore:
    """See `db.store.Store`. The writer commits all waiting units in one transaction, each in a savepoint."""

    dialect = "sqlite"

    def __init__(self, url: URL) -> None:
        self._engine = engine(url)
        self._units: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite reader")
        self._writer = threading.Thread(target=self._write, name="sqlite writer", daemon=True)
        self._writer.start()

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        unit = Unit(lambda conn: fn(conn, *args, **kwargs))
        self._units.put(unit)
        # Shielded: a caller that goes away does not undo what others share a commit with.
        result: T = await asyncio.shield(asyncio.wrap_future(unit.future))
        return result

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, lambda conn: fn(conn, *args, **kwargs))

    async def close(self) -> None:
        self._units.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        self._engine.dispose()

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._engine.connect() as conn:
            conn.exec_driver_sql("BEGIN")
            return work(conn)

    def _write(self) -> None:
        while (first := self._units.get()) is not None:
            group = [first]
            while len(group) < MOST_IN_GROUP and not self._units.empty():
                unit = self._units.get()
                if unit is None:
                    self._units.put(None)
                    break
                group.append(unit)
            self._commit(group)

    def _commit(self, group: list[Unit]) -> None:
        """Run the group in one transaction; a unit that fails is rolled back alone."""
        answers: list[Callable[[], None]] = []
        try:
            with self._engine.connect() as conn:
                conn.exec_driver_sql("BEGIN IMMEDIATE")
                answers = [attempt(conn, unit) for unit in group]
                conn.commit()
        except BaseException as error:
            answers = [answer(unit.future.set_exception, error) for unit in group]
        for give in answers:
            give()


def attempt(conn: Connection, unit: Unit) -> Callable[[], None]:
    """Run one unit in a savepoint; what to tell its caller once the group is committed."""
    conn.exec_driver_sql("SAVEPOINT unit")
    try:
        result = unit.work(conn)
    except BaseException as error:
        conn.exec_driver_sql("ROLLBACK TO unit")
        conn.exec_driver_sql("RELEASE unit")
        return answer(unit.future.set_exception, error)
    conn.exec_driver_sql("RELEASE unit")
    return answer(unit.future.set_result, result)


def answer(give: Callable[[Any], None], value: Any) -> Callable[[], None]:
    return lambda: give(value)


def engine(url: URL) -> Engine:
    """An engine whose transactions begin only where we say, with every pragma set on each connection."""
    made = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=READERS + 1,
        connect_args={"check_same_thread": False, "isolation_level": None, "timeout": BUSY_MS / 1000},
    )
    event.listen(made, "connect", set_pragmas)
    return made


def set_pragmas(connection: Any, record: Any) -> None:
    """SQLite's own lower() knows ASCII only."""
    connection.create_function("lower", 1, lower, deterministic=True)
    for pragma in PRAGMAS:
        connection.execute(pragma)


def lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
