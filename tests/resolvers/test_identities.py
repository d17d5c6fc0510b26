"""Identities on both databases: one person becomes one user, however many of their first calls come at once."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from db import identities as table
from db import users
from db.values import Role
from resolvers import identities
from resolvers.audit import Actor
from resolvers.identities import UserIdentity
from resolvers.provider import Provider, SignInRefused
from resolvers.provider_tokens import ProviderClaims
from tests.support.desk import NOON, Desk

pytestmark = pytest.mark.anyio

ISSUER = "https://login.example.com"
NO_LINE: Any = None


def provider(**changes: Any) -> Provider:
    usual: dict[str, Any] = {
        "issuer": ISSUER,
        "name": "x",
        "client_id": "c",
        "audience": None,
        "token_types": frozenset(),
        "groups_claim": "groups",
        "roles": {"ops": Role.OPERATOR, "root": Role.ADMIN},
        "default_role": None,
        "client": NO_LINE,
    }
    return Provider(**usual | changes)


def told(subject: str, name: str = "ada", groups: Sequence[str] = ("ops",), seconds: int = 0) -> ProviderClaims:
    at = NOON + timedelta(seconds=seconds)
    return ProviderClaims(subject, name, tuple(groups), at, at + timedelta(hours=1))


async def admitted(desk: Desk, who: ProviderClaims, **changes: Any) -> UserIdentity:
    return await identities.admit(desk.service, provider(**changes), who, Actor(desk.clock(), address="192.0.2.1"))


async def test_many_first_calls_of_one_person_make_one_user(either_desk: Desk) -> None:
    found = await asyncio.gather(*(admitted(either_desk, told("a")) for _ in range(8)))
    assert {known.user.id for known in found} == {found[0].user.id}
    assert found[0].user.name == "ada"


async def test_many_people_of_one_name_become_as_many_users(either_desk: Desk) -> None:
    found = await asyncio.gather(*(admitted(either_desk, told(f"subject {number}")) for number in range(12)))
    names = {known.user.name for known in found}
    assert len(names) == 12
    assert "ada" in names
    assert all(name.startswith("ada") and len(name) <= 64 for name in names)


async def test_what_was_told_earlier_does_not_undo_what_was_told_later(either_desk: Desk) -> None:
    await admitted(either_desk, told("a", groups=["root"], seconds=0))
    later = await admitted(either_desk, told("a", groups=["ops"], seconds=20))
    assert later.user.role == Role.OPERATOR
    earlier = await admitted(either_desk, told("a", groups=["root"], seconds=10))
    assert (earlier.user.role, earlier.user.token_version) == (Role.OPERATOR, later.user.token_version)


async def test_who_has_no_group_of_ours_is_left_without_a_role_and_without_sessions(either_desk: Desk) -> None:
    known = await admitted(either_desk, told("a"))
    with pytest.raises(SignInRefused) as caught:
        await admitted(either_desk, told("a", groups=["others"], seconds=1))
    assert caught.value.reason == "no_role"
    user = await either_desk.service.store.read(users.by_id, known.user.id)
    assert user is not None
    assert (user.role, user.token_version) == (Role.NONE, known.user.token_version + 1)


async def test_a_code_is_taken_once_however_many_try(either_desk: Desk) -> None:
    known, store, now = await admitted(either_desk, told("a")), either_desk.service.store, NOON
    await store.run(table.insert_code, "a hash", known.identity.id, now, now + timedelta(minutes=1))
    found = await asyncio.gather(*(store.run(identities.consume_sign_in_code, "a hash", now) for _ in range(8)))
    assert [each.user.id for each in found if each] == [known.user.id]
    await store.run(table.insert_code, "late", known.identity.id, now, now + timedelta(minutes=1))
    assert await store.run(identities.consume_sign_in_code, "late", now + timedelta(minutes=1)) is None


async def test_linking_moves_an_identity_and_ends_the_sessions_of_both(either_desk: Desk) -> None:
    desk, mine = either_desk, either_desk.users[Role.VIEWER]
    known = await admitted(desk, told("a"))
    await identities.link(desk.service, ISSUER, mine.id, "a")
    assert (await admitted(desk, told("a", groups=["ops"], seconds=1))).user.id == mine.id
    before = await desk.service.store.read(users.by_id, known.user.id)
    assert before is not None
    assert before.token_version == known.user.token_version + 1
    assert await identities.unlink(desk.service, ISSUER, mine.id)
    assert not await identities.unlink(desk.service, ISSUER, mine.id)
