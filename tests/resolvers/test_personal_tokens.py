"""Personal access tokens: shown once, kept as hashes, no more than their owner may, and over when they are revoked."""

from typing import Any

import pytest
from sqlalchemy import Connection

from db.values import Role
from resolvers import personal_tokens, sign_in, users
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from resolvers.personal_tokens import MOST, CreatedToken
from tests.support.rest import PASSWORD
from tests.support.service import Running

pytestmark = pytest.mark.anyio

ME = {"query": "{ me { name } }"}
DELETE = {"query": 'mutation { deleteTask(input: {id: "999"}) { errors { code } } }'}
WATCH = "subscription { executionUpdates { id } }"


async def created(api: Running, role: Role = Role.OPERATOR, scope: str = "run", days: int = 90) -> CreatedToken:
    return await personal_tokens.create(api.context(role), "for ci", scope, days)


def bearer(token: CreatedToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.token}"}


async def stored(api: Running) -> str:
    """Every row of every table that could hold a token, as text."""
    return "".join([await api.service.store.read(show_rows, name) for name in ("personal_tokens", "audit_events")])


def show_rows(conn: Connection, table: str) -> str:
    return str(conn.exec_driver_sql(f"SELECT * FROM {table}").all())


async def test_a_token_is_shown_once_and_kept_as_a_hash(both: Running) -> None:
    found = await created(both)
    assert found.token.startswith("sshcast_")
    assert len(found.token) == len("sshcast_") + 43  # 256 bits
    assert found.token not in repr(found)
    assert found.token.removeprefix("sshcast_") not in await stored(both)
    assert [row.name for row in await personal_tokens.list_own(both.context(Role.OPERATOR))] == ["for ci"]


async def test_it_is_taken_on_every_face(fresh: Running) -> None:
    token = await created(fresh)
    assert (await fresh.post(ME, None, **bearer(token))).json()["data"] == {"me": {"name": "the.operator"}}
    assert (await fresh.http.get("/api/tasks", headers=bearer(token))).status_code == 200
    answer = await fresh.http.get("/api/auth/profile", headers=bearer(token))
    assert answer.json()["data"]["username"] == "the.operator"
    async with fresh.socket("operator", **bearer(token)) as socket:
        (answer_over_socket,) = [each async for each in socket.follow(ME["query"])]
    assert answer_over_socket["data"] == {"me": {"name": "the.operator"}}


@pytest.mark.parametrize(
    ("owner", "scope", "role"),
    [
        (Role.ADMIN, "read", Role.VIEWER),
        (Role.ADMIN, "run", Role.OPERATOR),
        (Role.ADMIN, "admin", Role.ADMIN),
        (Role.OPERATOR, "admin", Role.OPERATOR),
        (Role.VIEWER, "run", Role.VIEWER),
    ],
)
async def test_it_may_do_what_both_its_scope_and_its_owner_allow(
    fresh: Running, owner: Role, scope: str, role: Role
) -> None:
    token = await created(fresh, owner, scope)
    viewer = await sign_in.authenticate_token(fresh.service, token.token)
    assert (viewer.role, viewer.user_id) == (role, fresh.users[owner].id)
    body = (await fresh.post(DELETE, None, **bearer(token))).json()
    refused = "errors" in body and body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert refused is (role is Role.VIEWER)


async def test_it_follows_its_owners_role_and_end(both: Running) -> None:
    token, id = await created(both), both.users[Role.OPERATOR].id
    await users.change(both.service, id, role="viewer")
    assert (await sign_in.authenticate_token(both.service, token.token)).role is Role.VIEWER
    await users.change(both.service, id, disabled=True)
    with pytest.raises(Unauthenticated):
        await sign_in.authenticate_token(both.service, token.token)


async def test_a_revoked_token_is_nothing_at_once_and_what_it_has_open_ends(fresh: Running) -> None:
    token = await created(fresh)
    async with fresh.socket("operator", **bearer(token)) as socket:
        await socket.subscribe(WATCH)
        await personal_tokens.revoke(fresh.context(Role.OPERATOR), token.row.id)
        assert (await fresh.post(ME, None, **bearer(token))).status_code == 401
        assert (await socket.closed())[0] == 4403
    assert await personal_tokens.list_own(fresh.context(Role.OPERATOR)) == []


async def test_nobody_revokes_anothers_token_or_sees_that_it_is_there(both: Running) -> None:
    token = await created(both)
    with pytest.raises(NotFound):
        await personal_tokens.revoke(both.context(Role.ADMIN), token.row.id)
    assert await personal_tokens.list_own(both.context(Role.ADMIN)) == []
    assert (await sign_in.authenticate_token(both.service, token.token)).name == "the.operator"


async def test_an_expired_token_is_nothing(both: Running) -> None:
    token = await created(both, days=1)
    past = "UPDATE personal_tokens SET expires_at = '2026-01-01 00:00:00+00:00'"
    await both.service.store.run(lambda conn: conn.exec_driver_sql(past) and None)
    with pytest.raises(Unauthenticated):
        await sign_in.authenticate_token(both.service, token.token)


async def test_a_token_makes_no_other_and_has_no_session_to_sign_out_of(both: Running) -> None:
    token = await created(both, Role.ADMIN, "admin")
    ctx = Context(both.service, await sign_in.authenticate_token(both.service, token.token))
    with pytest.raises(Forbidden):
        await personal_tokens.create(ctx, "more", "admin", 366)
    with pytest.raises(Conflict):
        await sign_in.logout(ctx)
    await sign_in.check_session_validity(ctx)


async def test_a_new_password_leaves_tokens_as_they_are(both: Running) -> None:
    """They were not made from it: programs go on. Revoke them where that is meant."""
    token = await created(both)
    await users.set_password(both.service, both.users[Role.OPERATOR].id, PASSWORD + "!")
    assert (await sign_in.authenticate_token(both.service, token.token)).name == "the.operator"


async def test_a_user_has_so_many_tokens_at_most(fresh: Running) -> None:
    tokens = [await created(fresh) for _ in range(MOST)]
    with pytest.raises(Conflict):
        await created(fresh)
    await personal_tokens.revoke(fresh.context(Role.OPERATOR), tokens[0].row.id)
    await created(fresh)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (("", "read", 1), "name"),
        (("x", "all", 1), "scope"),
        (("x", "read", 0), "expires_in_days"),
        (("x", "read", 367), "expires_in_days"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(fresh: Running, given: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        await personal_tokens.create(fresh.context(Role.VIEWER), *given)
    assert caught.value.field == (field,)


@pytest.mark.parametrize(
    "token", ["sshcast_", "sshcast_guess", "sshcast_\0", "sshcast_\ud800", "SSHCAST_x", "sshcast_" + "x" * 10_000]
)
async def test_a_made_up_token_is_refused(both: Running, token: str) -> None:
    with pytest.raises(Unauthenticated):
        await sign_in.authenticate_token(both.service, token)
