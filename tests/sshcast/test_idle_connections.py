"""Connections between two requests: proxies reuse them for a minute, and nobody takes all places by leaving them."""

import asyncio

import pytest

from sshcast.http.bounds import Bounds
from tests.support.listening import GET, STACKS, answer_of, choose_stack, closed, connected, listening

pytestmark = pytest.mark.anyio

PROXIES_REUSE_SECONDS = 60


@pytest.fixture(params=STACKS)
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, bool]]:
    return choose_stack(request.param, monkeypatch)


def test_they_stay_open_for_longer_than_proxies_and_load_balancers_reuse_them() -> None:
    bounds = Bounds()
    assert bounds.idle_seconds > PROXIES_REUSE_SECONDS
    assert bounds.idle_connections <= bounds.connections // 2


async def test_one_that_has_been_idle_longer_than_5_seconds_is_still_served() -> None:
    async with listening(Bounds()) as (port, _), connected(port) as (reader, writer):
        for pause in (0, 6):
            await asyncio.sleep(pause)
            writer.write(GET)
            assert (await answer_of(reader))[1] == b"hello"


async def test_beyond_the_limit_the_one_that_was_idle_for_longest_is_closed() -> None:
    async with (
        listening(Bounds(idle_connections=2)) as (port, _),
        connected(port) as (first, one),
        connected(port) as (second, two),
        connected(port) as (third, three),
    ):
        for reader, writer in ((first, one), (second, two), (first, one)):  # the first is used again: now the newer
            writer.write(GET)
            await answer_of(reader)
        three.write(GET)
        await answer_of(third)
        assert await closed(second) == b""
        for reader, writer in ((first, one), (third, three)):
            writer.write(GET)
            assert (await answer_of(reader))[1] == b"hello"


async def test_one_with_an_answer_under_way_is_not_idle() -> None:
    async with listening(Bounds(idle_connections=1)) as (port, _), connected(port) as (busy, busy_writer):
        busy_writer.write(GET)
        await answer_of(busy)
        busy_writer.write(b"GET /silence HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await busy.readuntil(b"\r\n\r\n")
        for _ in range(3):
            async with connected(port) as (reader, writer):
                writer.write(GET)
                await answer_of(reader)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await busy.read(1)
