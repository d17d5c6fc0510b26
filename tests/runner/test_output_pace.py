"""How long output waits for more before it is stored."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from db.store import Store
from runner.bus import Bus
from runner.output import writer as output_writer
from runner.output.writer import OutputWriter
from tests.support import runs
from tests.support.stores import Unruly, both_stores
from tests.support.targets import Target
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

store = both_stores


@pytest.fixture
async def writer(unruly: Unruly) -> AsyncIterator[OutputWriter]:
    made = OutputWriter(store=unruly, bus=Bus(), clock=runs.now)
    made.start()
    yield made
    await made.stop()


def see_nothing(conn: Connection) -> None:
    conn.exec_driver_sql("SELECT 1")


async def test_a_flush_of_what_is_being_stored_does_not_hurry_the_next_output(
    writer: OutputWriter, unruly: Unruly, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await runs.server(store, Target("nowhere", 22, "ssh-ed25519 AAAA", "no key", Path("/")))
    first, second = [writer.open(await runs.claimed(store, server)) for _ in range(2)]
    opened = asyncio.Event()

    async def wait(unit: str) -> None:
        await opened.wait()

    unruly.obstacle = wait
    first.write("stdout", b"a")
    await until(lambda: "append" in unruly.calls)
    monkeypatch.setattr(output_writer, "FIRST_SECONDS", 3600.0)
    flushing = asyncio.create_task(first.flush())
    await until(lambda: first.urgent)
    opened.set()
    await flushing
    second.write("stdout", b"b")
    for _ in range(3):
        await store.run(see_nothing)
    last = await second.take_end()
    assert [chunk.data for chunk in last.chunks] == [b"b"]
    assert unruly.calls.count("append") == 1
