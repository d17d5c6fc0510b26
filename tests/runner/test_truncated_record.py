"""The end of a truncated output is stored with the end of its run, in one transaction, on either database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from db import output, transitions
from db.models import TaskExecution
from db.output import OutputEnd
from db.store import Store
from db.values import OnOutputLimit, Reason, State, Stream
from runner.bus import Bus
from runner.output.buffer import OutputBuffer
from runner.output.writer import OutputWriter
from tests.support import runs, truncation
from tests.support.stores import both_stores
from tests.support.targets import Target

pytestmark = pytest.mark.anyio

store = both_stores

NOWHERE = Target("nowhere", 22, "ssh-ed25519 AAAA", "no key", Path("/"))
LIMIT = 100
HEAD, LEFT_OUT, TAIL = b"h" * 49 + b"\n", b"left\nout\n" * 20, b"t" * 30 + b"\n" + b"e" * 19
ENDED = {"state": State.SUCCESS, "reason": Reason.EXIT_STATUS, "exit_code": 0, "truncated": True}


@pytest.fixture
async def writer(store: Store) -> AsyncIterator[OutputWriter]:
    made = OutputWriter(store=store, bus=Bus(), clock=runs.now)
    made.start()
    yield made
    await made.stop()


@pytest.fixture
async def execution(store: Store) -> TaskExecution:
    server = await runs.server(store, NOWHERE)
    return await runs.claimed(store, server, output_limit=LIMIT, on_output_limit=OnOutputLimit.TRUNCATE)


def write_all(buffer: OutputBuffer) -> None:
    """Stderr has no byte in the end that is kept."""
    buffer.write("stdout", HEAD[:20])
    buffer.write("stderr", HEAD[20:])
    buffer.write("stderr", LEFT_OUT)
    buffer.write("stdout", LEFT_OUT + TAIL)


async def finish(store: Store, execution: TaskExecution, last: OutputEnd) -> TaskExecution | None:
    gap = last.find_gap()
    assert gap is not None
    return await store.run(transitions.finish, execution.id, execution.fence, ENDED | gap.build_columns(), last)


async def require_record(store: Store, row: TaskExecution | None) -> None:
    assert row is not None
    assert row.output_gap == {"position": 50, "bytes": 2 * len(LEFT_OUT), "lines": 80}
    assert (row.stdout_bytes, row.stderr_bytes) == (20 + len(LEFT_OUT) + 50, 30 + len(LEFT_OUT))
    assert row.output_lines == 82
    assert await truncation.load_ends(store, row) == (HEAD, TAIL)
    chunks = await truncation.load_chunks(store, row.id)
    assert [(each.stream, each.stream_offset, each.lines_before) for each in chunks] == [
        (Stream.STDOUT, 0, 0),
        (Stream.STDERR, 0, 0),
        (Stream.STDOUT, 20 + len(LEFT_OUT), 81),
    ]


@pytest.mark.parametrize("stored_before", [True, False])
async def test_the_end_and_the_gap_are_stored_with_the_end_of_the_run(
    writer: OutputWriter, store: Store, execution: TaskExecution, stored_before: bool
) -> None:
    buffer = writer.open(execution)
    write_all(buffer)
    if stored_before:
        await buffer.flush()
    await require_record(store, await finish(store, execution, await buffer.take_end()))


async def test_an_end_of_which_a_part_is_stored_already_is_stored_once(
    writer: OutputWriter, store: Store, execution: TaskExecution
) -> None:
    buffer = writer.open(execution)
    write_all(buffer)
    last = await buffer.take_end()
    for count in range(1, len(last.chunks) + 1):
        assert await store.run(output.append, last.chunks[:count]) == set()
    await require_record(store, await finish(store, execution, last))


async def test_an_end_that_was_not_recorded_leaves_the_beginning_to_the_writer_and_nothing_else(
    writer: OutputWriter, store: Store, execution: TaskExecution
) -> None:
    buffer = writer.open(execution)
    write_all(buffer)
    buffer.put_back(await buffer.take_end())
    await buffer.flush()
    assert await runs.stored(store, execution.id) == (HEAD[:20], HEAD[20:])
    await require_record(store, await finish(store, execution, await buffer.take_end()))
