"""How long output waits for more before it is stored."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from db.store import Store
from runner.bus import Bus, output_address
from runner.output import writer as output_writer
from runner.output.buffer import OutputBuffer
from runner.output.writer import OutputWriter
from tests.support import runs
from tests.support.stores import Unruly, both_stores
from tests.support.targets import Target
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

store = both_stores


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
async def writer(unruly: Unruly, bus: Bus) -> AsyncIterator[OutputWriter]:
    made = OutputWriter(store=unruly, bus=bus, clock=runs.now)
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


async def open_slow(writer: OutputWriter, store: Store, written: bytes) -> OutputBuffer:
    """A buffer that has stored `written`, so that what comes next waits for the pace."""
    server = await runs.server(store, Target("nowhere", 22, "ssh-ed25519 AAAA", "no key", Path("/")))
    buffer = writer.open(await runs.claimed(store, server))
    buffer.write("stdout", written)
    await until(lambda: buffer.waiting == 0)
    return buffer


async def test_what_is_followed_is_stored_soon_and_anything_else_waits_for_more(
    writer: OutputWriter, bus: Bus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = await open_slow(writer, store, b"a")
    monkeypatch.setattr(output_writer, "FLUSH_SECONDS", 3600.0)
    buffer.write("stdout", b"b")
    await asyncio.sleep(10 * output_writer.FOLLOWED_SECONDS)
    assert buffer.waiting == 1
    with bus.watch(output_address(buffer.execution_id)):
        buffer.write("stdout", b"c")  # also while the writer waits already
        await until(lambda: buffer.waiting == 0)
        buffer.write("stdout", b"d")
        await until(lambda: buffer.waiting == 0)
    assert (await runs.stored(store, buffer.execution_id))[0] == b"abcd"


async def test_much_output_waits_for_more_though_it_is_followed(
    writer: OutputWriter, bus: Bus, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = await open_slow(writer, store, b"a" * (output_writer.FOLLOWED_BYTES + 1))
    monkeypatch.setattr(output_writer, "FLUSH_SECONDS", 3600.0)
    with bus.watch(output_address(buffer.execution_id)):
        buffer.write("stdout", b"b")
        await asyncio.sleep(10 * output_writer.FOLLOWED_SECONDS)
        assert buffer.waiting == 1
        await buffer.flush()
