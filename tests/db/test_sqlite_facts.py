"""Facts that are kept hold no longer than they are true, whoever changes them and at whatever moment."""

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from db import audit, sqlite_facts, users
from db.audit import Entry
from db.models import User
from db.sqlite_facts import Facts, changes_facts
from db.sqlite_file import DatabaseFile
from db.store import Store, open_store
from db.values import AuditKind
from tests.support import rows
from tests.support.statements import counted
from tests.support.stores import copied

pytestmark = pytest.mark.anyio

RENAME = "UPDATE users SET name = 'grace' WHERE id = 1"


@pytest.fixture
async def store(template: Path, tmp_path: Path) -> AsyncIterator[Store]:
    async with copied(template, tmp_path) as url:
        opened = await open_store(url)
        await opened.run(rows.user, "ada")
        yield opened
        await opened.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sshcast.db"


@pytest.fixture
def writer(template: Path, path: Path) -> Iterator[sqlite3.Connection]:
    path.write_bytes(template.read_bytes())
    with closing(connect(path)) as found:
        yield found


@pytest.fixture
def facts(writer: sqlite3.Connection, path: Path) -> Iterator[Facts]:
    """With one fact, kept while nothing was written."""
    found = Facts(DatabaseFile(path))
    found.keep("key", "fact", found.begin_reading())
    assert found.find("key") == "fact"
    yield found
    found.close()


def connect(path: Path) -> sqlite3.Connection:
    found = sqlite3.connect(path, isolation_level=None)
    found.execute("PRAGMA journal_mode=WAL")
    return found


def in_another_process(path: Path, statement: str) -> None:
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
    subprocess.run([sys.executable, "-c", code, str(path), statement], check=True)


def write(connection: sqlite3.Connection) -> None:
    """A commit that changes no table of facts."""
    connection.execute("PRAGMA user_version = 1")


def rename(conn: Connection) -> None:
    conn.exec_driver_sql(RENAME)


async def name(store: Store) -> str:
    found: User | None = await store.read_fact(users.by_id, 1)
    assert found is not None
    return found.name


async def test_a_fact_is_read_once_whatever_else_is_written(store: Store) -> None:
    with counted() as found:
        assert await name(store) == "ada"
    assert len(found) == 1
    await store.run(rows.server)
    await name(store)
    for _ in range(3):
        await store.run(rows.pending, server_id=1)
        with counted() as found:
            assert await name(store) == "ada"
        assert found == []


async def test_what_this_process_changes_is_read_again(store: Store) -> None:
    assert await name(store) == "ada"
    await store.run(rename)
    assert await name(store) == "grace"


async def test_what_another_process_changes_is_read_again(store: Store, path: Path) -> None:
    assert await name(store) == "ada"
    in_another_process(path, RENAME)
    assert await name(store) == "grace"


async def test_another_processs_change_among_our_own_writes_is_read_again(store: Store, path: Path) -> None:
    await store.run(rows.server)
    assert await name(store) == "ada"
    in_another_process(path, RENAME)
    await store.run(rows.pending, server_id=1)
    assert await name(store) == "grace"


async def test_nothing_is_no_fact(store: Store) -> None:
    assert await store.read_fact(users.by_id, 2) is None
    await store.run(rows.user, "grace")
    assert await store.read_fact(users.by_id, 2) is not None


async def test_no_more_is_kept_than_the_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_facts, "MOST_FACTS", 3)
    for n in range(10):
        await store.run(rows.user, f"user {n}")
    facts: Facts = store._facts  # type: ignore[attr-defined]
    for n in range(1, 11):
        await store.read_fact(users.by_id, n)
        assert 1 <= len(facts._kept) <= 3


def test_our_own_commit_leaves_facts(facts: Facts, writer: sqlite3.Connection) -> None:
    writer.execute("BEGIN IMMEDIATE")
    facts.begin_writing(writer)
    write(writer)
    writer.execute("COMMIT")
    assert facts.find("key") is None  # it is not known yet whose commit it was
    facts.end_writing(writer)
    assert facts.find("key") == "fact"


def test_a_commit_between_ours_and_our_look_ends_facts(facts: Facts, writer: sqlite3.Connection, path: Path) -> None:
    writer.execute("BEGIN IMMEDIATE")
    facts.begin_writing(writer)
    write(writer)
    writer.execute("COMMIT")
    in_another_process(path, "PRAGMA user_version = 2")
    facts.end_writing(writer)
    assert facts.find("key") is None


def test_a_commit_just_before_our_transaction_ends_facts(facts: Facts, writer: sqlite3.Connection, path: Path) -> None:
    in_another_process(path, "PRAGMA user_version = 2")
    writer.execute("BEGIN IMMEDIATE")
    facts.begin_writing(writer)
    write(writer)
    writer.execute("COMMIT")
    facts.end_writing(writer)
    assert facts.find("key") is None


def test_a_fact_that_was_read_before_a_change_is_not_kept_after_it(facts: Facts, writer: sqlite3.Connection) -> None:
    age = facts.begin_reading()
    writer.execute("BEGIN IMMEDIATE")
    facts.begin_writing(writer)
    facts.note_statement(RENAME)
    writer.execute(RENAME)
    writer.execute("COMMIT")
    facts.end_writing(writer)
    facts.keep("key", "old", age)
    assert facts.find("key") is None


def test_a_fact_that_was_read_while_a_change_was_committed_is_not_kept(
    facts: Facts, writer: sqlite3.Connection
) -> None:
    """Read anew by the loop before the COMMIT, whose end the writer notes only then."""
    writer.execute("BEGIN IMMEDIATE")
    facts.begin_writing(writer)
    facts.note_statement(RENAME)
    writer.execute(RENAME)
    facts.keep("key", "old", facts.begin_reading())
    writer.execute("COMMIT")
    facts.end_writing(writer)
    assert facts.find("key") is None


def test_facts_on_a_file_that_is_not_there_are_not_kept(tmp_path: Path) -> None:
    facts = Facts(DatabaseFile(tmp_path / "nowhere.db"))
    facts.keep("key", "fact", facts.begin_reading())
    assert facts.find("key") is None
    assert list(tmp_path.iterdir()) == []


CHANGES = [
    "UPDATE users SET name = ?",
    'update "users" set name = ?',
    "UPDATE OR IGNORE sessions SET ended_at = ?",
    "INSERT INTO personal_tokens (id) VALUES (1)",
    "INSERT OR REPLACE INTO grants (id) VALUES (1)",
    "\n  DELETE FROM server_tags",
    "ALTER TABLE policy_versions ADD COLUMN x",
    "WITH found AS (SELECT 1) UPDATE users SET name = ?",
    "REPLACE INTO users VALUES (1)",
    "DROP TABLE users",
]
OTHERS = [
    "SELECT * FROM users",
    "UPDATE task_executions SET state = ? WHERE created_by IN (SELECT id FROM users)",
    "INSERT INTO audit_events (id) VALUES (1)",
    "PRAGMA data_version",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_a_statement_that_may_change_facts_is_seen(statement: str) -> None:
    assert changes_facts(statement)


@pytest.mark.parametrize("statement", OTHERS)
def test_a_statement_that_changes_other_tables_is_let_pass(statement: str) -> None:
    assert not changes_facts(statement)


def log(conn: Connection, *, and_fail: bool = False) -> None:
    audit.append(conn, Entry(kind=AuditKind.SIGNED_IN, at=rows.NOON))
    if and_fail:
        raise LookupError


async def test_the_newest_audit_event_is_read_once_by_its_only_writer(store: Store) -> None:
    await store.run(log)
    await store.run(log)
    with counted() as found:
        await store.run(log)
    assert [statement.split()[0] for statement in found] == ["INSERT"]


async def test_the_audit_chain_holds_with_other_writers_and_units_that_fail(store: Store, path: Path) -> None:
    other = await open_store(f"sqlite:///{path}")
    for each in (store, store, other, store, other):
        await each.run(log)
        with pytest.raises(LookupError):
            await each.run(log, and_fail=True)
    await other.close()
    events = await store.read(audit.list_after, 0, 100)
    assert len(events) == 5
    assert audit.find_first_broken(events, (0, audit.START)) is None
