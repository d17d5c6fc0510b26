"""Sessions: each refresh token is good once, and one that comes back ends its session."""

import asyncio
from typing import Any

import pytest

from db import audit as audit_table
from db.values import Role
from resolvers import sign_in, users
from resolvers.context import Context
from resolvers.errors import Unauthenticated
from resolvers.sign_in import TokenPair
from tests.support.rest import PASSWORD
from tests.support.service import Running

pytestmark = pytest.mark.anyio

WATCH = "subscription { executionUpdates { id } }"


async def signed_in(api: Running, role: Role = Role.VIEWER) -> TokenPair:
    return await sign_in.login(Context(api.service), api.users[role].name, PASSWORD)


async def renewed(api: Running, tokens: TokenPair) -> TokenPair:
    return await sign_in.refresh(Context(api.service), tokens.refresh_token)


async def is_out(api: Running, tokens: TokenPair) -> bool:
    """Whether neither of them is worth anything."""
    tries = [sign_in.authenticate_token(api.service, tokens.access_token), renewed(api, tokens)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert all(isinstance(each, Unauthenticated) for each in found if isinstance(each, Exception))
    return all(isinstance(each, Exception) for each in found)


async def pass_by(api: Running) -> None:
    """What was renewed was renewed long ago."""
    statement = "UPDATE sessions SET rotated_at = '2026-01-01 00:00:00+00:00'"
    await api.service.store.run(lambda conn: conn.exec_driver_sql(statement) and None)


async def kinds(api: Running) -> list[str]:
    return [event.kind for event in await api.service.store.read(audit_table.list_after, 0, 1000)]


async def test_a_session_goes_on_from_token_to_token(both: Running) -> None:
    tokens = await signed_in(both)
    for _ in range(5):
        await pass_by(both)
        tokens = await renewed(both, tokens)
        assert (await sign_in.authenticate_token(both.service, tokens.access_token)).name == "the.viewer"


async def test_a_refresh_token_that_comes_back_ends_all_of_its_session_and_no_other(both: Running) -> None:
    first, other = await signed_in(both), await signed_in(both)
    second = await renewed(both, first)
    third = await renewed(both, second)
    await pass_by(both)
    with pytest.raises(Unauthenticated):
        await renewed(both, second)
    for tokens in (first, second, third):
        assert await is_out(both, tokens)
    assert (await kinds(both)).count("refresh-reused") == 1
    assert not await is_out(both, other)


async def test_an_old_token_ends_its_session_even_right_after_a_renewal(both: Running) -> None:
    first = await signed_in(both)
    third = await renewed(both, await renewed(both, first))
    with pytest.raises(Unauthenticated):
        await renewed(both, first)
    assert await is_out(both, third)


async def test_one_token_sent_many_times_at_once_gives_one_next_token(both: Running) -> None:
    """Two tabs, or an answer that got lost: nobody is signed out, and there is still one chain."""
    tokens = await signed_in(both)
    found = await asyncio.gather(*(renewed(both, tokens) for _ in range(8)))
    ids = {both.service.tokens.read(each.refresh_token, "refresh").id for each in found}
    assert len(ids) == 1
    assert "refresh-reused" not in await kinds(both)
    assert not await is_out(both, found[0])


async def test_a_refresh_token_of_no_session_or_of_anothers_is_worth_nothing(both: Running) -> None:
    await signed_in(both)
    viewer, admin = both.users[Role.VIEWER], both.users[Role.ADMIN]
    issuer = both.service.tokens
    for token in (issuer.refresh(viewer), issuer.refresh(admin, 1), issuer.refresh(viewer, 999)):
        with pytest.raises(Unauthenticated):
            await sign_in.refresh(Context(both.service), token)


async def test_a_new_role_and_being_disabled_end_every_session_at_once(both: Running) -> None:
    changes: dict[str, Any]
    for changes in ({"role": "operator"}, {"disabled": True}):
        tokens = await signed_in(both)
        await users.change(both.service, both.users[Role.VIEWER].id, **changes)
        assert await is_out(both, tokens)
    assert (await kinds(both)).count("user-updated") == 2
    await users.change(both.service, both.users[Role.VIEWER].id, disabled=False)
    assert (await sign_in.authenticate_token(both.service, (await signed_in(both)).access_token)).role is Role.OPERATOR


async def test_old_sessions_of_a_user_are_dropped_when_they_sign_in(both: Running) -> None:
    await signed_in(both)
    await both.service.store.run(
        lambda conn: conn.exec_driver_sql("UPDATE sessions SET expires_at = '2026-01-01 00:00:00+00:00'") and None
    )
    await signed_in(both)
    count = await both.service.store.read(lambda conn: conn.exec_driver_sql("SELECT count(*) FROM sessions").scalar())
    assert count == 1


@pytest.mark.parametrize("how", ["logout", "password", "role", "disable"])
async def test_open_subscriptions_end_within_a_second_of_their_session(
    fresh: Running, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.streaming.TRUST_SECONDS", 3600.0)  # so that only the hint can end it
    tokens = await signed_in(fresh)
    async with fresh.socket("viewer", Authorization=f"Bearer {tokens.access_token}") as socket:
        await socket.subscribe(WATCH)
        await socket.send(type="ping")
        assert (await socket.receive())["type"] == "pong"
        id = fresh.users[Role.VIEWER].id
        match how:
            case "logout":
                viewer = await sign_in.authenticate_token(fresh.service, tokens.access_token)
                await sign_in.logout(Context(fresh.service, viewer))
            case "password":
                await users.set_password(fresh.service, id, "another password")
            case "role":
                await users.change(fresh.service, id, role="operator")
            case _:
                await users.change(fresh.service, id, disabled=True)
        async with asyncio.timeout(30):
            assert (await socket.closed())[0] == 4403
