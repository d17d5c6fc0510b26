"""A database of a released version, with all that was in it, goes on in this one."""

from collections.abc import Callable

import pytest
from alembic.command import downgrade, upgrade
from alembic.config import Config
from sqlalchemy import Connection, MetaData, insert, select, text

from db import claims, executions, output, output_leads, servers, slots, stdin, tasks
from db.migrate import migrate
from db.revisions import build_config
from db.schedule_mode import ScheduleMode
from db.store import open_store
from db.values import SlotOutcome, Stream
from tests.support.empty_database import compare_with_models, empty
from tests.support.first_release import lay_first_release
from tests.support.postgres import postgres
from tests.support.rows import NOON

__all__ = ["empty", "postgres"]

pytestmark = pytest.mark.anyio


async def test_a_database_of_the_first_release_keeps_all_that_it_has(empty: str) -> None:
    store = await open_store(empty)
    await store.run(lay_first_release)
    assert await migrate(store) != []
    assert await store.read(compare_with_models) == []
    server, task = await store.read(servers.by_id, 1), await store.read(tasks.by_id, 1)
    assert server is not None
    assert task is not None
    assert (server.tags, server.created_at) == (["web", "eu", "web"], NOON)
    assert (server.host_keys, server.legacy_algorithms, server.host_key_alias) == (["ssh-ed25519 AAAA"], [], None)
    assert (task.command, task.env, task.secret_env, task.sealed_env, task.updated_by) == (
        "df -h",
        {"A": "1"},
        {},
        {},
        None,
    )
    leads = await store.read(output_leads.load_leads, 1, 3, 9)
    assert {stream: lead.data for stream, lead in leads.items()} == {Stream.STDOUT: b"out", Stream.STDERR: b""}
    assert server.output_encoding == "utf-8"
    assert (task.schedule_mode, task.schedule_mode_since) == ("active", None)
    (run,) = await store.run(claims.claim, runner_id="runner", at=NOON, limit=10)
    assert (run.command, run.secret_env, run.sealed_env, run.findings) == ("df -h", {}, None, None)
    assert (task.shell, run.shell) == (None, None)
    assert (run.stdin_bytes, run.stdin_sha256, await store.read(stdin.load_sealed, run.id)) == (None, None, None)
    await store.close()


async def test_the_lines_of_output_that_is_there_are_counted(empty: str) -> None:
    """More chunks than the migration takes at once, of two runs, in both streams."""
    store = await open_store(empty)
    await store.run(lay_first_release)
    runs: dict[int, list[bytes]] = {1: [b"out"], 2: []}

    def add(conn: Connection) -> None:
        tables = MetaData()
        tables.reflect(conn, only=["task_executions", "output_chunks"])
        run, chunk = tables.tables["task_executions"], tables.tables["output_chunks"]
        first, part = (dict(conn.execute(select(table)).mappings().one()) for table in (run, chunk))
        conn.execute(insert(run), first | {"id": 2})
        for n in range(1400):
            id, data = n % 2 + 1, b"a\nb\n"[: n % 4 + 1]
            place = sum(map(len, runs[id]))
            values = {"execution_id": id, "position": place, "stream_offset": place, "size": len(data), "data": data}
            conn.execute(insert(chunk), part | values)
            runs[id].append(data)

    await store.run(add)
    await migrate(store)
    for run, parts in runs.items():
        found = await store.read(output.list_after, run, 0, most=1000)
        wanted = [b"".join(parts[:n]).count(b"\n") for n in range(len(parts))]
        assert [row.lines_before for row in found] == wanted
        row = await store.read(executions.by_id, run)
        assert row is not None
        assert row.output_lines == b"".join(parts).count(b"\n")
    await store.close()


async def test_the_tags_that_servers_had_can_be_granted(empty: str) -> None:
    store = await open_store(empty)
    await store.run(lay_first_release)
    await migrate(store)
    found = text("SELECT server_id, tag FROM server_tags ORDER BY tag")
    assert await store.read(lambda conn: [tuple(row) for row in conn.execute(found)]) == [(1, "eu"), (1, "web")]
    await store.close()


@pytest.mark.parametrize("released", ["0001", "0007"])
async def test_tasks_of_each_released_schema_stay_active_and_those_in_shadow_do_not_run_in_an_older_version(
    empty: str, released: str
) -> None:
    store = await open_store(empty)
    await store.run(lay_first_release)
    await store.run(lambda conn: go_to(conn, upgrade, released))
    await migrate(store)
    assert await store.read(compare_with_models) == []
    query = text("SELECT schedule_mode, schedule_mode_since, enabled FROM tasks")
    assert await store.read(lambda conn: [tuple(row) for row in conn.execute(query)]) == [("active", None, True)]
    await store.run(put_in_shadow)
    await store.run(lambda conn: go_to(conn, downgrade, "0009"))
    query = text("SELECT enabled, next_run, (SELECT COUNT(*) FROM schedule_slots) FROM tasks")
    assert await store.read(lambda conn: [tuple(row) for row in conn.execute(query)]) == [(False, None, 0)]
    await store.close()


def go_to(conn: Connection, move: Callable[[Config, str], None], revision: str) -> None:
    config = build_config()
    config.attributes["connection"] = conn
    move(config, revision)


def put_in_shadow(conn: Connection) -> None:
    tasks.update(conn, 1, {"schedule_mode": ScheduleMode.SHADOW, "next_run": NOON})
    line = {"task_id": 1, "slot": NOON, "outcome": SlotOutcome.SHADOWED, "decided_at": NOON}
    slots.record(conn, [line])
