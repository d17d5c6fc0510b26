"""A request over the bus has an answer, or fails in time; whoever stops waiting for one leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from runner.bus import Bus, Unanswered

pytestmark = pytest.mark.anyio


class Slow:
    """Answers when it is told to, and notes when its work was ended before."""

    def __init__(self) -> None:
        self.begun, self.go, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __call__(self, payload: dict[str, Any]) -> dict[str, Any]:
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.ended.set()
            raise
        return {"echo": payload}


def answers() -> list[str]:
    """The tasks that work on a request."""
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("answer ")]


@asynccontextmanager
async def slow_at(bus: Bus, address: str) -> AsyncIterator[tuple[Slow, "asyncio.Task[dict[str, Any]]"]]:
    """A slow answerer, and a request that it works on."""
    slow = Slow()
    async with bus.answering(address, slow):
        asked = asyncio.create_task(bus.ask(address, {"n": 1}, seconds=30), name="asker")
        await slow.begun.wait()
        yield slow, asked


async def test_an_answer_is_what_json_has_carried_both_ways() -> None:
    bus, seen = Bus(), []

    async def echo(payload: dict[str, Any]) -> dict[str, Any]:
        seen.append(payload)
        return {"got": ("a", 1)}

    async with bus.answering("place", echo):
        assert await bus.ask("place", {"keys": ("x", None)}, seconds=5) == {"got": ["a", 1]}
        with pytest.raises(TypeError):
            await bus.ask("place", {"no JSON": object()}, seconds=5)
    assert seen == [{"keys": ["x", None]}]


async def test_where_nobody_answers_that_is_told_at_once() -> None:
    bus = Bus()
    async with bus.answering("place", Slow()):
        with pytest.raises(Unanswered) as elsewhere:
            await bus.ask("another place", {}, seconds=600)
    with pytest.raises(Unanswered) as gone:
        await bus.ask("place", {}, seconds=600)
    assert (elsewhere.value.is_late, gone.value.is_late) == (False, False)


async def test_who_is_not_answered_in_time_is_told_and_the_work_is_ended() -> None:
    bus, slow = Bus(), Slow()
    async with bus.answering("place", slow):
        with pytest.raises(Unanswered) as late:
            await bus.ask("place", {}, seconds=0.01)
        assert (late.value.is_late, slow.ended.is_set(), answers()) == (True, True, [])


async def test_who_stops_waiting_leaves_nothing_behind() -> None:
    async with slow_at(Bus(), "place") as (slow, asked):
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert (slow.ended.is_set(), answers()) == (True, [])


async def test_who_waits_is_told_when_the_runner_stops() -> None:
    async with slow_at(Bus(), "place") as (_, asked):
        pass
    with pytest.raises(Unanswered):
        await asked
    assert answers() == []


async def test_requests_are_worked_on_side_by_side() -> None:
    bus = Bus()
    async with slow_at(bus, "place") as (slow, first):
        slow.begun.clear()
        second = asyncio.create_task(bus.ask("place", {"n": 2}, seconds=30), name="second")
        await slow.begun.wait()
        assert len(answers()) == 2
        slow.go.set()
        assert [await first, await second] == [{"echo": {"n": 1}}, {"echo": {"n": 2}}]
