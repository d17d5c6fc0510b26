"""The output and the events of a fleet run as streams: nothing is missed or told twice, wherever one goes on from."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from sqlalchemy import update

from db import fleet_output, retention, transitions
from db.fleet_models import FleetRun
from db.models import Server, TaskExecution
from db.output import NewChunk, OutputEnd
from db.values import Reason, Role, State, Stream
from resolvers import fleet_streams, fleets, grants
from resolvers.context import Context
from resolvers.errors import CursorExpired, Invalid, NotFound
from resolvers.events import encode_cursor
from resolvers.fleet_streams import OutputPiece
from tests.support.desk import Desk
from tests.support.fleet_answers import answer_all, claim_all, end_run, write_all
from tests.support.fleets import add_servers, start

pytestmark = pytest.mark.anyio
WEB: dict[str, Any] = {"tags_all": ["web"]}
LIMIT = 60


async def collect(found: AsyncGenerator[Any, None]) -> list[Any]:
    """All that the stream tells until it completes."""
    async with asyncio.timeout(LIMIT), aclosing(found):
        return [each async for each in found]


async def collect_output(ctx: Context, id: int, after: str | None = None) -> list[OutputPiece]:
    return await collect(fleet_streams.follow_output(ctx, id, after))


def join(pieces: list[OutputPiece]) -> dict[tuple[int, Stream], bytes]:
    """The bytes of each stream of each execution; each piece must continue the one before."""
    found: dict[tuple[int, Stream], bytes] = defaultdict(bytes)
    for piece in pieces:
        assert piece.offset == len(found[piece.execution_id, piece.stream])
        found[piece.execution_id, piece.stream] += piece.data
    return found


async def run_some(desk: Desk, number: int = 3) -> tuple[FleetRun, list[TaskExecution], list[Server]]:
    """A fleet run whose executions have written a few times in turn; they are still running."""
    servers = await add_servers(desk, number)
    run = await start(desk, **WEB)
    rows = await claim_all(desk)
    for turn in range(3):
        for row in rows:
            parts = [(row, Stream.STDOUT, 4 * turn, b"out%d" % turn), (row, Stream.STDERR, turn, b"!")]
            await write_all(desk, parts)
    return run, rows, servers


async def end_all(desk: Desk, run: FleetRun, rows: list[TaskExecution]) -> None:
    await answer_all(desk, rows, lambda row: b"")
    await end_run(desk, run.id)


async def test_the_output_of_all_executions_is_told_in_the_order_in_which_it_was_stored(either_desk: Desk) -> None:
    run, rows, _ = await run_some(either_desk)
    await end_all(either_desk, run, rows)
    told = await collect_output(either_desk.viewer, run.id)
    in_turn = [(row.id, stream) for _ in range(3) for row in rows for stream in (Stream.STDOUT, Stream.STDERR)]
    assert [(piece.execution_id, piece.stream) for piece in told] == in_turn
    assert {piece.execution_id: piece.server_id for piece in told} == {row.id: row.server_id for row in rows}
    found = join(told)
    assert {found[row.id, Stream.STDOUT] for row in rows} == {b"out0out1out2"}
    assert {found[row.id, Stream.STDERR] for row in rows} == {b"!!!"}


async def test_whoever_goes_on_after_any_chunk_gets_exactly_the_rest(either_desk: Desk) -> None:
    run, rows, _ = await run_some(either_desk)
    await end_all(either_desk, run, rows)
    told = await collect_output(either_desk.viewer, run.id)
    for number, piece in enumerate(told, 1):
        assert await collect_output(either_desk.viewer, run.id, piece.cursor) == told[number:]
        assert len(piece.cursor) < 60


async def test_output_is_told_as_it_comes_and_the_stream_completes_with_the_fleet_run(either_desk: Desk) -> None:
    desk = either_desk
    run, rows, _ = await run_some(desk)
    async with asyncio.timeout(LIMIT), aclosing(fleet_streams.follow_output(desk.viewer, run.id)) as stream:
        told = [await anext(stream) for _ in range(18)]
        await write_all(desk, [(rows[1], Stream.STDOUT, 12, b"late")])
        told.append(await anext(stream))
        assert told[-1].data == b"late"
        coming = asyncio.create_task(collect(stream), name="the rest")
        await end_all(desk, run, rows)
        assert await coming == []


async def test_the_last_output_that_is_stored_with_the_end_is_told_too(either_desk: Desk) -> None:
    desk = either_desk
    await add_servers(desk, 1)
    run = await start(desk, **WEB)
    (row,) = await claim_all(desk)
    await write_all(desk, [(row, Stream.STDOUT, 0, b"first ")])
    chunk = NewChunk(row.id, row.fence, Stream.STDOUT, 6, desk.clock(), b"last")
    last = OutputEnd([chunk], {Stream.STDOUT: 10, Stream.STDERR: 0})
    values = {"state": State.SUCCESS, "reason": Reason.EXIT_STATUS, "exit_code": 0, "end_time": desk.clock()}

    assert await desk.service.store.run(transitions.finish, row.id, row.fence, values, last)
    await end_run(desk, run.id)
    assert [piece.data for piece in await collect_output(desk.viewer, run.id)] == [b"first ", b"last"]


async def test_much_output_is_told_whole_in_bounded_reads(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_output, "MOST_FLUSHES", 2)
    monkeypatch.setattr(fleet_output, "MOST_CHUNKS", 3)
    monkeypatch.setattr(fleet_output, "MOST_BYTES", 40)
    await add_servers(desk, 3)
    run = await start(desk, **WEB)
    rows = await claim_all(desk)
    for turn in range(4):
        size = 5 * 10 if turn == 2 else 10
        at = [0, 10, 20, 70][turn]
        cuts = range(0, size, 10)
        await write_all(desk, [(row, Stream.STDOUT, at + cut, b"%010d" % (at + cut)) for row in rows for cut in cuts])
    await end_all(desk, run, rows)
    told = await collect_output(desk.viewer, run.id)
    assert {len(data) for data in join(told).values()} == {80}
    for number, piece in enumerate(told, 1):
        assert await collect_output(desk.viewer, run.id, piece.cursor) == told[number:]


async def test_a_character_that_is_split_is_in_the_text_of_the_second_chunk_also_after_a_cursor(desk: Desk) -> None:
    await add_servers(desk, 2)
    run = await start(desk, **WEB)
    rows = await claim_all(desk)
    await write_all(desk, [(row, Stream.STDOUT, 0, b"a\xc3") for row in rows])
    await write_all(desk, [(row, Stream.STDOUT, 2, b"\xa9b") for row in rows])
    await end_all(desk, run, rows)
    told = await collect_output(desk.viewer, run.id)
    assert [piece.text for piece in told] == ["a", "a", "éb", "éb"]
    assert await collect_output(desk.viewer, run.id, told[1].cursor) == told[2:]


async def test_who_sees_some_servers_follows_the_output_of_just_those(either_desk: Desk) -> None:
    desk = either_desk
    run, rows, servers = await run_some(desk)
    await end_all(desk, run, rows)
    nobody = desk.as_a(Role.NONE)
    with pytest.raises(NotFound):
        await collect_output(nobody, run.id)
    with pytest.raises(NotFound):
        await collect(fleet_streams.follow_events(nobody, run.id))
    await grants.give(desk.admin, desk.users[Role.NONE].id, servers[1].id, None, Role.VIEWER)
    assert {piece.server_id for piece in await collect_output(nobody, run.id)} == {servers[1].id}


async def test_a_right_that_is_lost_ends_the_stream(desk: Desk) -> None:
    run, _, servers = await run_some(desk)
    nobody = desk.as_a(Role.NONE)
    grant = await grants.give(desk.admin, desk.users[Role.NONE].id, servers[0].id, None, Role.VIEWER)
    async with aclosing(fleet_streams.follow_output(nobody, run.id)) as stream:
        assert (await anext(stream)).server_id == servers[0].id
        await grants.revoke(desk.admin, grant.id)
        with pytest.raises(NotFound):
            await collect(stream)


@pytest.mark.parametrize("after", ["", "f1-1", "e1-1", "f1-1-99999999999", "f99999999999999999999-1-1"])
async def test_what_is_no_cursor_of_output_is_refused(desk: Desk, after: str) -> None:
    run, _, _ = await run_some(desk, 1)
    with pytest.raises(Invalid, match="not a cursor"):
        await collect_output(desk.viewer, run.id, after)


async def test_a_cursor_of_another_fleet_run_or_another_database_is_refused(either_desk: Desk) -> None:
    desk = either_desk
    run, rows, _ = await run_some(desk, 1)
    await end_all(desk, run, rows)
    (*_, last) = await collect_output(desk.viewer, run.id)
    other = await start(desk, **WEB)
    with pytest.raises(Invalid, match="another fleet run"):
        await collect_output(desk.viewer, other.id, last.cursor)
    with pytest.raises(CursorExpired):
        await collect_output(desk.viewer, run.id, "f9223372036854775807-9223372036854775807-1")
    await desk.service.store.run(lambda conn: conn.execute(update(fleet_output.flushes).values(xid=1)) and None)
    with pytest.raises(CursorExpired):
        await collect_output(desk.viewer, run.id, last.cursor)


async def test_retention_removes_the_notes_of_output_with_it(desk: Desk) -> None:
    run, rows, _ = await run_some(desk, 2)
    await end_all(desk, run, rows)
    desk.clock.forward(10)
    assert await desk.service.store.run(retention.prune, desk.clock(), 1) == 1
    assert {piece.execution_id for piece in await collect_output(desk.viewer, run.id)} == {rows[1].id}


async def test_the_events_of_a_fleet_run_are_told_until_its_end_and_from_any_cursor(either_desk: Desk) -> None:
    desk = either_desk
    run, rows, servers = await run_some(desk, 2)
    await end_all(desk, run, rows)
    await start(desk, **WEB)
    told = await collect(fleet_streams.follow_events(desk.viewer, run.id))
    kinds = [event.kind for event in told]
    assert sorted(kinds) == sorted(
        ["fleet-run-created", *(["execution-created", "execution-started", "execution-ended"] * 2), "fleet-run-ended"]
    )
    assert {event.fleet_run_id for event in told} == {run.id}
    for number, event in enumerate(told, 1):
        rest = await collect(fleet_streams.follow_events(desk.viewer, run.id, encode_cursor(event)))
        assert [each.id for each in rest] == [each.id for each in told[number:]]
    nobody = desk.as_a(Role.NONE)
    await grants.give(desk.admin, desk.users[Role.NONE].id, servers[0].id, None, Role.VIEWER)
    seen = await collect(fleet_streams.follow_events(nobody, run.id))
    assert {event.server_id for event in seen} == {None, servers[0].id}
    assert [event.kind for event in seen if event.server_id is None] == ["fleet-run-created", "fleet-run-ended"]


async def test_events_are_told_as_they_come(either_desk: Desk) -> None:
    desk = either_desk
    run, rows, _ = await run_some(desk, 1)
    async with asyncio.timeout(LIMIT), aclosing(fleet_streams.follow_events(desk.viewer, run.id)) as stream:
        told = [(await anext(stream)).kind for _ in range(3)]
        await fleets.cancel(desk.operator, run.id)
        told += [(await anext(stream)).kind for _ in range(2)]
        await end_all(desk, run, rows)
        told += [each.kind for each in await collect(stream)]
    assert told[-2:] == ["execution-ended", "fleet-run-ended"]
    assert set(told[3:5]) == {"execution-cancel-requested", "fleet-run-cancel-requested"}
