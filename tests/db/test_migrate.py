"""Migrations bring any database to the models' schema, once, however many start at the same time."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from alembic.command import downgrade
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from db.migrate import find_newest_revision, list_pending, migrate
from db.revisions import build_config
from db.store import Store, open_store
from tests.support.empty_database import compare_with_models, empty

__all__ = ["empty"]

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
MIGRATE = """
import asyncio, sys
from db.migrate import migrate
from db.store import open_store

async def main():
    store = await open_store(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    print(await migrate(store))
    await store.close()

asyncio.run(main())
"""


def collations(conn: Connection) -> dict[str, str]:
    found = conn.exec_driver_sql(
        "SELECT table_name, collation_name FROM information_schema.columns WHERE column_name = 'name'"
        " AND table_schema = 'public'"
    )
    return {row.table_name: row.collation_name for row in found}


def undo(conn: Connection) -> list[str]:
    config = build_config()
    config.attributes["connection"] = conn
    downgrade(config, "base")
    return inspect(conn).get_table_names()


async def test_the_migrated_schema_is_that_of_the_models(store: Store) -> None:
    assert await store.read(compare_with_models) == []


async def test_a_difference_would_be_seen(store: Store) -> None:
    await store.run(lambda conn: conn.exec_driver_sql("DROP INDEX ix_tasks_due"))
    assert await store.read(compare_with_models) != []


async def test_an_empty_database_is_migrated_once(empty: str) -> None:
    store = await open_store(empty)
    missing = await list_pending(store)
    assert missing[0] == "0001"
    assert await migrate(store) == missing
    assert await migrate(store) == []
    assert await list_pending(store) == []
    await store.close()


def test_the_file_with_the_highest_number_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(build_config()).get_heads() == [find_newest_revision()]


async def test_a_migration_that_fails_leaves_nothing_behind(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await open_store(empty)
    await store.run(lambda conn: conn.exec_driver_sql("CREATE TABLE output_chunks (id integer)").close())
    with pytest.raises(Exception, match="output_chunks"):
        await migrate(store)
    assert await store.read(lambda conn: inspect(conn).get_table_names()) == ["output_chunks"]
    await store.close()


async def test_two_processes_that_migrate_at_once_do_it_once(empty: str) -> None:
    command = [sys.executable, "-c", MIGRATE, empty]
    processes = [await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    outcomes = [
        out.decode().strip() for out, _ in await asyncio.gather(*(each.communicate(b"go\n") for each in processes))
    ]
    assert [process.returncode for process in processes] == [0, 0]
    store = await open_store(empty)
    assert sorted(outcomes)[1] == "[]"
    assert sorted(outcomes)[0].startswith("['0001'")
    assert await store.read(compare_with_models) == []
    await store.close()


async def test_it_can_be_undone(store: Store) -> None:
    assert await store.run(undo) == ["alembic_version"]


async def test_names_are_ordered_by_code_points_on_a_postgresql_of_any_language(store: Store) -> None:
    if store.dialect == "postgresql":
        assert await store.read(collations) == dict.fromkeys(
            ("users", "servers", "tasks", "personal_tokens", "secrets"), "C"
        )
