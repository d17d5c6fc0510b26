"""What is PostgreSQL's own: a server that is away, comes back, or ends a connection in the middle."""

import asyncio
import gc
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from db import postgres_pool
from db.connection_queue import CONNECTIONS, CountedStore
from db.postgres_store import CLOSE_SECONDS
from db.store import Store, StoreOutcomeUnknown, StoreUnavailable, open_store
from tests.support import rows
from tests.support.ports import free_port
from tests.support.postgres import Postgres, make_template, running
from tests.support.rows import list_user_names

pytestmark = pytest.mark.anyio


AT_COMMIT = "CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {}; RETURN NULL; END $$"
TRIGGER = (
    "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON ended DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION at_commit()"
)


@pytest.fixture
async def store(postgres: Postgres) -> AsyncIterator[Store]:
    async with postgres.database() as url:
        opened = await open_store(url)
        yield opened
        await opened.close()


@pytest.fixture
def port() -> int:
    return free_port()


def pid(conn: Connection) -> int:
    return int(conn.scalar(text("SELECT pg_backend_pid()")) or 0)


def end_own_connection(conn: Connection) -> None:
    rows.user(conn, "nobody")
    conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    conn.execute(text("SELECT 1"))


def locked(conn: Connection, first: str, then: str) -> None:
    for name in (first, then):
        conn.execute(text("UPDATE users SET disabled = true WHERE name = :name"), {"name": name})
        conn.execute(text("SELECT pg_sleep(0.1)"))


async def test_nobody_listening_is_a_database_that_is_away(port: int) -> None:
    store = await open_store(f"postgresql://postgres@127.0.0.1:{port}/sshcast")
    with pytest.raises(StoreUnavailable) as caught:
        await store.run(list_user_names)
    assert isinstance(caught.value.__cause__, OSError)
    await store.close()


async def test_a_database_that_is_not_there_is_away(postgres: Postgres) -> None:
    store = await open_store(postgres.url("nowhere"))
    with pytest.raises(StoreUnavailable):
        await store.read(list_user_names)
    await store.close()


def test_a_server_that_was_away_is_used_again(tmp_path: Path, port: int) -> None:
    with running(tmp_path, port=port) as server:
        asyncio.run(make_template(server))
    asyncio.run(story(tmp_path, port))


async def story(folder: Path, port: int) -> None:
    """The store is opened while the server is away, and the server goes away again while it is in use."""
    store = await open_store(f"postgresql://postgres@127.0.0.1:{port}/sshcast_template")
    with pytest.raises(StoreUnavailable):
        await store.run(rows.user, "ada")
    with running(folder, port=port):
        await asyncio.gather(*(store.run(rows.user, name) for name in ("ada", "grace", "edsger")))
    with pytest.raises(StoreUnavailable):
        await store.read(list_user_names)
    with running(folder, port=port):
        assert sorted(await store.read(list_user_names)) == ["ada", "edsger", "grace"]
        await store.close()


async def test_a_connection_that_ends_in_a_unit_is_told_and_replaced(store: Store) -> None:
    with pytest.raises(StoreUnavailable):
        await store.run(end_own_connection)
    assert await store.read(list_user_names) == []


async def test_a_commit_that_is_not_answered_leaves_the_outcome_unknown(store: Store) -> None:
    def be_ended_at_the_commit(conn: Connection) -> None:
        rows.user(conn, "ada")
        conn.execute(text("CREATE TABLE ended (id int)"))
        conn.execute(text(AT_COMMIT.format("PERFORM pg_terminate_backend(pg_backend_pid())")))
        conn.execute(text(TRIGGER))
        conn.execute(text("INSERT INTO ended VALUES (1)"))

    with pytest.raises(StoreOutcomeUnknown):
        await store.run(be_ended_at_the_commit)
    assert await store.read(list_user_names) == []


async def test_a_commit_that_the_server_refuses_is_certainly_not_carried_out(store: Store) -> None:
    def clash_at_the_commit(conn: Connection) -> None:
        rows.user(conn, "ada")
        conn.execute(text("CREATE TABLE ended (id int)"))
        conn.execute(text(AT_COMMIT.format("RAISE EXCEPTION USING ERRCODE = '40001'")))
        conn.execute(text(TRIGGER))
        conn.execute(text("INSERT INTO ended VALUES (1)"))

    with pytest.raises(StoreUnavailable) as caught:
        await store.run(clash_at_the_commit)
    assert type(caught.value) is StoreUnavailable
    assert await store.read(list_user_names) == []


async def test_a_connection_that_ended_between_units_is_not_noticed(store: Store, postgres: Postgres) -> None:
    pids = set(await asyncio.gather(*(store.read(pid) for _ in range(CONNECTIONS))))
    await postgres.execute(f"SELECT pg_terminate_backend(pid, 20000) FROM unnest(ARRAY{sorted(pids)}) AS pid")
    await asyncio.sleep(0.1)  # the backends have ended: now their last words are read
    assert not pids & set(await asyncio.gather(*(store.read(pid) for _ in range(CONNECTIONS))))


async def test_a_connection_is_asked_whether_it_is_there_only_after_a_while(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    ping: Any = PGDialect_asyncpg.do_ping

    def note(self: PGDialect_asyncpg, conn: Any) -> Any:
        asked.append(conn)
        return ping(self, conn)

    monkeypatch.setattr(PGDialect_asyncpg, "do_ping", note)
    first = await store.read(pid)
    assert (await store.read(pid), asked) == (first, [])
    monkeypatch.setattr(postgres_pool, "IDLE_SECONDS", -1.0)
    assert (await store.read(pid), len(asked)) == (first, 1)


async def test_a_connection_that_gives_no_sign_of_life_is_replaced(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await store.read(pid)
    monkeypatch.setattr(postgres_pool, "IDLE_SECONDS", -1.0)
    fails = [True]
    ping: Any = PGDialect_asyncpg.do_ping

    def end_first(self: PGDialect_asyncpg, conn: Any) -> Any:
        if fails:
            fails.clear()
            conn.driver_connection.terminate()
        return ping(self, conn)

    monkeypatch.setattr(PGDialect_asyncpg, "do_ping", end_first)
    assert await store.read(pid) != first


async def test_a_connection_that_ends_after_the_last_statement_of_a_reading_spoils_no_answer(
    store: Store, postgres: Postgres
) -> None:
    def read_and_be_ended(conn: Connection) -> int:
        found = pid(conn)
        ending = postgres.execute(f"SELECT pg_terminate_backend({found})")
        thread = threading.Thread(target=lambda: asyncio.run(ending))
        thread.start()
        thread.join()
        return found

    ended = {await store.read(read_and_be_ended) for _ in range(CONNECTIONS + 1)}
    assert len(ended) == CONNECTIONS + 1, "each had a connection of its own, and gave it back"


async def test_of_two_units_that_wait_for_each_other_one_may_try_again(store: Store) -> None:
    for name in ("ada", "grace"):
        await store.run(rows.user, name)
    pairs = [("ada", "grace"), ("grace", "ada")]
    answers = await asyncio.gather(*(store.run(locked, *pair) for pair in pairs), return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable, type(None)}


async def test_a_store_is_closed_although_a_unit_still_waits_for_a_connection() -> None:
    """At an address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silenced = await open_store(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing?sslmode=disable")
        asked = asyncio.create_task(silenced.run(list_user_names), name="unit")
        await asyncio.sleep(0)
        async with asyncio.timeout(CLOSE_SECONDS + 3):
            await silenced.close()
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            await asked


async def test_a_store_is_closed_after_units_that_have_their_connection(store: Store) -> None:
    """However long those take: they are never cut off."""
    working = asyncio.create_task(
        store.run(lambda conn: conn.scalar(text(f"SELECT length(pg_sleep({CLOSE_SECONDS + 0.5})::text)"))), name="unit"
    )
    async with asyncio.timeout(5):
        while isinstance(store, CountedStore) and not store.count_connections():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await store.close()
    assert working.done()
    assert await working == 0


async def test_the_failure_of_a_unit_whose_caller_went_away_is_nobodys(port: int) -> None:
    """asyncio complains of an exception that nobody has looked at."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    away = await open_store(f"postgresql://nobody@127.0.0.1:{port}/nothing")
    caller = asyncio.create_task(away.run(list_user_names), name="caller")
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait([caller])
    del caller
    await away.close()
    gc.collect()
    assert complaints == []
