"""What following an output costs the database: as much for ten watchers as for one. And what they share is exact."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from db.models import TaskExecution
from db.store import StoreUnavailable
from db.values import Role, State, Stream
from resolvers import executions, output, output_tail
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.output import Chunk, End
from tests.support.desk import Desk
from tests.support.granting import Granting, granting
from tests.support.statements import counted
from tests.support.stores import Unruly, is_away

__all__ = ["granting"]

pytestmark = pytest.mark.anyio

OUT, ERR = Stream
FLUSHES = 5
READS_A_FLUSH = 2

Events = AsyncGenerator[Any, None]


@pytest.fixture(autouse=True)
def no_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads are only those that a hint asks for, so that they can be counted."""
    monkeypatch.setattr(output, "POLL_SECONDS", 300.0)


@pytest.fixture
async def row(either_desk: Desk) -> TaskExecution:
    return await new_run(either_desk)


async def new_run(desk: Desk) -> TaskExecution:
    await executions.run_command(desk.operator, desk.command())
    return await desk.claimed()


@asynccontextmanager
async def watching(ctx: Context, row: TaskExecution, count: int) -> AsyncIterator[list[Events]]:
    """So many watchers, each of whom has been told the state."""
    async with AsyncExitStack() as stack:
        watchers = [await stack.enter_async_context(aclosing(follow(ctx, row.id))) for _ in range(count)]
        for each in watchers:
            await anext(each)
        yield watchers


def follow(ctx: Context, id: int, after: str | None = None) -> Events:
    return output.follow(ctx, id, after)


async def next_of(watchers: Sequence[Events]) -> list[Any]:
    return await asyncio.gather(*map(anext, watchers))


async def statements_of_flushes(desk: Desk, count: int) -> int:
    row = await new_run(desk)
    async with watching(desk.viewer, row, count) as watchers:
        with counted() as sent:
            for number in range(FLUSHES):
                await desk.write(row, OUT, number, b"x")
                assert {(event.data, event.cursor) for event in await next_of(watchers)} <= {(b"x", f"o{number + 1}")}
        return len(sent)


async def statements_of_the_end(desk: Desk, count: int) -> int:
    row = await new_run(desk)
    async with watching(desk.viewer, row, count) as watchers:
        coming = asyncio.ensure_future(next_of(watchers))
        with counted() as sent:
            await desk.finish(row)
            await coming
            assert all(isinstance(event, End) for event in await next_of(watchers))
        return len(sent)


async def test_a_flush_costs_ten_watchers_as_much_as_one(either_desk: Desk) -> None:
    nobody, one, ten = [await statements_of_flushes(either_desk, count) for count in (0, 1, 10)]
    assert one - nobody <= READS_A_FLUSH * FLUSHES
    assert ten == one


async def test_the_end_costs_ten_watchers_one_statement(either_desk: Desk) -> None:
    nobody, one, ten = [await statements_of_the_end(either_desk, count) for count in (0, 1, 10)]
    assert (one - nobody, ten - nobody) == (1, 1)


async def test_an_output_that_has_ended_is_read_by_two_statements(either_desk: Desk, row: TaskExecution) -> None:
    await either_desk.write(row, OUT, 0, b"all of it")
    await either_desk.finish(row)
    with counted() as sent:
        assert len([event async for event in output.follow(either_desk.viewer, row.id)]) == 3
    assert len(sent) == 2


async def test_silence_costs_ten_watchers_as_much_as_one(
    either_desk: Desk, row: TaskExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "POLL_SECONDS", 0.01)
    store = Unruly(either_desk.service.store)
    ctx = replace(either_desk.viewer, service=replace(either_desk.service, store=store))
    polled = asyncio.Event()

    async def note(unit: str) -> None:
        if len(store.calls) >= 30:
            polled.set()

    async with watching(ctx, row, 10) as watchers:
        coming = asyncio.ensure_future(next_of(watchers))
        store.obstacle = note
        with counted() as sent:
            await polled.wait()
            polls = len(store.calls) - 10
        assert len(sent) <= polls
        await either_desk.write(row, OUT, 0, b"x")
        await coming


async def test_a_late_joiner_gets_the_history_and_then_what_the_others_get(
    either_desk: Desk, row: TaskExecution
) -> None:
    async with watching(either_desk.viewer, row, 2) as watchers:
        for number in range(3):
            either_desk.clock.forward(1)
            await either_desk.write(row, OUT, number, b"x")
            await next_of(watchers)
        async with aclosing(follow(either_desk.viewer, row.id, "o1")) as late:
            assert [(await anext(late)).cursor for _ in range(3)] == ["o1", "o2", "o3"]
            await either_desk.write(row, ERR, 0, b"!")
            assert {(event.stream, event.cursor) for event in await next_of([*watchers, late])} == {(ERR, "o4")}


async def test_a_watcher_that_comes_back_in_the_middle_of_a_chunk_gets_the_rest_of_it(
    either_desk: Desk, row: TaskExecution
) -> None:
    async with watching(either_desk.viewer, row, 1) as watchers:
        await either_desk.write(row, OUT, 0, b"abcdef")
        await next_of(watchers)
        for cut in range(6):
            async with aclosing(follow(either_desk.viewer, row.id, f"o{cut}")) as back:
                _, chunk = [await anext(back) for _ in range(2)]
                assert (chunk.data, chunk.cursor) == (b"abcdef"[cut:], "o6")


async def test_a_slow_watcher_loses_nothing(
    either_desk: Desk, row: TaskExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_tail, "KEPT_BYTES", 10)
    monkeypatch.setattr(output_tail, "KEPT_ROWS", 3)
    dice = random.Random(20261130)
    parts = [(dice.choice([OUT, ERR]), dice.randbytes(dice.randint(1, 6))) for _ in range(60)]
    ends = dict.fromkeys(Stream, 0)
    async with watching(either_desk.viewer, row, 2) as (quick, slow):
        for stream, data in parts:
            await either_desk.write(row, stream, ends[stream], data)
            ends[stream] += len(data)
            got = await anext(quick)
            assert (got.stream, got.data) == (stream, data)
            if dice.random() < 0.1:
                await anext(slow)
        await either_desk.finish(row)
        told = [event async for event in slow]
        assert [type(event) for event in told[-2:]] == [output.StateChange, End]
        assert len(told) < 40
        left = [(event.stream, byte) for event in told if isinstance(event, Chunk) for byte in event.data]
        whole = [(stream, byte) for stream, data in parts for byte in data]
        assert left == whole[len(whole) - len(left) :]
        assert len(whole) / 2 < len(left) < len(whole)


async def test_who_is_behind_is_told_what_came_together_as_one_and_what_came_later_apart(
    either_desk: Desk, row: TaskExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "JOINED_BYTES", 4)
    parts = [(OUT, b"ab"), (OUT, b"c"), (OUT, b"de"), (ERR, b"f"), (ERR, b"g")]
    ends = dict.fromkeys(Stream, 0)
    for stream, data in parts:
        await either_desk.write(row, stream, ends[stream], data)
        ends[stream] += len(data)
    either_desk.clock.forward(1)
    await either_desk.write(row, ERR, 2, b"h")
    async with watching(either_desk.viewer, row, 1) as (first,):
        told = [await anext(first) for _ in range(4)]
    assert [(event.data, event.cursor) for event in told] == [
        (b"abc", "o3"),
        (b"de", "o5"),
        (b"fg", "o7"),
        (b"h", "o8"),
    ]
    async with aclosing(follow(either_desk.viewer, row.id, "o1")) as events:
        _, chunk = [await anext(events) for _ in range(2)]
        assert chunk.data == b"bc"


async def test_all_are_told_the_end_wherever_they_stand(either_desk: Desk, row: TaskExecution) -> None:
    async with watching(either_desk.viewer, row, 3) as watchers:
        for number in range(4):
            await either_desk.write(row, OUT, number, b"x")
            await next_of(watchers[: number % 3])
        await either_desk.finish(row)
        for each in watchers:
            told = [event async for event in each]
            assert (told[-1].state, told[-1].cursor) == (State.SUCCESS, "o4")


async def test_who_joins_while_others_wait_is_never_told_an_older_state(either_desk: Desk) -> None:
    waiting = await executions.run_command(either_desk.operator, either_desk.command())
    async with watching(either_desk.viewer, waiting, 1) as (first,):
        coming = asyncio.ensure_future(anext(first))
        either_desk.service.bus.hint = lambda *addresses: None  # type: ignore[method-assign]
        row = await either_desk.claimed()
        async with aclosing(follow(either_desk.viewer, row.id)) as late:
            assert (await anext(late)).state is State.RUNNING
            soon = asyncio.ensure_future(anext(late))
            del either_desk.service.bus.hint
            await either_desk.write(row, OUT, 0, b"x")
            assert ((await coming).state, (await soon).data) == (State.RUNNING, b"x")


async def test_watchers_with_different_rights_share_nothing(granting: Granting) -> None:
    desk, run = granting.desk, granting.here.run
    grant = await granting.grant(Role.VIEWER, granting.here)
    async with watching(granting.ctx, run, 1) as (granted,), watching(desk.viewer, run, 1) as (other,):
        await granting.revoke(grant)
        row = await desk.claimed()
        assert (await anext(other)).state is State.RUNNING
        with pytest.raises(NotFound):
            await anext(granted)
        await granting.grant(Role.VIEWER, granting.here)
        async with watching(granting.ctx, row, 1) as (again,):
            await desk.write(row, OUT, 0, b"x")
            assert [event.data for event in await next_of([other, again])] == [b"x", b"x"]


async def test_a_read_that_fails_ends_all_who_waited_for_it_and_nobody_else(
    either_desk: Desk, row: TaskExecution
) -> None:
    store = Unruly(either_desk.service.store)
    ctx = replace(either_desk.viewer, service=replace(either_desk.service, store=store))
    async with watching(ctx, row, 2) as watchers:
        store.obstacle = is_away
        coming = asyncio.gather(*map(anext, watchers), return_exceptions=True)
        await either_desk.write(row, OUT, 0, b"x")
        assert [type(error) for error in await coming] == [StoreUnavailable, StoreUnavailable]
        store.obstacle = None
        async with aclosing(follow(ctx, row.id)) as again:
            assert [type(await anext(again)) for _ in range(2)] == [output.StateChange, Chunk]


async def test_nothing_is_kept_once_the_last_watcher_has_left(either_desk: Desk, row: TaskExecution) -> None:
    service = either_desk.service
    async with watching(either_desk.viewer, row, 3) as watchers:
        coming = asyncio.ensure_future(anext(watchers[0]))
        await either_desk.write(row, OUT, 0, b"x")
        await coming
        assert len(service.tails._tails) == 1
        await watchers[0].aclose()
        await either_desk.write(row, OUT, 1, b"y")
        assert [event.data for event in await next_of(watchers[1:])] == [b"x", b"x"]
    assert (service.tails._tails, dict(service.bus._watches)) == ({}, {})
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "read of newest output"]
