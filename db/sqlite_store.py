"""The store on SQLite, in its own threads: one writer with group commit, and a few readers."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import URL, Connection

from db.sqlite_engine import build_engine
from db.sqlite_refusals import StoreUnusable, explain, is_broken
from db.unavailable import StoreOutcomeUnknown, StoreUnavailable, is_sqlite_commit_unknown, is_sqlite_unavailable

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
MOST_IN_GROUP = 256


class Unit:
    """A unit of work in the writer's queue. Its future is resolved after the commit that holds it."""

    __slots__ = ("future", "work")

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()


class SqliteStore:
    """A store on SQLite, see `db.store.Store`. Waiting units share a transaction, each in a savepoint.

    Units raise StoreUnusable if the file is damaged or not a database.
    """

    dialect = "sqlite"

    def __init__(self, url: URL) -> None:
        self._closed = False
        self._path = Path(url.database or "")
        self._writing = build_engine(url, connections=1)
        self._reading = build_engine(url, connections=READERS, read_only=True)
        self._units: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite reader")
        self._writer = threading.Thread(target=self._write, name="sqlite writer", daemon=True)
        self._writer.start()

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._check_open()
        unit = Unit(lambda conn: fn(conn, *args, **kwargs))
        self._units.put(unit)
        # Shielded: the unit may share a commit with others, so cancelling its caller must not cancel it.
        result: T = await asyncio.shield(asyncio.wrap_future(unit.future))
        return result

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._check_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, lambda conn: fn(conn, *args, **kwargs))

    async def close(self) -> None:
        self._closed = True
        self._units.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        self._writing.dispose()
        self._reading.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _read(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._reading.connect() as conn:
                conn.exec_driver_sql("BEGIN")
                return work(conn)
        except Exception as error:
            found = _translate_error(error, self._path)
            if found is error:
                raise
            raise found from error

    def _write(self) -> None:
        while (first := self._units.get()) is not None:
            group = [first]
            while len(group) < MOST_IN_GROUP and not self._units.empty():
                unit = self._units.get()
                if unit is None:
                    self._units.put(None)
                    break
                group.append(unit)
            self._commit([unit for unit in group if unit.future.set_running_or_notify_cancel()])

    def _commit(self, group: list[Unit]) -> None:
        """Run the group in one transaction. A unit that fails is rolled back alone."""
        try:
            with self._writing.connect() as conn:
                conn.exec_driver_sql("BEGIN IMMEDIATE")
                answers = [_run_in_savepoint(conn, unit, self._path) for unit in group]
                _commit_transaction(conn, self._path)
        except BaseException as error:
            answers = [partial(unit.future.set_exception, _translate_error(error, self._path)) for unit in group]
        for give in answers:
            give()


def _run_in_savepoint(conn: Connection, unit: Unit, path: Path) -> Callable[[], None]:
    """Run one unit in a savepoint. Return a function that passes the result to its caller, for after the commit."""
    execute = _get_driver_connection(conn).execute
    execute("SAVEPOINT unit")
    try:
        result = unit.work(conn)
    except BaseException as error:
        if is_sqlite_unavailable(error):  # SQLite may have rolled back all of the transaction: the group fails as one
            raise
        execute("ROLLBACK TO unit")
        execute("RELEASE unit")
        return partial(unit.future.set_exception, _translate_error(error, path))
    execute("RELEASE unit")
    return partial(unit.future.set_result, result)


def _commit_transaction(conn: Connection, path: Path) -> None:
    try:
        conn.commit()
    except Exception as error:
        if is_sqlite_commit_unknown(error):
            raise StoreOutcomeUnknown(f"the disk failed at a COMMIT: {explain(error, path)}") from error
        raise


def _get_driver_connection(conn: Connection) -> sqlite3.Connection:
    """Return the driver's connection: a savepoint by SQLAlchemy costs ten times as much."""
    return cast(sqlite3.Connection, conn.connection.driver_connection)


def _translate_error(error: BaseException, path: Path) -> BaseException:
    """Return the error for the caller: one about the file becomes a store error that says what to do."""
    if is_sqlite_unavailable(error):
        words = explain(error, path)
        found: Exception = StoreUnavailable(words) if words else StoreUnavailable()
    elif is_broken(error):
        found = StoreUnusable(explain(error, path))
    else:
        return error
    found.__cause__ = error
    return found
