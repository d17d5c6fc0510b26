"""The keys that tasks are created under, on both databases, and in a database of each released version."""

import asyncio

import pytest
from alembic.command import downgrade, upgrade
from sqlalchemy import Connection

from db import task_keys
from db.migrate import list_pending, migrate
from db.revisions import build_config
from db.store import Store, open_store
from tests.support import rows
from tests.support.empty_database import compare_with_models, empty
from tests.support.first_release import lay_first_release
from tests.support.postgres import postgres

__all__ = ["empty", "postgres"]

pytestmark = pytest.mark.anyio

DIGEST = "d" * 64


def claim(conn: Connection, digest: str = DIGEST) -> bool:
    return task_keys.claim(conn, 1, "key", digest)


def bring_to(conn: Connection, revision: str) -> None:
    config = build_config()
    config.attributes["connection"] = conn
    upgrade(config, revision)


def go_back_to(conn: Connection, revision: str) -> None:
    config = build_config()
    config.attributes["connection"] = conn
    downgrade(config, revision)


async def test_a_key_is_claimed_once_however_many_do_at_once(store: Store) -> None:
    user = await store.run(rows.user, "ada")
    found = await asyncio.gather(*(store.run(task_keys.claim, user.id, "key", f"{n:064}") for n in range(20)))
    assert sorted(found) == [False] * 19 + [True]
    assert await store.run(task_keys.claim, user.id, "another", DIGEST)
    kept = await store.read(task_keys.by_key, user.id, "key")
    assert kept is not None
    assert kept.digest == f"{found.index(True):064}"
    assert await store.read(task_keys.by_key, user.id, "unknown") is None


@pytest.mark.parametrize("revision", ["0001", "0002"])
async def test_tasks_of_a_released_version_have_no_keys_and_new_ones_may(empty: str, revision: str) -> None:
    store = await open_store(empty)
    await store.run(lay_first_release)
    await store.run(bring_to, revision)
    assert (await migrate(store))[-1] >= "0004"
    assert await list_pending(store) == []
    assert await store.read(compare_with_models) == []
    assert await store.read(task_keys.by_key, 1, "key") is None
    assert await store.run(claim)
    await store.run(task_keys.record_result, 1, "key", 1, 1)
    found = await store.read(task_keys.by_key, 1, "key")
    assert found is not None
    assert (found.task_id, found.execution_id, found.digest) == (1, 1, DIGEST)
    await store.close()


async def test_the_version_before_can_be_gone_back_to(empty: str) -> None:
    store = await open_store(empty)
    await store.run(lay_first_release)
    await migrate(store)
    await store.run(claim)
    await store.run(go_back_to, "0003")
    assert "0004" in await list_pending(store)
    await migrate(store)
    assert await store.run(claim)
    await store.close()
