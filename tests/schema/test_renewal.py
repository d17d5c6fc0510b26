"""A socket outlives the token that it began with, if a newer one is shown in a ping before that one ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from tests.support.service import Running, Socket
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

OUTPUT = "subscription($id: ID!) { executionOutput(executionId: $id) { ... on OutputChunk { text } } }"
ME = "{ me { name } }"


@asynccontextmanager
async def watching(api: Running, seconds: int) -> AsyncIterator[tuple[Socket, Any]]:
    """A viewer's socket with a token of so many seconds, and a run that is watched on it."""
    api.tokens["viewer"] = api.service.tokens.access(api.users["viewer"], seconds=seconds)
    run = await api.run()
    async with api.socket("viewer") as socket:
        await socket.subscribe(OUTPUT, id=run.id)
        assert (await socket.receive())["type"] == "next"
        yield socket, run
    del api.tokens["viewer"]


async def test_what_is_open_goes_on_with_the_newer_token_past_the_end_of_the_first(
    api: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.streaming.TRUST_SECONDS", 0.05)
    async with watching(api, seconds=2) as (socket, run):
        ends = api.service.tokens.read(api.token("viewer"), "access").expires_at
        newer = api.service.tokens.access(api.users["viewer"], seconds=60)
        await socket.send(type="ping", payload={"Authorization": f"Bearer {newer}"})
        told = await socket.receive()
        until_then = api.service.tokens.read(newer, "access").expires_at
        assert (told["type"], datetime.fromisoformat(told["payload"]["tokenExpiresAt"])) == ("pong", until_then)
        await until(lambda: api.service.clock() > ends)
        await run.write(b"more")
        assert (await socket.receive())["payload"]["data"]["executionOutput"] == {"text": "more"}
        id = await socket.subscribe(ME)
        assert (await socket.receive())["id"] == id
        await run.end()


async def test_without_a_newer_token_the_socket_ends_with_the_first(api: Running) -> None:
    async with watching(api, seconds=1) as (socket, _):
        await socket.send(type="ping", payload={"note": "no token"})
        assert await socket.receive() == {"type": "pong"}
        assert await socket.closed() == (4403, "Your token has expired.")


@pytest.mark.parametrize("whose", ["another", "refresh", "nonsense", "none"])
async def test_a_token_that_is_not_good_or_anothers_ends_the_socket(api: Running, whose: str) -> None:
    issuer, user = api.service.tokens, api.users["viewer"]
    tokens = {
        "another": issuer.access(api.users["admin"]),
        "refresh": issuer.refresh(user),
        "nonsense": "nonsense",
        "none": "",
    }
    async with watching(api, seconds=60) as (socket, _):
        await socket.send(type="ping", payload={"authorization": f"Bearer {tokens[whose]}"})
        code, reason = await socket.closed()
        assert (code, "another one" in str(reason)) == (4403, whose == "another")


async def test_the_newer_token_is_looked_at_as_the_first_one_was(
    fresh: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.streaming.TRUST_SECONDS", 0.05)
    async with watching(fresh, seconds=60) as (socket, _):
        newer = fresh.service.tokens.access(fresh.users["viewer"])
        await socket.send(type="ping", payload={"Authorization": f"Bearer {newer}"})
        assert (await socket.receive())["type"] == "pong"
        await fresh.change_user("viewer", disabled=True)
        assert await socket.closed() == (4403, "Your session has ended.")


async def test_before_the_socket_has_begun_a_ping_is_a_ping(api: Running) -> None:
    async with api.socket(None) as socket:
        await socket.send(type="ping", payload=api.as_user("viewer"))
        assert await socket.receive() == {"type": "pong"}
        await socket.subscribe(ME)
        assert (await socket.closed())[0] == 4401
