"""The base of the loops, and the hints that wake them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.exc import DataError
from structlog.testing import capture_logs

from runner.bus import Bus
from runner.loop import BackgroundLoop
from runner.store_retry import retry_until_available
from tests.support.stores import away
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


class Counter(BackgroundLoop):
    name = "counter"
    address = "count"

    def __init__(self, bus: Bus, *failures: Exception) -> None:
        super().__init__(bus=bus)
        self.ticks = 0
        self.failures = list(failures)

    async def tick(self) -> float:
        self.ticks += 1
        if self.failures:
            raise self.failures.pop(0)
        return 3600.0


@pytest.fixture
async def bus() -> Bus:
    return Bus()


@pytest.fixture
async def counter(bus: Bus) -> AsyncIterator[Counter]:
    made = Counter(bus)
    made.start()
    yield made
    await made.stop()


async def test_a_loop_ticks_at_its_start_and_on_a_hint_for_it_only(bus: Bus, counter: Counter) -> None:
    await until(lambda: counter.ticks == 1)
    bus.hint("another")
    bus.hint("count")
    await until(lambda: counter.ticks == 2)
    for _ in range(10):
        await asyncio.sleep(0)
    assert counter.ticks == 2


async def test_a_hint_during_a_tick_is_not_lost(bus: Bus) -> None:
    class Hinted(Counter):
        async def tick(self) -> float:
            if self.ticks == 0:
                bus.hint("count")
            return await super().tick()

    loop = Hinted(bus)
    loop.start()
    await until(lambda: loop.ticks == 2)
    await loop.stop()


async def test_a_failing_loop_says_so_and_goes_on(bus: Bus) -> None:
    loop = Counter(bus, RuntimeError("a bug"), away())
    with capture_logs() as events:
        loop.start()
        await until(lambda: loop.ticks == 3)
        await loop.stop()
    assert [event["log_level"] for event in events] == ["error", "warning"]
    assert all(event["loop"] == "counter" for event in events)


async def test_a_stopped_loop_ticks_no_more(bus: Bus, counter: Counter) -> None:
    await until(lambda: counter.ticks == 1)
    await counter.stop()
    bus.hint("count")
    await asyncio.sleep(0)
    assert counter.ticks == 1
    await counter.stop()


async def test_every_watcher_of_an_address_is_woken_until_it_leaves(bus: Bus) -> None:
    with bus.watch("a") as first:
        with bus.watch("a") as second, bus.watch("b") as other:
            bus.hint("a")
            assert (first.is_set, second.is_set, other.is_set) == (True, True, False)
        first.clear()
        bus.hint("a", "b")
        assert first.is_set
    assert not bus._watches


async def test_a_wait_without_a_hint_ends_by_itself(bus: Bus) -> None:
    with bus.watch("a") as watch:
        await watch.wait(0.01)
        assert not watch.is_set


async def test_the_database_is_asked_until_it_is_back_but_not_what_it_refuses() -> None:
    answers: list[Exception | int] = [away(), away(), 7, DataError("", {}, Exception())]

    async def ask() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await retry_until_available(ask) == 7
    with pytest.raises(DataError):
        await retry_until_available(ask)
