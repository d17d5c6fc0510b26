"""What all streams stand on: heartbeats in silence, and an end with the caller's rights at little cost."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from db.values import Role
from resolvers import streaming, users
from resolvers.context import Context
from resolvers.errors import Unauthenticated
from runner.bus import user_address
from tests.support.service import Running
from tests.support.statements import counted
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


class Source:
    """Events as a test sends them; it says when it was closed."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.closed = False

    async def events(self) -> AsyncGenerator[str, None]:
        try:
            while (event := await self.queue.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.closed = True


class Beats:
    """A clock that counts how often it is looked at: once a beat at least."""

    def __init__(self, ctx: Context) -> None:
        self.count = 0
        self.real = ctx.service.clock

    def __call__(self) -> Any:
        self.count += 1
        return self.real()

    async def go_on(self, count: int) -> None:
        """Return after so many more looks."""
        seen = self.count
        await until(lambda: self.count > seen + count)


async def test_silence_is_filled_with_heartbeats_and_nothing_else() -> None:
    source = Source()
    beating = streaming.with_heartbeats(source.events(), lambda: 0.01)
    assert [await anext(beating) for _ in range(3)] == [None, None, None]
    for event in ("a", "b", None):
        source.queue.put_nowait(event)
    assert [event async for event in beating if event is not None] == ["a", "b"]
    assert source.closed


async def test_a_stream_that_is_left_in_its_silence_closes_its_source() -> None:
    source = Source()
    beating = streaming.with_heartbeats(source.events(), lambda: 0.01)
    assert await anext(beating) is None
    await beating.aclose()
    assert source.closed


async def test_an_error_of_the_source_ends_the_stream_as_it_is(fresh: Running) -> None:
    source = Source()
    source.queue.put_nowait(ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        await anext(streaming.while_authorized(fresh.context(Role.VIEWER), source.events()))
    assert source.closed


async def test_who_may_go_on_costs_one_look_at_the_database_and_one_more_for_each_hint(
    fresh: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "BEAT_SECONDS", 0.01)
    ctx = fresh.context(Role.VIEWER)
    beats = Beats(ctx)
    ctx = replace(ctx, service=replace(ctx.service, clock=beats))
    source = Source()
    stream = streaming.while_authorized(ctx, source.events())
    with counted() as statements, another_writer(fresh) as write:
        reading = asyncio.ensure_future(anext(stream))
        await until(lambda: beats.count > 50)
        first = len(statements)
        write()
        await beats.go_on(50)
        for number in range(50):
            source.queue.put_nowait(f"event {number}")
            assert await reading == f"event {number}"
            reading = asyncio.ensure_future(anext(stream))
        assert len(statements) == first, "a beat or an event looked"
        ctx.service.bus.hint(user_address(fresh.users[Role.VIEWER].id))
        await until(lambda: len(statements) > first)
        write()
        await beats.go_on(50)
        assert len(statements) == first + 1, "a hint is worth one look"
        await users.change(fresh.service, fresh.users[Role.VIEWER].id, disabled=True)
        with pytest.raises(Unauthenticated):
            await reading
    assert first <= 1
    assert source.closed


@contextmanager
def another_writer(fresh: Running) -> Iterator[Callable[[], object]]:
    """Another process, as SQLite sees it. After each of its commits the next look at a session costs a statement."""
    with closing(sqlite3.connect(fresh.settings.data / "sshcast.db", isolation_level=None)) as other:
        yield lambda: other.execute("PRAGMA user_version = 0")


async def test_a_sign_out_between_the_request_and_its_stream_is_not_missed(
    fresh: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "TRUST_SECONDS", 3600.0)
    ctx, source = fresh.context(Role.VIEWER), Source()
    await users.change(fresh.service, fresh.users[Role.VIEWER].id, disabled=True)
    with pytest.raises(Unauthenticated):
        await anext(streaming.while_authorized(ctx, source.events()))
    assert source.closed
