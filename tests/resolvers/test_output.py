"""Following an output: history and live joined, from any byte on, without gap or repeat."""

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from db.models import TaskExecution
from db.values import Reason, State, Stream
from resolvers import executions, output
from resolvers.errors import Invalid, NotFound
from resolvers.output import Chunk, End, StateChange
from tests.support.desk import NOON, Desk

pytestmark = pytest.mark.anyio

OUT, ERR = Stream


@pytest.fixture
async def row(desk: Desk) -> TaskExecution:
    """A running execution."""
    await executions.run_command(desk.operator, desk.command())
    return await desk.claimed()


async def collected(events: AsyncGenerator[Any, None]) -> list[Any]:
    return [event async for event in events]


def joined(events: list[Any], stream: Stream) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Chunk) and event.stream is stream)


async def state_of_next(events: AsyncGenerator[Any, None]) -> State:
    event = await anext(events)
    assert isinstance(event, StateChange)
    return State(event.state)


async def written(desk: Desk, row: TaskExecution, *parts: tuple[Stream, bytes]) -> None:
    ends = dict.fromkeys(Stream, 0)
    for stream, data in parts:
        await desk.write(row, stream, ends[stream], data)
        ends[stream] += len(data)


async def test_a_run_that_has_ended_is_told_from_its_beginning(desk: Desk, row: TaskExecution) -> None:
    await written(desk, row, (OUT, b"one\n"), (ERR, b"\x00\xff"), (OUT, b"two"))
    desk.clock.forward(3)
    await desk.finish(
        row, State.FAILED, reason=Reason.SIGNAL, exit_code=None, exit_signal="KILL", message="ended by KILL"
    )
    events = await collected(output.follow(desk.viewer, row.id))
    assert [type(event) for event in events] == [Chunk, Chunk, Chunk, StateChange, End]
    assert [event.cursor for event in events] == ["o4", "o6", "o9", "o9", "o9"]
    assert (joined(events, OUT), joined(events, ERR)) == (b"one\ntwo", b"\x00\xff")
    end = events[-1]
    assert (end.state, end.reason, end.message) == (State.FAILED, "SIGNAL", "ended by KILL")
    assert (end.exit_code, end.exit_signal, end.truncated, end.at) == (None, "KILL", False, desk.clock.now)


async def test_states_are_told_as_they_come(desk: Desk) -> None:
    waiting = await executions.run_command(desk.operator, desk.command())
    events = output.follow(desk.viewer, waiting.id)
    assert await state_of_next(events) is State.PENDING
    running = await desk.claimed()
    assert await state_of_next(events) is State.RUNNING
    await desk.write(running, OUT, 0, b"x")
    assert joined([await anext(events)], OUT) == b"x"
    await desk.finish(running)
    rest = await collected(events)
    assert [(type(event), event.state) for event in rest] == [(StateChange, State.SUCCESS), (End, State.SUCCESS)]


async def test_a_cancelled_run_that_never_started_ends_at_once(desk: Desk) -> None:
    waiting = await executions.run_command(desk.operator, desk.command())
    await executions.cancel(desk.operator, waiting.id)
    events = await collected(output.follow(desk.viewer, waiting.id))
    assert [(type(event), event.at) for event in events] == [(StateChange, NOON), (End, NOON)]


async def test_it_goes_on_from_every_byte(desk: Desk, row: TaskExecution) -> None:
    parts = [(OUT, b"abc"), (ERR, b"1"), (OUT, b"defgh"), (ERR, b"234")]
    await written(desk, row, *parts)
    await desk.finish(row)
    places = [stream for stream, data in parts for _ in data]
    whole = b"".join(data for _, data in parts)
    for start in range(len(whole) + 1):
        events = await collected(output.follow(desk.viewer, row.id, f"o{start}"))
        for stream in Stream:
            wanted = bytes(byte for byte, each in zip(whole[start:], places[start:], strict=True) if each is stream)
            assert joined(events, stream) == wanted
        _, chunks = await output.read(desk.viewer, row.id, f"o{start}", 1_000_000)
        assert joined(chunks, OUT) + joined(chunks, ERR) == joined(events, OUT) + joined(events, ERR)


async def test_a_cursor_beyond_the_end_is_another_ones(desk: Desk, row: TaskExecution) -> None:
    await written(desk, row, (OUT, b"abc"))
    for call in (
        anext(output.follow(desk.viewer, row.id, "o4", field="since")),
        output.read(desk.viewer, row.id, "o4", 10),
        output.load_decoders(desk.viewer, row.id, "o4"),
    ):
        with pytest.raises(Invalid, match="beyond"):
            await call


async def test_an_execution_that_is_not_there_is_not_found(desk: Desk) -> None:
    for call in (
        anext(output.follow(desk.viewer, 4711)),
        output.read(desk.viewer, 4711, None, 10),
        output.load_decoders(desk.viewer, 4711, None),
    ):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(Invalid):
        await anext(output.follow(desk.viewer, 2**63))


async def test_watchers_that_come_and_go_while_it_is_written_get_every_byte_once(
    desk: Desk, row: TaskExecution
) -> None:
    dice = random.Random(20261124)
    parts = [(dice.choice([OUT, ERR]), dice.randbytes(dice.randint(1, 3000))) for _ in range(120)]
    wanted = {stream: b"".join(data for each, data in parts if each is stream) for stream in Stream}

    async def watch(patience: int) -> dict[Stream, bytes]:
        """Leave after so many chunks and come again with the cursor, now and then in the middle of a chunk."""
        got, cursor, ended = dict.fromkeys(Stream, b""), None, False
        while not ended:
            events, seen = output.follow(desk.viewer, row.id, cursor), 0
            async for event in events:
                cursor, ended = event.cursor, isinstance(event, End)
                if isinstance(event, Chunk):
                    kept = len(event.data) - (seen == patience - 1 and len(event.data) // 2)
                    got[event.stream] += event.data[:kept]
                    cursor = f"o{int(event.cursor[1:]) - len(event.data) + kept}"
                    seen += 1
                if seen == patience:
                    break
            await events.aclose()
        return got

    async def write() -> None:
        await written(desk, row, *parts)
        await desk.finish(row)

    *found, _ = await asyncio.gather(*(watch(patience) for patience in (1, 2, 7, 1000)), write())
    for got in found:
        assert got == wanted


async def test_a_long_output_is_read_in_parts(desk: Desk, row: TaskExecution) -> None:
    part = bytes(range(256)) * 256
    await written(desk, row, *((OUT, part) for _ in range(20)))
    await desk.finish(row)
    execution, chunks = await output.read(desk.viewer, row.id, None, 3 * len(part))
    assert (execution.id, len(chunks)) == (row.id, 3)
    assert joined(await collected(output.follow(desk.viewer, row.id)), OUT) == part * 20


async def test_a_cursor_in_a_character_does_not_tear_it(desk: Desk, row: TaskExecution) -> None:
    await written(desk, row, (OUT, "漢".encode()), (ERR, b"!"), (OUT, "字".encode()))
    assert not (await output.load_decoders(desk.viewer, row.id, None)).is_pending()
    decoders = await output.load_decoders(desk.viewer, row.id, "o5")
    assert decoders.decode(OUT, "字".encode()[1:], 4) == "字"


async def test_a_hint_that_gets_lost_is_made_up_for(
    desk: Desk, row: TaskExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "POLL_SECONDS", 0.02)
    events = output.follow(desk.viewer, row.id)
    await anext(events)
    coming = asyncio.ensure_future(anext(events))
    monkeypatch.setattr(desk.service.bus, "hint", lambda *addresses: None)
    await desk.write(row, OUT, 0, b"silently")
    assert joined([await coming], OUT) == b"silently"
    await events.aclose()


async def test_a_watcher_that_leaves_is_forgotten(desk: Desk, row: TaskExecution) -> None:
    events = output.follow(desk.viewer, row.id)
    await anext(events)
    assert desk.service.bus._watches
    await events.aclose()
    assert not desk.service.bus._watches
