"""The store on SQLite, in its own threads: one writer with group commit, and a few readers."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, event

from db.after_commit import Listener, WritingUnit
from db.sqlite_engine import build_engine
from db.sqlite_facts import Facts, changes_audit
from db.sqlite_file import DatabaseFile
from db.sqlite_readers import ReadQueue
from db.sqlite_refusals import StoreUnusable, explain, is_broken
from db.sqlite_units import Unit, Units, answer_all, take_group
from db.unavailable import StoreOutcomeUnknown, StoreUnavailable, is_sqlite_commit_unknown, is_sqlite_unavailable
from db.writer_memory import forget, prepare

P = ParamSpec("P")
T = TypeVar("T")

READERS = 3


class SqliteStore:
    """A store on SQLite, see `db.store.Store`. Waiting units share a transaction, each in a savepoint.

    Units raise StoreUnusable if the file is damaged or not a database.
    """

    dialect = "sqlite"

    def __init__(self, url: URL, listener: Listener | None = None) -> None:
        self._closed = False
        self._path = Path(url.database or "")
        self._writing = build_engine(url, connections=1)
        self._reading = build_engine(url, connections=READERS, read_only=True)
        self._file = DatabaseFile(self._path)
        self._facts = Facts(self._file)
        event.listen(self._writing, "before_cursor_execute", self._note_statement)
        self._listener = listener
        self._writes: Units = queue.SimpleQueue()
        self._reads = ReadQueue(READERS - 1)
        self._writer = threading.Thread(target=self._write_all, name="sqlite writer", daemon=True)
        takes = [self._reads.take, *[self._reads.take_late] * (READERS - 1)]
        self._readers = [
            threading.Thread(target=self._read_all, args=(take,), name=f"sqlite reader {n}", daemon=True)
            for n, take in enumerate(takes)
        ]
        for thread in (self._writer, *self._readers):
            thread.start()

    async def run(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._put(self._writes, WritingUnit(lambda conn: fn(conn, *args, **kwargs), self._listener))

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._put(self._reads, lambda conn: fn(conn, *args, **kwargs))

    async def read_fact(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        key = (fn, args, tuple(kwargs.items()))
        if (kept := self._facts.find(key)) is not None:
            self._check_open()
            return cast(T, kept)
        age = self._facts.begin_reading()
        found = await self.read(fn, *args, **kwargs)
        if found is not None:
            self._facts.keep(key, found, age)
        return found

    async def close(self) -> None:
        self._closed = True
        self._writes.put(None)
        await asyncio.to_thread(self._writer.join)
        self._reads.close()
        for thread in self._readers:
            await asyncio.to_thread(thread.join)
        self._facts.close()
        self._writing.dispose()
        self._reading.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    async def _put(self, units: Units | ReadQueue, work: Callable[[Connection], T]) -> T:
        self._check_open()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        units.put(Unit(work, future))
        return await future

    def _read_all(self, take: Callable[[], Unit | None]) -> None:
        with _HeldConnection(self._reading, self._file) as held:
            while (unit := take()) is not None:
                try:
                    conn = held.begin("BEGIN")
                    unit.result = unit.work(conn)
                    conn.rollback()
                except BaseException as error:
                    held.drop()
                    unit.error = _translate_error(error, self._path)
                answer_all([unit])
                del unit

    def _write_all(self) -> None:
        with _HeldConnection(self._writing, self._file) as held:
            while group := take_group(self._writes):
                self._commit(group, held)
                answer_all(group)
                del group

    def _commit(self, group: list[Unit], held: "_HeldConnection") -> None:
        """Run the group in one transaction. A unit that fails is rolled back alone."""
        try:
            conn = held.begin("BEGIN IMMEDIATE")
            driver = held.driver
            prepare(conn, is_alone=self._facts.begin_writing(driver))
            if len(group) == 1:
                group[0].result = group[0].work(conn)
            else:
                for unit in group:
                    _run_in_savepoint(conn, driver, unit, self._path)
            _commit_transaction(conn, self._path)
            self._facts.end_writing(driver)
        except BaseException as error:
            held.drop()
            found = _translate_error(error, self._path)
            for unit in group:
                unit.error = found

    def _note_statement(self, conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        self._facts.note_statement(statement)
        if changes_audit(statement):
            forget(conn)


class _HeldConnection:
    """The connection of one thread. It is kept between units, and given up after an error."""

    def __init__(self, engine: Engine, file: DatabaseFile) -> None:
        self._engine = engine
        self._file = file
        self._conn: Connection | None = None
        self.driver: sqlite3.Connection

    def __enter__(self) -> "_HeldConnection":
        return self

    def __exit__(self, *error: object) -> None:
        self.drop()

    def begin(self, statement: str) -> Connection:
        """Begin a transaction. By the driver's connection, in `driver`, that costs a tenth of what it does by ours.

        Raises DatabaseFileDisplaced; connecting would make a new file where the old one was.
        """
        self._file.check()
        if self._conn is None:
            self._conn = self._engine.connect()
            self._file.mark_opened()
            self.driver = cast(sqlite3.Connection, self._conn.connection.driver_connection)
        self._conn.begin()
        self.driver.execute(statement)
        return self._conn

    def drop(self) -> None:
        """Roll back and return the connection to the pool."""
        conn, self._conn = self._conn, None
        if conn is not None:
            forget(conn)
            conn.close()


def _run_in_savepoint(conn: Connection, driver: sqlite3.Connection, unit: Unit, path: Path) -> None:
    """Run one unit in a savepoint. Its result or error is for its caller, after the commit."""
    driver.execute("SAVEPOINT unit")
    try:
        unit.result = unit.work(conn)
    except BaseException as error:
        if is_sqlite_unavailable(error):  # SQLite may have rolled back all of the transaction: the group fails as one
            raise
        driver.execute("ROLLBACK TO unit")
        forget(conn)
        unit.error = _translate_error(error, path)
    driver.execute("RELEASE unit")


def _commit_transaction(conn: Connection, path: Path) -> None:
    try:
        conn.commit()
    except Exception as error:
        if is_sqlite_commit_unknown(error):
            raise StoreOutcomeUnknown(f"the disk failed at a COMMIT: {explain(error, path)}") from error
        raise


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
