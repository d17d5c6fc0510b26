"""Sockets are counted: those that have not said who they are by address, the others by user; closed ones are not."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sshcast.graphql.socket_limiter import SocketLimiter, reserve_socket
from tests.support.service import running
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

ME = "{ me { name } }"


def test_a_place_is_an_addresss_until_it_is_a_users() -> None:
    made = SocketLimiter(each=1, strangers=1)
    with reserve_socket(made, "10.0.0.1") as first:
        assert first.assign_to_user(1)
        with reserve_socket(made, "10.0.0.1") as second:
            assert not second.assign_to_user(1)
            assert made.taken == {1: 1, "10.0.0.1": 1}
            assert second.assign_to_user(2)
    assert not made.taken


async def test_a_user_has_so_many_sockets_and_a_closed_one_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[SocketLimiter] = []

    def limit(each: int) -> SocketLimiter:
        made.append(SocketLimiter(each, strangers=3))
        return made[0]

    monkeypatch.setattr("sshcast.http_app.SocketLimiter", limit)
    async with running(tmp_path, sockets_per_user=2) as service, AsyncExitStack() as stack:
        first = await stack.enter_async_context(service.socket("viewer"))
        await stack.enter_async_context(service.socket("viewer"))
        third = await stack.enter_async_context(service.socket(None))
        await third.send(type="connection_init", payload=service.as_user("viewer"))
        assert (await third.closed())[0] == 1013
        await stack.enter_async_context(service.socket("operator"))
        (found,) = [payload async for payload in first.follow(ME)]
        assert "errors" not in found
        await first.connection.close()
        await until(lambda: made[0].taken[service.users["viewer"].id] == 1)
        await stack.enter_async_context(service.socket("viewer"))
        for _ in range(3):
            await stack.enter_async_context(service.socket(None))
        late = await stack.enter_async_context(service.socket(None))
        assert await late.closed() == (1013, "Too many requests: wait, then try again.")
    assert not made[0].taken
