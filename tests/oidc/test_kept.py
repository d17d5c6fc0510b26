"""What is fetched from the provider: when it is needed, seldom, and not again and again while it cannot be had."""

import asyncio
from dataclasses import dataclass, field

import pytest

from resolvers.errors import Unavailable
from sshcast.oidc.refreshing_cache import LONGEST_REUSE, RENEWAL_PAUSE, RefreshingCache, UnusableAnswer

pytestmark = pytest.mark.anyio

FRESH = 600.0


@dataclass(slots=True)
class Far:
    """Something elsewhere, which may be away; each fetch gives the next number."""

    now: float = 1000.0
    away: bool = False
    fetches: int = 0
    kept: RefreshingCache[int] = field(init=False)

    def __post_init__(self) -> None:
        self.kept = RefreshingCache(self.fetch, what="a number", fresh_seconds=FRESH, clock=lambda: self.now)

    async def fetch(self) -> int:
        self.fetches += 1
        await asyncio.sleep(0)
        if self.away:
            raise UnusableAnswer("it is away")
        return self.fetches


async def test_it_is_fetched_once_however_many_ask_and_again_when_it_is_no_longer_fresh() -> None:
    far = Far()
    assert far.fetches == 0
    assert await asyncio.gather(*(far.kept.get() for _ in range(50))) == [1] * 50
    far.now += FRESH - 1
    assert await far.kept.get() == 1
    far.now += 1
    assert await asyncio.gather(*(far.kept.get() for _ in range(50))) == [2] * 50


async def test_while_it_is_away_it_is_asked_for_more_and_more_seldom() -> None:
    far = Far(away=True)
    for _ in range(3600):
        far.now += 1
        with pytest.raises(Unavailable):
            await far.kept.get()
    assert far.fetches == pytest.approx(64, abs=2), "after 2, 4, 8 … 60, 60 seconds"
    far.away = False
    far.now += 60
    assert await far.kept.get() == far.fetches


async def test_an_old_one_serves_while_no_new_one_can_be_had_but_not_for_ever() -> None:
    far = Far()
    assert await far.kept.get() == 1
    far.away = True
    far.now += LONGEST_REUSE - 1
    assert await far.kept.get() == 1
    far.now += 61
    with pytest.raises(Unavailable):
        await far.kept.get()


async def test_a_renewal_is_made_at_once_and_then_not_before_a_pause() -> None:
    far = Far()
    assert await far.kept.get() == 1
    assert await asyncio.gather(*(far.kept.refresh() for _ in range(50))) == [2] * 50
    far.now += RENEWAL_PAUSE - 1
    assert await far.kept.refresh() == 2
    far.now += 1
    assert await far.kept.refresh() == 3


async def test_a_renewal_that_fails_leaves_what_was_there() -> None:
    far = Far()
    assert await far.kept.get() == 1
    far.away = True
    assert await far.kept.refresh() == 1


async def test_whoever_gives_up_while_it_is_fetched_leaves_it_to_the_others() -> None:
    far = Far()
    first = asyncio.create_task(far.kept.get())
    second = asyncio.create_task(far.kept.get())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 2
