"""Facts read from SQLite that are kept until their tables change, whichever process changes them.

`PRAGMA data_version` of a connection changes with each commit of any other connection. A connection of its own, the
guard, tells of every commit, those of our writer included; a fact holds while the guard's version is `_known`.
The writer moves `_known` past its own commits. It may, because:

- in its transaction nobody else can commit, so the guard's version, read there, stands for all commits before it;
- after its COMMIT it reads the guard's version first and its own connection's version then, which its own commits leave
  alone: if that is as it was in the transaction, the guard's version tells of no commit but its own.

What the writer changed in the tables of facts itself is seen in the text of its statements.
"""

import re
import sqlite3
import threading
from collections.abc import Hashable, Set
from functools import lru_cache
from pathlib import Path

from db.sqlite_file import DatabaseFile

# Every table that a unit given to `Store.read_fact` reads.
FACT_TABLES = frozenset({"users", "sessions", "personal_tokens", "grants", "server_tags", "policy_versions"})
AUDIT_TABLES = frozenset({"audit_events"})
MOST_FACTS = 4096
TARGET = re.compile(
    r'\s*(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|UPDATE(?:\s+OR\s+\w+)?|DELETE\s+FROM)\s+"?(\w+)', re.IGNORECASE
)
WORD = re.compile(r"\w+")


@lru_cache(4096)
def changes_facts(statement: str) -> bool:
    """Return whether the statement may change a table of facts. Schema changes and unusual forms count as changes."""
    return _may_change(statement, FACT_TABLES)


@lru_cache(4096)
def changes_audit(statement: str) -> bool:
    """Return whether the statement may change the audit log, an event that is added included."""
    return _may_change(statement, AUDIT_TABLES)


def _may_change(statement: str, tables: Set[str]) -> bool:
    target = TARGET.match(statement)
    if target is not None:
        return target[1].lower() in tables
    if statement.lstrip()[:6].upper() == "SELECT":
        return False
    return not tables.isdisjoint(WORD.findall(statement.lower()))


class Facts:
    """The facts of one store, at most MOST_FACTS. `find`, `begin_reading` and `keep` are for the event loop, the rest
    for the writer's thread.
    """

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._guard: sqlite3.Connection | None = None
        self._known: int | None = None
        self._age = 0
        self._kept: dict[Hashable, object] = {}
        self._own_version: int | None = None
        self._touched = False

    def find(self, key: Hashable) -> object | None:
        """Return the fact; None if it is not kept, or a commit since may have changed it."""
        with self._lock:
            if not self._kept or self._read_version() != self._known:
                return None
            return self._kept.get(key)

    def begin_reading(self) -> int | None:
        """Return what `keep` needs to know, before the fact is read."""
        with self._lock:
            version = self._read_version()
            if version is None:
                return None
            if version != self._known:
                self._forget(version)
            return self._age

    def keep(self, key: Hashable, fact: object, age: int | None) -> None:
        """Keep a fact that was read after `begin_reading` returned `age`, unless facts have changed meanwhile."""
        with self._lock:
            if age == self._age:
                if len(self._kept) >= MOST_FACTS:
                    self._kept.clear()
                self._kept[key] = fact

    def begin_writing(self, writer: sqlite3.Connection) -> bool:
        """Note the state in a transaction that holds SQLite's write lock. Return whether nobody else wrote since the
        writer's last transaction.
        """
        self._touched = False
        before, self._own_version = self._own_version, _read_version(writer)
        with self._lock:
            version = self._read_version()
            if version is None or version != self._known:
                self._forget(version)
        return before is not None and before == self._own_version

    def note_statement(self, statement: str) -> None:
        """Note a statement of the writer's, before it runs."""
        if changes_facts(statement):
            self._touched = True

    def end_writing(self, writer: sqlite3.Connection) -> None:
        """Take the writer's COMMIT, which has succeeded, as its own."""
        with self._lock:
            version = self._read_version()
            own = _read_version(writer)
            if self._touched or version is None or own is None or own != self._own_version:
                self._forget(version if own is not None and own == self._own_version else None)
            else:
                self._known = version

    def close(self) -> None:
        with self._lock:
            if self._guard is not None:
                self._guard.close()
            self._guard = None
            self._forget(None)

    def _forget(self, version: int | None) -> None:
        self._kept.clear()
        self._age += 1
        self._known = version

    def _read_version(self) -> int | None:
        if not self._file.is_in_place():
            return None
        try:
            if self._guard is None:
                self._guard = _open_guard(self._file.path)
            return _read_version(self._guard)
        except sqlite3.Error:
            return None


def _open_guard(path: Path) -> sqlite3.Connection:
    """Open the database, which must be there already. It never waits for a lock: facts are read again then."""
    guard = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None, check_same_thread=False
    )
    guard.execute("PRAGMA query_only=ON")
    return guard


def _read_version(connection: sqlite3.Connection) -> int | None:
    """Return the connection's data version; None if it cannot be read now."""
    try:
        ((version,),) = connection.execute("PRAGMA data_version").fetchall()
    except sqlite3.Error:
        return None
    return int(version)
