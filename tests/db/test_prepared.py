"""Prepared statements write and read what SQLAlchemy does, on both databases, and are heard and refused as its are."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Table, bindparam, delete, event, insert, literal, select, update
from sqlalchemy.exc import IntegrityError, StatementError

from db import rows as tables
from db import users
from db.audit import Entry
from db.audit_models import AuditEvent
from db.models import Task, TaskExecution, User
from db.output_models import OutputChunk
from db.prepared import Prepared
from db.store import Store
from db.values import AuditKind, Stream
from db.writer_memory import get_memory
from tests.support import rows

pytestmark = pytest.mark.anyio

EXECUTIONS = tables.get_table(TaskExecution)
CHUNKS = tables.get_table(OutputChunk)
TASKS = tables.get_table(Task)
USERS = tables.get_table(User)
COUNT = 60
BY_ID = Prepared(select(EXECUTIONS).where(EXECUTIONS.c.id == bindparam("execution")))


def choose_values(random: Random) -> dict[str, Any]:
    """Values of some columns: the rest are left to the defaults of the table, in Python and in the database."""
    choose = random.choice
    values = {
        "state": choose(["SUCCESS", "FAILED"]),
        "message": choose([None, "", "%(x)s ? :y $1 'b' 你好 \\ \n"]),
        "exit_code": choose([None, 0, 1, 2**40]),
        "verified_gone": choose([None, True, False]),
        "sealed_run": choose([None, b"", b"\0\xff"]),
        "remote": choose([None, {}, {"pid": 1, "spool": "é"}]),
        "findings": choose([None, [], [{"rule": "x", "severity": "warn"}]]),
        "secret_env": choose([{}, {"A": "1"}]),
        "start_time": choose([None, choose_time(random)]),
        "end_time": choose([None, choose_time(random)]),
        "stdout_bytes": choose([0, 2**62]),
    }
    return {name: values[name] for name in sorted(values) if random.random() < 0.6}


def choose_time(random: Random) -> datetime:
    moment = rows.NOON.replace(microsecond=random.choice([0, 1, 120_000, 999_999]))
    return moment + timedelta(seconds=random.randint(-(10**9), 10**9))


def run_usually(conn: Connection, statement: Any, values: Mapping[str, Any]) -> Any:
    return conn.execute(statement, dict(values)).first()


async def test_random_rows_are_inserted_changed_and_read_as_sqlalchemy_does(store: Store) -> None:
    def check(conn: Connection) -> None:
        random = Random(13)
        server = rows.server(conn).id
        for number in range(COUNT):
            values = {
                "server_id": server,
                "created_by": 1,
                "trigger": "api",
                "command": "true",
                "created_at": rows.NOON,
            }
            values |= {"timeout_seconds": 1, "output_limit": 1, "env": {}, "state": "SUCCESS"} | choose_values(random)
            made: Any = Prepared(insert(EXECUTIONS).returning(*EXECUTIONS.c), tuple(values)).find_first(conn, values)
            usual = run_usually(conn, insert(EXECUTIONS).returning(*EXECUTIONS.c), values)
            assert compare(made, usual) == {"id"}, number
            change(conn, made.id, usual.id, choose_values(random))

    await store.run(check)


def compare(row: Any, usual: Any) -> set[str]:
    """The names of the columns whose values differ, or their types."""
    assert type(row) is type(usual)
    assert row._fields == usual._fields
    named = zip(row._fields, row, usual, strict=True)
    return {name for name, value, other in named if (type(value), value) != (type(other), other)}


def change(conn: Connection, id: int, usual_id: int, values: Mapping[str, Any]) -> None:
    """Change both rows, each in its way, and read them in both ways."""
    if values:
        statement = tables.build_change(EXECUTIONS, tuple(values), EXECUTIONS.c.id == bindparam("execution"))
        ended = statement.returning(*EXECUTIONS.c)
        given = tables.name_values(values)
        assert Prepared(statement).change(conn, {"execution": id} | given) == 1
        assert Prepared(statement).change(conn, {"execution": 0} | given) == 0
        usual = run_usually(conn, ended, {"execution": usual_id} | given)
        assert compare(Prepared(ended).find_first(conn, {"execution": id} | given), usual) == {"id"}
    found = BY_ID.find_first(conn, {"execution": id})
    assert found == run_usually(conn, BY_ID.statement, {"execution": id})
    assert found is not None
    assert found._asdict() == rows.as_dict(found)
    assert found._mapping["id"] == id
    assert compare(found, run_usually(conn, BY_ID.statement, {"execution": usual_id})) == {"id"}


async def test_many_rows_are_inserted_at_once(store: Store) -> None:
    def check(conn: Connection) -> None:
        run = rows.pending(conn)
        statement = insert(CHUNKS)
        for size in (1, 2, 5):
            each = [build_chunk(run.id, position) for position in range(size)]
            Prepared(statement).change_each(conn, each)
            found = conn.execute(select(CHUNKS).order_by(CHUNKS.c.position)).all()
            conn.execute(delete(CHUNKS))
            conn.execute(statement, each)
            assert found == conn.execute(select(CHUNKS).order_by(CHUNKS.c.position)).all()
            assert len(found) == size
            conn.execute(delete(CHUNKS))

    await store.run(check)


def build_chunk(execution: int, position: int) -> dict[str, Any]:
    return {
        "execution_id": execution,
        "position": position,
        "stream": Stream.STDOUT,
        "stream_offset": position,
        "lines_before": 0,
        "size": 1,
        "at": rows.at(position),
        "data": b"\xff",
    }


async def test_lists_and_constants_of_a_statement_are_its_own(store: Store) -> None:
    """A literal of no value is one of them: only parameters that have a name are given."""

    def check(conn: Connection) -> None:
        for name in ("a", "b", "c"):
            rows.task(conn, name=name)
        wanted = select(TASKS.c.id, literal("x").label("x"), literal(None).label("empty"), TASKS.c.created_at)
        few = wanted.where(TASKS.c.name.in_(["a", "c"]), TASKS.c.timeout_seconds == bindparam("most", required=False))
        few = few.order_by(TASKS.c.id).limit(5)
        found = Prepared(few).find_all(conn, {"most": 300})
        assert found == conn.execute(few, {"most": 300}).all()
        assert [tuple(row) for row in found] == [(id, "x", None, rows.NOON) for id in (1, 3)]
        assert Prepared(few).find_all(conn, {"most": 301}) == []
        assert Prepared(few).find_first(conn, {"most": 301}) is None
        assert Prepared(few).find_value(conn, {"most": 301}) is None
        assert Prepared(few).find_value(conn, {"most": 300}) == 1

    await store.run(check)


async def test_errors_are_those_of_sqlalchemy_and_do_not_show_values(store: Store) -> None:
    def add_user(conn: Connection) -> None:
        given = {"name": "ada", "password_hash": "a secret", "role": "viewer", "disabled": False, "token_version": 0}
        given |= {"created_at": rows.NOON, "updated_at": rows.NOON}
        Prepared(insert(USERS), tuple(given)).change_each(conn, [given, given])

    def store_no_zone(conn: Connection) -> None:
        statement = tables.build_change(EXECUTIONS, ("start_time", "message"))
        naive = rows.NOON.replace(tzinfo=None)
        Prepared(statement).change(conn, tables.name_values({"start_time": naive, "message": "a secret"}))

    def forget_value(conn: Connection) -> None:
        BY_ID.find_first(conn, {"other": "a secret"})

    for unit, kind, words in (
        (add_user, IntegrityError, "(?i)unique"),
        (store_no_zone, StatementError, "without a zone"),
        (forget_value, StatementError, "execution"),
    ):
        with pytest.raises(kind, match=words) as caught:
            await store.run(unit)
        assert "a secret" not in str(caught.value)
        assert type(caught.value) is kind
    assert await store.read(users.list_all) == []


async def test_listeners_hear_a_prepared_statement_before_it_runs(store: Store) -> None:
    def check(conn: Connection) -> None:
        heard: list[tuple[str, Any, bool]] = []
        run = rows.pending(conn)

        def note(conn: Any, cursor: Any, statement: str, given: Any, context: Any, many: bool) -> None:
            heard.append((statement.split()[0], given, many))

        event.listen(conn, "before_cursor_execute", note)
        try:
            BY_ID.find_first(conn, {"execution": run.id})
            Prepared(insert(CHUNKS)).change_each(conn, [build_chunk(run.id, place) for place in range(2)])
        finally:
            event.remove(conn, "before_cursor_execute", note)
        assert [(word, many) for word, _, many in heard] == [("SELECT", False), ("INSERT", True)]
        assert tuple(heard[0][1]) == (run.id,)
        assert len(heard[1][1]) == 2

    await store.run(check)


async def test_a_prepared_change_of_a_table_of_facts_ends_what_is_kept_of_it(store: Store) -> None:
    renaming = Prepared(update(USERS).where(USERS.c.id == bindparam("user")).values(name=bindparam("new_name")))

    def rename(conn: Connection, name: str) -> None:
        assert renaming.change(conn, {"user": 1, "new_name": name}) == 1

    await store.run(rows.user, "ada")
    for name in ("grace", "barbara"):
        before = await store.read_fact(users.by_id, 1)
        assert before is not None
        assert before.name != name
        await store.run(rename, name)
        after = await store.read_fact(users.by_id, 1)
        assert after is not None
        assert after.name == name


async def test_a_prepared_change_of_the_audit_log_makes_the_writer_of_sqlite_forget_its_end(
    request: pytest.FixtureRequest, store: Store
) -> None:
    entry = Entry(kind=AuditKind.SIGNED_IN, at=rows.NOON)
    table: Table = tables.get_table(AuditEvent)

    def check(conn: Connection) -> None:
        memory = get_memory(conn)
        memory["x"] = entry
        Prepared(select(table)).find_all(conn, {})
        assert memory["x"] is entry
        names = {"id": 1, "at": rows.NOON, "kind": "signed-in", "address": "", "previous": "", "hash": ""}
        Prepared(insert(table), tuple(names)).change(conn, names)
        assert ("x" in memory) == (conn.dialect.name == "postgresql")

    await store.run(check)
