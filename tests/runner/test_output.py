"""Output on its way to the database: batched, in order, whole, bounded in memory, and never after a take-over."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from db import transitions
from db.models import TaskExecution
from db.store import Store
from runner.bus import Bus, output_address
from runner.output.buffer import BUFFER_BYTES, FlowControl, OutputBuffer
from runner.output.writer import OutputWriter
from tests.support import runs
from tests.support.stores import Unruly, both_stores, is_away
from tests.support.targets import Target
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

store = both_stores

NOWHERE = Target("nowhere", 22, "ssh-ed25519 AAAA", "no key", Path("/"))
EVERY_BYTE = bytes(range(256))


class Gate:
    """An obstacle that holds every unit back until it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def __call__(self, unit: str) -> None:
        await self.open.wait()


@pytest.fixture
async def bus() -> Bus:
    return Bus()


@pytest.fixture
async def writer(unruly: Unruly, bus: Bus) -> AsyncIterator[OutputWriter]:
    made = OutputWriter(store=unruly, bus=bus, clock=runs.now)
    made.start()
    yield made
    await made.stop()


@pytest.fixture
async def server(store: Store) -> int:
    return await runs.server(store, NOWHERE)


@pytest.fixture
async def execution(store: Store, server: int) -> TaskExecution:
    return await runs.claimed(store, server)


async def test_every_byte_of_both_streams_is_stored_in_the_order_in_which_it_came(
    writer: OutputWriter, store: Store, execution: TaskExecution
) -> None:
    chance = random.Random(7)
    expected = {"stdout": b"", "stderr": b""}
    buffer = writer.open(execution)
    for _ in range(300):
        stream, data = chance.choice(["stdout", "stderr"]), EVERY_BYTE * chance.choice([0, 1, 3, 400])
        expected[stream] += data
        buffer.write(stream, data)
        await asyncio.sleep(0)
    await buffer.flush()
    assert await runs.stored(store, execution.id) == (expected["stdout"], expected["stderr"])


async def test_a_line_of_ten_megabytes_is_stored_whole(
    writer: OutputWriter, store: Store, execution: TaskExecution
) -> None:
    line = hashlib.sha256(b"seed").digest() * 327_680
    buffer = writer.open(execution)
    buffer.write("stdout", line)
    await buffer.flush()
    assert (await runs.stored(store, execution.id))[0] == line


async def test_many_small_writes_share_few_commits(
    writer: OutputWriter, unruly: Unruly, execution: TaskExecution
) -> None:
    buffer = writer.open(execution)
    for _ in range(1000):
        buffer.write("stdout", b"x")
        await asyncio.sleep(0)
    await buffer.flush()
    assert unruly.calls.count("append") <= 10


async def test_many_executions_share_a_commit(writer: OutputWriter, unruly: Unruly, store: Store, server: int) -> None:
    buffers = [writer.open(await runs.claimed(store, server)) for _ in range(20)]
    for buffer in buffers:
        buffer.write("stdout", b"hello")
    await asyncio.gather(*(buffer.flush() for buffer in buffers))
    assert unruly.calls.count("append") == 1


async def test_output_is_stored_without_a_flush_and_announced_only_then(
    writer: OutputWriter, bus: Bus, unruly: Unruly, store: Store, execution: TaskExecution
) -> None:
    gate = Gate()
    unruly.obstacle = gate
    with bus.watch(output_address(execution.id)) as watch:
        writer.open(execution).write("stdout", b"hello")
        await until(lambda: unruly.calls)
        assert not watch.is_set
        gate.open.set()
        await watch.wait(10)
        assert watch.is_set
    assert (await runs.stored(store, execution.id))[0] == b"hello"


async def test_a_buffer_goes_on_where_the_stored_output_ends(
    writer: OutputWriter, store: Store, execution: TaskExecution
) -> None:
    first = writer.open(execution)
    first.write("stdout", b"one ")
    first.write("stderr", b"problem")
    await first.flush()
    (adopted,) = await store.run(transitions.adopt, runner_id="runner-2")
    second = writer.open(adopted)
    second.write("stdout", b"two")
    await second.flush()
    assert await runs.stored(store, execution.id) == (b"one two", b"problem")


async def test_more_than_the_limit_is_cut_and_said_to_be(writer: OutputWriter, store: Store, server: int) -> None:
    execution = await runs.claimed(store, server, output_limit=10)
    buffer = writer.open(execution)
    buffer.write("stdout", b"12345678")
    assert not buffer.overflowed.is_set()
    buffer.write("stderr", b"9")
    buffer.write("stdout", b"0")
    assert not buffer.overflowed.is_set()
    assert not buffer.truncated
    buffer.write("stdout", b"x")
    assert buffer.overflowed.is_set()
    assert buffer.truncated
    await buffer.flush()
    assert await runs.stored(store, execution.id) == (b"123456780", b"9")


async def test_a_write_that_crosses_the_limit_is_kept_up_to_it(writer: OutputWriter, store: Store, server: int) -> None:
    execution = await runs.claimed(store, server, output_limit=100_000)
    buffer = writer.open(execution)
    buffer.write("stdout", b"x" * 100_001)
    await buffer.flush()
    assert buffer.truncated
    assert len((await runs.stored(store, execution.id))[0]) == 100_000


async def test_a_database_that_is_away_and_comes_back_loses_nothing(
    writer: OutputWriter, unruly: Unruly, store: Store, execution: TaskExecution
) -> None:
    unruly.obstacle = is_away
    buffer = writer.open(execution)
    for n in range(50):
        buffer.write("stdout", f"line {n}\n".encode())
    await until(lambda: unruly.calls.count("append") >= 2)
    unruly.obstacle = None
    await buffer.flush()
    assert (await runs.stored(store, execution.id))[0] == b"".join(f"line {n}\n".encode() for n in range(50))


async def test_a_batch_that_fails_for_any_other_reason_is_kept_too_and_logged_with_its_size(
    writer: OutputWriter, unruly: Unruly, store: Store, execution: TaskExecution
) -> None:
    async def refuse(unit: str) -> None:
        if unruly.calls.count("append") <= 2:
            raise ValueError("a bug")

    unruly.obstacle = refuse
    buffer = writer.open(execution)
    with capture_logs() as events:
        buffer.write("stdout", b"first ")
        await until(lambda: unruly.calls.count("append") >= 1)
        buffer.write("stdout", b"and second")
        await buffer.flush()
    assert (await runs.stored(store, execution.id))[0] == b"first and second"
    assert [(event["log_level"], event["loop"], event["chunks"]) for event in events] == [
        ("error", "output writer", 1)
    ] * 2
    assert {event["event"] for event in events} == {"output cannot be stored; trying again"}


async def test_a_writer_with_nothing_to_store_leaves_the_database_alone(
    writer: OutputWriter, unruly: Unruly, execution: TaskExecution
) -> None:
    buffer = writer.open(execution)
    buffer.write("stdout", b"x")
    await buffer.flush()
    for _ in range(3):
        assert await writer.tick() == OutputWriter.poll_seconds
    assert unruly.calls.count("append") == 1


async def test_a_writer_that_was_stopped_with_a_batch_in_hand_stores_it_when_it_starts_again(
    writer: OutputWriter, unruly: Unruly, store: Store, execution: TaskExecution
) -> None:
    unruly.obstacle = is_away
    buffer = writer.open(execution)
    buffer.write("stdout", b"in hand")
    await until(lambda: unruly.calls.count("append") >= 1)
    await writer.stop()
    unruly.obstacle = None
    writer.start()
    await buffer.flush()
    assert (await runs.stored(store, execution.id))[0] == b"in hand"


async def test_a_commit_whose_answer_is_lost_stores_each_byte_once(
    writer: OutputWriter, unruly: Unruly, store: Store, execution: TaskExecution
) -> None:
    unruly.lose = {"append"}
    buffer = writer.open(execution)
    buffer.write("stdout", b"once")
    await buffer.flush()
    assert unruly.calls.count("append") == 2
    assert (await runs.stored(store, execution.id))[0] == b"once"


async def test_a_slow_database_pauses_the_source_and_what_waits_stays_bounded(
    writer: OutputWriter, unruly: Unruly, store: Store, execution: TaskExecution
) -> None:
    gate = Gate()
    unruly.obstacle = gate
    buffer = writer.open(execution)
    source = Source(buffer, total=20_000_000)
    await until(lambda: source.paused and unruly.calls)
    assert buffer.waiting <= BUFFER_BYTES + Source.BLOCK
    gate.open.set()
    await until(lambda: source.sent == source.total)
    await buffer.flush()
    assert source.most <= BUFFER_BYTES + Source.BLOCK
    assert (await runs.stored(store, execution.id))[0] == bytes(20_000_000)


async def test_many_sources_share_the_memory_that_a_slow_database_takes(
    writer: OutputWriter, unruly: Unruly, store: Store, server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.output.buffer.ALL_BYTES", 4_000_000)
    gate = Gate()
    unruly.obstacle = gate
    sources = [Source(writer.open(await runs.claimed(unruly.real, server)), total=2_000_000) for _ in range(20)]
    await until(lambda: all(source.paused for source in sources))
    assert sum(source.buffer.waiting for source in sources) <= 4_000_000 + 20 * 4 * Source.BLOCK
    gate.open.set()
    await until(lambda: all(source.sent == source.total for source in sources))
    await asyncio.gather(*(source.buffer.flush() for source in sources))


async def test_a_writer_whose_execution_was_taken_over_stores_no_more_and_ends_its_flush(
    writer: OutputWriter, store: Store, execution: TaskExecution
) -> None:
    told: list[str] = []
    buffer = writer.open(execution, when_fenced=lambda: told.append("fenced"))
    await store.run(transitions.adopt, runner_id="runner-2")
    buffer.write("stdout", b"from a zombie")
    async with asyncio.timeout(10):
        await buffer.flush()
        buffer.write("stdout", b"and more")
        await buffer.flush()
    assert (buffer.fenced, told) == (True, ["fenced"])
    assert await runs.stored(store, execution.id) == (b"", b"")


async def test_a_taken_over_execution_does_not_hinder_the_others_in_its_batch(
    writer: OutputWriter, store: Store, server: int
) -> None:
    lost, kept = await runs.claimed(store, server), await runs.claimed(store, server)
    buffers = [writer.open(lost), writer.open(kept)]
    await store.run(transitions.update_claimed, lost.id, lost.fence, {"fence": lost.fence + 1})
    for buffer in buffers:
        buffer.write("stdout", b"data")
    await asyncio.gather(*(buffer.flush() for buffer in buffers))
    assert (await runs.stored(store, lost.id))[0] == b""
    assert (await runs.stored(store, kept.id))[0] == b"data"


async def test_a_source_that_cannot_be_resumed_does_not_end_the_writer(
    writer: OutputWriter, store: Store, server: int
) -> None:
    def broken() -> None:
        raise OSError("the channel is gone")

    bad = writer.open(await runs.claimed(store, server))
    bad.set_flow(FlowControl(broken, broken))
    bad.write("stdout", b"x")
    await bad.flush()
    good = writer.open(await runs.claimed(store, server))
    good.write("stdout", b"y")
    await good.flush()
    assert (await runs.stored(store, good.execution_id))[0] == b"y"


class Source:
    """Sends zeros as fast as it is let."""

    BLOCK = 32 * 1024

    def __init__(self, buffer: OutputBuffer, *, total: int) -> None:
        self.buffer = buffer
        self.total = total
        self.sent = 0
        self.most = 0
        self.paused = False
        buffer.set_flow(FlowControl(self.pause, self.resume))
        self.resume()

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        asyncio.get_running_loop().call_soon(self.send)

    def send(self) -> None:
        while not self.paused and self.sent < self.total:
            size = min(self.BLOCK, self.total - self.sent)
            self.sent += size
            self.buffer.write("stdout", bytes(size))
            self.most = max(self.most, self.buffer.waiting)
