"""Counting statements: what a request costs the database, so that a test sees when one becomes one a row.

They are counted at the drivers, sqlite3 and asyncpg, so that nothing that a layer above sends is missed.
"""

import gc
import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import event
from sqlalchemy.pool import Pool

CONTROL = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT", "PRAGMA", "START TRANSACTION", ";")
ENDS = ("COMMIT", "ROLLBACK", "COMMIT;", "ROLLBACK;")
WRITES = re.compile(r"\b(?:INSERT INTO|DELETE FROM|(?<!FOR )(?<!KEY )UPDATE)\b")
DO_EXECUTE = "_PreparedStatement__do_execute"


@dataclass(slots=True)
class Traffic:
    """What the drivers sent: each text with the id of its connection, in their order.

    `statements` are all but those that only begin or end a transaction, or look whether a connection is alive.
    """

    sent: list[tuple[int, str]] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    _last: dict[int, str] = field(default_factory=dict)

    def note(self, connection: int, text: str) -> None:
        text = text.strip()
        if text.startswith("--"):  # what SQLite says of a trigger's own statements
            return
        self.sent.append((connection, text))
        if not text.startswith(CONTROL):
            self.statements.append(text)

    def note_sqlite(self, connection: int, text: str) -> None:
        """Note a text of SQLite's, with its values: it tells one again for each statement of a trigger."""
        if WRITES.search(text) and self._last.get(connection) == text:
            return
        self._last[connection] = text
        self.note(connection, text)

    def count_write_transactions(self) -> int:
        """Those that wrote something, or took SQLite's one lock for it."""
        found, writing = 0, set()
        for connection, text in self.sent:
            if text.startswith("BEGIN IMMEDIATE") or (WRITES.search(text) and connection not in writing):
                found += 1
                writing.add(connection)
            elif text in ENDS:
                writing.discard(connection)
        return found


@contextmanager
def watched() -> Iterator[Traffic]:
    """What any store of this process sends while the block runs."""
    traffic = Traffic()
    with ExitStack() as stack:
        stack.enter_context(_trace_sqlite(traffic))
        stack.enter_context(_trace_postgres(traffic))
        yield traffic


@contextmanager
def counted() -> Iterator[list[str]]:
    """The text of every statement that any store of this process sends while the block runs, in their order.

    What only begins or ends a transaction is left out.
    """
    with watched() as traffic:
        yield traffic.statements


# A trace is never taken away: while another thread's statement runs on the connection, it waits for that thread, which
# waits for the interpreter's lock to call the trace, and all stands still. So each connection is traced once, for good.
TRACED: dict[int, sqlite3.Connection] = {}
LISTENING: list[Traffic] = []


@contextmanager
def _trace_sqlite(traffic: Traffic) -> Iterator[None]:
    """Trace the connections that are there, and those that pools open or lend meanwhile."""

    def lent(connection: Any, *rest: Any) -> None:
        _trace(connection)

    for connection in [each for each in TRACED.values() if _is_closed(each)]:
        del TRACED[id(connection)]
    for found in gc.get_objects():
        if type(found) is sqlite3.Connection:
            _trace(found)
    event.listen(Pool, "checkout", lent)
    LISTENING.append(traffic)
    try:
        yield
    finally:
        LISTENING.remove(traffic)
        event.remove(Pool, "checkout", lent)


def _trace(connection: Any) -> None:
    if isinstance(connection, sqlite3.Connection) and id(connection) not in TRACED:
        with suppress(sqlite3.ProgrammingError):  # it is closed, and only not collected yet
            connection.set_trace_callback(partial(_note, id(connection)))
            TRACED[id(connection)] = connection


def _note(connection_id: int, text: str) -> None:
    for traffic in tuple(LISTENING):
        traffic.note_sqlite(connection_id, text)


def _is_closed(connection: sqlite3.Connection) -> bool:
    try:
        return connection.total_changes < 0
    except sqlite3.ProgrammingError:
        return True


@contextmanager
def _trace_postgres(traffic: Traffic) -> Iterator[None]:
    """Trace asyncpg's two ways to send: a statement that was prepared, and a text."""
    prepared, plain = getattr(PreparedStatement, DO_EXECUTE), asyncpg.Connection.execute

    async def do_execute(self: Any, executor: Any) -> Any:
        traffic.note(id(self._connection._protocol), self._query)
        return await prepared(self, executor)

    async def execute(self: Any, query: str, *args: Any, **named: Any) -> Any:
        traffic.note(id(self._protocol), query)
        return await plain(self, query, *args, **named)

    setattr(PreparedStatement, DO_EXECUTE, do_execute)
    asyncpg.Connection.execute = execute
    try:
        yield
    finally:
        setattr(PreparedStatement, DO_EXECUTE, prepared)
        asyncpg.Connection.execute = plain
