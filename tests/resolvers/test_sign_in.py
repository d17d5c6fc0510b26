"""Signing in, staying in, and being out at once when it is over."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from db import users as table
from db.values import Role
from resolvers import sign_in, users
from resolvers.context import Context
from resolvers.errors import Conflict, Invalid, NotFound, RateLimited, Unauthenticated
from resolvers.sign_in import TokenPair
from resolvers.tokens import TokenIssuer
from tests.support.desk import SIGNING_KEY, Desk

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"


@pytest.fixture
async def ada(desk: Desk) -> Any:
    return await users.add(desk.service, name="ada", role="operator", password=PASSWORD)


def stranger(desk: Desk, address: str = "192.0.2.1") -> Context:
    return desk.as_a(None, address=address)


async def signed_in(desk: Desk) -> TokenPair:
    return await sign_in.login(stranger(desk), "ada", PASSWORD)


async def change(desk: Desk, id: int, **values: Any) -> None:
    assert await desk.service.store.run(table.update, id, values)


async def test_the_right_password_gives_tokens_that_work(desk: Desk, ada: Any) -> None:
    found = await signed_in(desk)
    assert (found.user.name, found.expires_in) == ("ada", 3600)
    viewer = await sign_in.authenticate_token(desk.service, found.access_token)
    assert (viewer.user_id, viewer.name, viewer.role) == (ada.id, "ada", Role.OPERATOR)
    assert (await users.me(Context(desk.service, viewer))).id == ada.id


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),
        ("ADA", PASSWORD),
        ("nobody", PASSWORD),
        ("", ""),
        ("ada\0", PASSWORD),
        ("x" * 500, "y"),
    ],
)
async def test_whatever_was_wrong_is_told_in_the_same_words(desk: Desk, ada: Any, name: str, password: str) -> None:
    with pytest.raises(Unauthenticated, match="The user name or the password is wrong"):
        await sign_in.login(stranger(desk), name, password)


async def test_a_disabled_user_does_not_get_in_and_is_not_told_why(desk: Desk, ada: Any) -> None:
    await change(desk, ada.id, disabled=True)
    with pytest.raises(Unauthenticated, match="The user name or the password is wrong"):
        await signed_in(desk)


@pytest.mark.parametrize(("field", "given"), [("username", ("\ud800", "x")), ("password", ("ada", "\udfff"))])
async def test_what_is_no_unicode_is_refused_by_name(desk: Desk, field: str, given: tuple[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        await sign_in.login(stranger(desk), *given)
    assert caught.value.field == (field,)


async def test_guessing_in_parallel_gets_no_further_than_in_a_row(desk: Desk, ada: Any) -> None:
    tries = (sign_in.login(stranger(desk), "ada", f"guess {n}") for n in range(30))
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(error) for error in found].count(Unauthenticated) == 5
    assert [type(error) for error in found].count(RateLimited) == 25
    with pytest.raises(RateLimited) as caught:
        await signed_in(desk)
    assert caught.value.retry_after == 1
    desk.clock.forward(1)
    await signed_in(desk)
    await signed_in(desk)


async def test_nobody_is_locked_out_from_elsewhere(desk: Desk, ada: Any) -> None:
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await sign_in.login(stranger(desk, "198.51.100.7"), "ada", "guess")
    await signed_in(desk)


async def test_refreshing_gives_new_tokens_for_the_user_as_they_are_now(desk: Desk, ada: Any) -> None:
    first = await signed_in(desk)
    await change(desk, ada.id, role="viewer")
    second = await sign_in.refresh(stranger(desk), first.refresh_token)
    assert (await sign_in.authenticate_token(desk.service, second.access_token)).role is Role.VIEWER
    assert second.access_token != first.access_token


async def test_a_changed_role_counts_at_once_for_the_tokens_of_before(desk: Desk, ada: Any) -> None:
    token = (await signed_in(desk)).access_token
    await change(desk, ada.id, role="viewer")
    assert (await sign_in.authenticate_token(desk.service, token)).role is Role.VIEWER


async def test_an_access_token_does_not_refresh_and_a_refresh_token_gives_no_access(desk: Desk, ada: Any) -> None:
    found = await signed_in(desk)
    with pytest.raises(Unauthenticated):
        await sign_in.refresh(stranger(desk), found.access_token)
    with pytest.raises(Unauthenticated):
        await sign_in.authenticate_token(desk.service, found.refresh_token)


async def ends_everything(desk: Desk, found: TokenPair) -> None:
    """Neither token of before is worth anything, nor is a context that was made from them."""
    with pytest.raises(Unauthenticated):
        await sign_in.authenticate_token(desk.service, found.access_token)
    with pytest.raises(Unauthenticated):
        await sign_in.refresh(stranger(desk), found.refresh_token)


async def test_signing_out_ends_the_session_and_no_other(desk: Desk, ada: Any) -> None:
    first, second = await signed_in(desk), await signed_in(desk)
    ctx = Context(desk.service, await sign_in.authenticate_token(desk.service, first.access_token))
    await sign_in.check_session_validity(ctx)
    await sign_in.logout(ctx)
    await ends_everything(desk, first)
    with pytest.raises(Unauthenticated, match="Your session has ended"):
        await sign_in.check_session_validity(ctx)
    await sign_in.authenticate_token(desk.service, second.access_token)
    await sign_in.refresh(stranger(desk), second.refresh_token)


async def test_signing_out_with_a_token_of_no_session_ends_every_session(desk: Desk, ada: Any) -> None:
    found, printed = await signed_in(desk), desk.service.tokens.access(ada)
    await sign_in.logout(Context(desk.service, await sign_in.authenticate_token(desk.service, printed)))
    await ends_everything(desk, found)
    with pytest.raises(Unauthenticated):
        await sign_in.authenticate_token(desk.service, printed)


async def test_a_new_password_ends_every_session(desk: Desk, ada: Any) -> None:
    found = await signed_in(desk)
    await users.set_password(desk.service, ada.id, "another password")
    await ends_everything(desk, found)
    with pytest.raises(Unauthenticated):
        await signed_in(desk)
    await sign_in.login(stranger(desk), "ada", "another password")


async def test_disabling_a_user_ends_every_session(desk: Desk, ada: Any) -> None:
    found = await signed_in(desk)
    await change(desk, ada.id, disabled=True)
    await ends_everything(desk, found)


async def test_a_standing_ends_with_its_token(desk: Desk, ada: Any) -> None:
    ctx = Context(desk.service, await sign_in.authenticate_token(desk.service, (await signed_in(desk)).access_token))
    desk.clock.forward(3599)
    await sign_in.check_session_validity(ctx)
    desk.clock.forward(1)
    with pytest.raises(Unauthenticated, match="expired"):
        await sign_in.check_session_validity(ctx)


async def test_a_sign_in_link_works_once(desk: Desk, ada: Any) -> None:
    code = desk.service.links.issue(ada.id)
    assert len(code) >= 22
    assert code not in repr(vars(desk.service.links))
    found = await sign_in.exchange_link(stranger(desk), code)
    assert found.user.id == ada.id
    with pytest.raises(Unauthenticated, match="used already or is too old"):
        await sign_in.exchange_link(stranger(desk), code)


async def test_of_many_that_use_a_link_at_once_one_gets_in(desk: Desk, ada: Any) -> None:
    code = desk.service.links.issue(ada.id)
    tries = (sign_in.exchange_link(stranger(desk), code) for _ in range(10))
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert [isinstance(each, TokenPair) for each in found].count(True) == 1


@pytest.mark.parametrize("code", ["", "guess", "\0", "\ud800", "x" * 10_000])
async def test_a_made_up_link_is_refused(desk: Desk, code: str) -> None:
    with pytest.raises(Unauthenticated):
        await sign_in.exchange_link(stranger(desk), code)


async def test_a_link_ends_after_an_hour_and_is_not_kept(desk: Desk, ada: Any) -> None:
    code = desk.service.links.issue(ada.id)
    desk.clock.forward(3600)
    with pytest.raises(Unauthenticated):
        await sign_in.exchange_link(stranger(desk), code)
    for _ in range(3):
        desk.service.links.issue(ada.id)
        desk.clock.forward(3600)
    assert len(desk.service.links._codes) == 1


async def test_a_link_of_a_user_who_was_disabled_is_worth_nothing(desk: Desk, ada: Any) -> None:
    code = desk.service.links.issue(ada.id)
    await change(desk, ada.id, disabled=True)
    with pytest.raises(Unauthenticated):
        await sign_in.exchange_link(stranger(desk), code)


async def test_nothing_secret_is_shown(desk: Desk, ada: Any) -> None:
    found = await signed_in(desk)
    shown = repr(found) + str(found) + repr(desk.service)
    assert "argon2" not in shown
    assert found.access_token not in shown
    assert found.refresh_token not in shown


BAD_USERS: list[tuple[dict[str, str], str]] = [
    ({"name": ""}, "name"),
    ({"name": "x" * 65}, "name"),
    ({"name": "two words"}, "name"),
    ({"name": "line\n"}, "name"),
    ({"name": "\ud800"}, "name"),
    ({"name": "nul\0"}, "name"),
    ({"role": "root"}, "role"),
    ({"role": ""}, "role"),
    ({"password": "short"}, "password"),
    ({"password": "x" * 1025}, "password"),
    ({"password": "\ud800" * 10}, "password"),
]


@pytest.mark.parametrize(("given", "field"), BAD_USERS)
async def test_a_user_that_cannot_be_is_refused_by_the_field(desk: Desk, given: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        await users.add(desk.service, **{"name": "grace", "role": "viewer", "password": PASSWORD} | given)
    assert caught.value.field == (field,)
    assert PASSWORD not in str(caught.value)


async def test_a_name_is_taken_once(desk: Desk, ada: Any) -> None:
    with pytest.raises(Conflict, match="There is a user ada already") as caught:
        await users.add(desk.service, name="ada", role="viewer", password=PASSWORD)
    assert caught.value.field == ("name",)


async def test_a_password_for_nobody_is_refused(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await users.set_password(desk.service, 4711, PASSWORD)


async def test_users_are_found_in_the_order_that_was_asked_for(desk: Desk) -> None:
    found = await users.get_many(desk.viewer, [3, 99, 1])
    assert [user and user.id for user in found] == [3, None, 1]


async def test_a_session_has_a_longest_life_however_often_it_is_refreshed(desk: Desk, ada: Any) -> None:
    """30 days. No token of it lives longer."""
    ctx, found = stranger(desk), await signed_in(desk)
    for _ in range(5):
        desk.clock.forward(5.99 * 86_400)
        found = await sign_in.refresh(ctx, found.refresh_token)
    assert found.expires_in == 3600
    desk.clock.forward(0.04 * 86_400)
    found = await sign_in.refresh(ctx, found.refresh_token)
    assert found.expires_in == pytest.approx(0.01 * 86_400, abs=1)
    assert desk.service.tokens.read(found.refresh_token, "refresh").expires_at <= desk.clock() + timedelta(seconds=865)
    desk.clock.forward(0.01 * 86_400 + 1)
    with pytest.raises(Unauthenticated):
        await sign_in.authenticate_token(desk.service, found.access_token)
    with pytest.raises(Unauthenticated):
        await sign_in.refresh(ctx, found.refresh_token)


async def test_a_shorter_life_that_is_set_later_holds_for_sessions_that_are_there(desk: Desk, ada: Any) -> None:
    found = await signed_in(desk)
    desk.clock.forward(3600)
    short = TokenIssuer(SIGNING_KEY, clock=desk.clock, session_seconds=1800)
    with pytest.raises(Unauthenticated):
        await sign_in.refresh(Context(replace(desk.service, tokens=short)), found.refresh_token)
