"""Signing in with an identity provider: who gets in, as whom, with which role, and what is told to those who do not."""

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from db import audit as audit_table
from db import identities, users
from db.values import Role
from resolvers import provider_sign_in, sign_in
from resolvers.context import Context
from resolvers.errors import Invalid, RateLimited, Unauthenticated
from resolvers.identities import link, unlink
from resolvers.throttle import LoginThrottle
from sshcast.commands import accounts
from sshcast.commands import identities as commands
from sshcast.errors import CommandFailed
from sshcast.settings import Settings
from tests.support.oidc.forger import CLIENT, SUBJECT, Forger
from tests.support.oidc.transports import everywhere
from tests.support.oidc.visitor import CALLBACK, Visitor, visiting
from tests.support.rest import PASSWORD
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio


async def came_back(forger: Forger, visitor: Visitor, **claims: Any) -> str:
    """Where the page is, after the provider has said this of somebody."""
    asked = await visitor.begin()
    forger.answer = {"id_token": forger.id_token(nonce=asked["nonce"], **claims), "access_token": "at"}
    return await visitor.come_back(code="a code", state=asked["state"])


async def signed_in(forger: Forger, visitor: Visitor, **claims: Any) -> dict[str, Any]:
    answer = await visitor.exchange(await came_back(forger, visitor, **claims))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]
    return found


async def told(api: Running, subject: str) -> list[tuple[str, Any]]:
    """The audit's events of this subject."""
    events = await api.service.store.read(audit_table.list_after, 0, 10_000)
    return [(event.kind, json.loads(event.after or "")) for event in events if f'"{subject}"' in (event.after or "")]


async def test_who_comes_back_is_a_user_with_a_session(api: Running, forger: Forger, visitor: Visitor) -> None:
    found = await signed_in(forger, visitor, sub="a1", preferred_username="Ada Lovelace")
    assert (found["user"]["username"], found["user"]["role"]) == ("Ada-Lovelace", "operator")
    assert (await visitor.profile(found["access_token"]))["username"] == "Ada-Lovelace"
    renewed = await visitor.http.post("/api/auth/refresh", json={"refresh_token": found["refresh_token"]})
    assert renewed.status_code == 200
    again = await signed_in(forger, visitor, sub="a1", preferred_username="another name by now")
    assert again["user"] == found["user"]
    who = {"by": "oidc", "issuer": forger.issuer, "subject": "a1"}
    (first, added), *rest = await told(api, "a1")
    assert (first, added) == ("user-added", {"name": "Ada-Lovelace", "role": "operator", "disabled": False} | who)
    assert rest == [("signed-in", who), ("signed-in", who)]


async def test_the_code_is_asked_for_with_pkce_and_redeemed_with_our_secret(forger: Forger, visitor: Visitor) -> None:
    asked = await visitor.begin()
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"http://127.0.0.1:1{CALLBACK}"
    forger.answer = {"id_token": forger.id_token(nonce=asked["nonce"])}
    await visitor.come_back(code="the code", state=asked["state"])
    form = forger.forms[-1]
    assert (form["code"], form["redirect_uri"]) == ("the code", asked["redirect_uri"])
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
    assert forger.authorizations[-1] == "Basic " + base64.b64encode(f"{CLIENT}:a secret".encode()).decode()


async def test_each_sign_in_has_secrets_of_its_own(visitor: Visitor) -> None:
    one, other = await visitor.begin(), await visitor.begin()
    for name in ("state", "nonce", "code_challenge"):
        assert one[name] != other[name]
        assert len(one[name]) >= 43


async def test_what_stays_in_the_browser_is_sealed_and_goes_to_one_address_only(api: Running) -> None:
    async with httpx2.AsyncClient(base_url=api.url, trust_env=False) as http:
        answer = await http.get("/auth/oidc/start")
    cookie = answer.headers["set-cookie"]
    assert f"Path={CALLBACK}" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=600" in cookie
    state = httpx2.URL(answer.headers["location"]).params["state"]
    assert state not in cookie
    assert answer.headers["cache-control"] == "no-store"


async def test_a_code_is_good_once_and_only_in_the_browser_that_it_was_made_for(
    api: Running, forger: Forger, visitor: Visitor
) -> None:
    address = await came_back(forger, visitor, sub="a2")
    async with visiting(api.url) as thief:
        assert (await thief.exchange(address)).status_code == 401
    assert (await visitor.exchange(address)).status_code == 200
    assert (await visitor.exchange(address)).status_code == 401


async def test_a_code_that_was_not_used_in_time_is_good_for_nothing(
    api: Running, forger: Forger, visitor: Visitor
) -> None:
    address = await came_back(forger, visitor, sub="a3")
    statement = "UPDATE sign_in_codes SET expires_at = '2026-01-01 00:00:00'"
    await api.service.store.run(lambda conn: conn.exec_driver_sql(statement) and None)
    assert (await visitor.exchange(address)).status_code == 401


async def test_an_answer_to_nothing_we_asked_lets_nobody_in(api: Running, forger: Forger, visitor: Visitor) -> None:
    """Somebody else's answer, put into this browser."""
    async with visiting(api.url) as attacker:
        theirs = await attacker.begin()
    forger.answer = {"id_token": forger.id_token(nonce=theirs["nonce"], sub="attacker")}
    expired = "/graphql#refused=expired"
    assert await visitor.come_back(code="a code", state=theirs["state"]) == expired, "a browser that began nothing"
    await visitor.begin()
    assert await visitor.come_back(code="a code", state=theirs["state"]) == expired, "a browser that began its own"
    asked = await visitor.begin()
    visitor.http.cookies.set("sshcast_oidc", "A" * 400, domain="127.0.0.1", path=CALLBACK)
    assert await visitor.come_back(code="a code", state=asked["state"]) == expired, "a seal that is not ours"
    assert await visitor.come_back() == expired
    assert await api.service.store.read(identities.by_subject, forger.issuer, "attacker") is None


async def test_a_sign_in_that_was_begun_too_long_ago_is_over(api: Running) -> None:
    ctx = Context(api.service)
    flow = (await provider_sign_in.begin(ctx, "/")).flow
    with pytest.raises(Unauthenticated, match="took too long"):
        await provider_sign_in.finish(ctx, replace(flow, expires_at=ctx.service.clock()), {"state": flow.state})


REFUSALS: dict[str, tuple[dict[str, str], int, dict[str, Any], str]] = {
    "the user said no": ({"error": "access_denied", "code": ""}, 200, {}, "denied"),
    "another provider answers": ({"iss": "https://elsewhere.example"}, 200, {}, "invalid"),
    "no code": ({"code": ""}, 200, {}, "denied"),
    "the code was used before": ({}, 400, {"error": "invalid_grant"}, "denied"),
    "it does not know us": ({}, 401, {"error": "invalid_client"}, "unavailable"),
    "it is broken": ({}, 500, {}, "unavailable"),
    "it answers without an ID token": ({}, 200, {"access_token": "at"}, "unavailable"),
}


@pytest.mark.parametrize("what", list(REFUSALS))
async def test_what_the_provider_does_not_vouch_for_is_refused(forger: Forger, visitor: Visitor, what: str) -> None:
    query, forger.status, forger.answer, reason = REFUSALS[what]
    asked = await visitor.begin()
    try:
        address = await visitor.come_back(**{"code": "a code", "state": asked["state"]} | query)
    finally:
        forger.status = 200
    assert address == f"/graphql#refused={reason}"


async def test_who_has_no_page_is_told_in_words_and_in_their_language(visitor: Visitor) -> None:
    answer = await visitor.http.get(CALLBACK, headers={"Accept": "application/json", "Accept-Language": "zh"})
    assert answer.status_code == 401
    assert answer.json()["message"].startswith("登录已超时")


@pytest.mark.parametrize(
    "path", ["//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example", "x", "", "/a#b", "/a\n", "/é"]
)
async def test_nobody_is_sent_to_another_site(visitor: Visitor, path: str) -> None:
    answer = await visitor.http.get("/auth/oidc/start", params={"return": path})
    if path == "":
        assert answer.status_code == 303
    else:
        assert (answer.status_code, answer.json()["field"]) == (400, "return")


async def test_they_come_back_to_the_page_that_they_left(forger: Forger, visitor: Visitor) -> None:
    asked = await visitor.begin(**{"return": "/graphql?plain"})
    forger.answer = {"id_token": forger.id_token(nonce=asked["nonce"])}
    assert (await visitor.come_back(code="c", state=asked["state"])).startswith("/graphql?plain#code=")


async def test_the_role_follows_the_groups_and_a_change_ends_the_sessions(forger: Forger, visitor: Visitor) -> None:
    roles = []
    for groups in (["readers"], ["others", "root", "ops"], ["ops"], "readers"):
        found = await signed_in(forger, visitor, sub="a4", groups=groups)
        roles.append(found["user"]["role"])
        assert (await visitor.profile(found["access_token"]))["role"] == roles[-1]
    assert roles == ["viewer", "admin", "operator", "viewer"]
    same = await signed_in(forger, visitor, sub="a4", groups=["readers"])
    assert (await visitor.profile(found["access_token"]))["role"] == "viewer"
    await signed_in(forger, visitor, sub="a4", groups=["ops"])
    for held in (found, same):
        answer = await visitor.http.get(
            "/api/auth/profile", headers={"Authorization": f"Bearer {held['access_token']}"}
        )
        assert answer.status_code == 401


async def test_without_a_group_of_ours_nobody_gets_in(api: Running, forger: Forger, visitor: Visitor) -> None:
    for groups in ([], ["others"], None, 7, {"ops": True}):
        assert await came_back(forger, visitor, sub="a5", groups=groups) == "/graphql#refused=no_role"
    assert await api.service.store.read(identities.by_subject, forger.issuer, "a5") is None
    found = await signed_in(forger, visitor, sub="a6", groups=["root"])
    assert await came_back(forger, visitor, sub="a6", groups=["others"]) == "/graphql#refused=no_role"
    answer = await visitor.http.get("/api/auth/profile", headers={"Authorization": f"Bearer {found['access_token']}"})
    assert answer.status_code == 401
    kinds = [kind for kind, _ in await told(api, "a6")]
    assert kinds == ["user-added", "signed-in", "user-updated", "sign-in-failed"]


async def test_groups_may_stand_beside_the_id_token_if_they_are_of_the_same_person(
    forger: Forger, visitor: Visitor
) -> None:
    forger.more = {"sub": "a7", "groups": ["root"]}
    assert (await signed_in(forger, visitor, sub="a7", groups=None))["user"]["role"] == "admin"
    forger.more = {"sub": "somebody else", "groups": ["root"]}
    assert await came_back(forger, visitor, sub="a7", groups=None) == "/graphql#refused=no_role"


async def test_nobody_becomes_a_user_who_is_here_already(api: Running, forger: Forger, visitor: Visitor) -> None:
    named = {"preferred_username": "the.admin", "groups": ["readers"]}
    found = [await signed_in(forger, visitor, sub=sub, **named) for sub in ("b1", "b2", "b1")]
    assert [each["user"]["username"] for each in found] == ["the.admin-2", "the.admin-3", "the.admin-2"]
    mine = await api.service.store.read(users.by_id, api.users["admin"].id)
    assert mine == api.users["admin"]


async def test_an_admin_may_make_them_the_same(api: Running, forger: Forger, visitor: Visitor) -> None:
    await signed_in(forger, visitor, sub="b3", preferred_username="the.viewer")
    await link(api.service, forger.issuer, api.users["viewer"].id, "b3")
    found = await signed_in(forger, visitor, sub="b3", groups=["readers"])
    assert found["user"]["username"] == "the.viewer"


async def test_a_disabled_user_is_refused(api: Running, forger: Forger, visitor: Visitor) -> None:
    found = await signed_in(forger, visitor, sub="b4")
    assert await api.service.store.run(users.update, found["user"]["id"], {"disabled": True})
    assert await came_back(forger, visitor, sub="b4") == "/graphql#refused=disabled"
    kind, after = (await told(api, "b4"))[-1]
    assert (kind, after["reason"]) == ("sign-in-failed", "disabled")


@pytest.mark.parametrize("password", ["none", "", PASSWORD])
async def test_such_a_user_has_no_password(api: Running, forger: Forger, visitor: Visitor, password: str) -> None:
    found = await signed_in(forger, visitor, sub="b5", preferred_username="no.password")
    with pytest.raises(Unauthenticated):
        await sign_in.login(Context(api.service), found["user"]["username"], password)


@pytest.mark.parametrize("name", ["", "   ", "💥", "x" * 300, "a/../b", 7, None])
async def test_any_name_becomes_one_that_users_have(forger: Forger, visitor: Visitor, name: Any) -> None:
    found = await signed_in(forger, visitor, sub=f"name {name!r}"[:200], preferred_username=name)
    assert 1 <= len(found["user"]["username"]) <= 64
    assert "/" not in found["user"]["username"]


async def test_without_a_map_of_groups_roles_are_given_here(forger: Forger, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "oidc_issuer": forger.issuer,
        "oidc_client_id": CLIENT,
        "public_url": "http://127.0.0.1:1",
    }
    async with running(tmp_path, **settings) as api, visiting(api.url) as visitor:
        assert await came_back(forger, visitor) == "/graphql#refused=no_role"
        await link(api.service, forger.issuer, api.users["operator"].id, SUBJECT)
        assert (await signed_in(forger, visitor))["user"]["username"] == "the.operator"
        assert await unlink(api.service, forger.issuer, api.users["operator"].id)
        assert await came_back(forger, visitor) == "/graphql#refused=no_role"


async def test_a_default_role_lets_in_whoever_has_no_group_of_ours(forger: Forger, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "oidc_issuer": forger.issuer,
        "oidc_client_id": CLIENT,
        "public_url": "https://sshcast.example",
    }
    async with running(tmp_path, oidc_default_role="none", **settings) as api, visiting(api.url) as visitor:
        asked = await visitor.begin()
        assert asked["redirect_uri"] == f"https://sshcast.example{CALLBACK}"
        assert not list(visitor.http.cookies.jar) or all(cookie.secure for cookie in visitor.http.cookies.jar)
        flow = (await provider_sign_in.begin(Context(api.service), "/")).flow
        forger.answer = {"id_token": forger.id_token(nonce=flow.nonce, groups=["others"])}
        one_time = await provider_sign_in.finish(Context(api.service), flow, {"state": flow.state, "code": "c"})
        tokens = await sign_in.exchange_link(Context(api.service), one_time.code, one_time.half)
        assert tokens.user.role == Role.NONE
        assert await everywhere(api, tokens.access_token) == {"ada"}


async def test_whoever_asks_is_told_what_to_show(api: Running, tmp_path: Path) -> None:
    answer = await api.http.get("/auth/oidc")
    assert answer.json()["data"] == {"name": "127.0.0.1", "start": "/auth/oidc/start"}
    async with running(tmp_path) as without:
        assert (await without.http.get("/auth/oidc")).json()["data"] is None
        assert (await without.http.get("/auth/oidc/start")).status_code == 404


async def test_failed_sign_ins_of_an_address_must_wait_as_those_by_password(api: Running) -> None:
    service = replace(api.service, throttle=LoginThrottle(clock=api.service.clock, free_tries_of_address=3))
    ctx = Context(service, address="192.0.2.7")
    for _ in range(3):
        flow = (await provider_sign_in.begin(ctx, "/")).flow
        with pytest.raises(Unauthenticated):
            await provider_sign_in.finish(ctx, flow, {"state": "another", "code": "c"})
    flow = (await provider_sign_in.begin(ctx, "/")).flow
    with pytest.raises(RateLimited):
        await provider_sign_in.finish(ctx, flow, {"state": flow.state, "code": "c"})


async def test_on_the_machine_a_user_is_named_and_a_provider_is_needed(tmp_path: Path, forger: Forger) -> None:
    plain = Settings(data=tmp_path / "data")
    await accounts.add(plain, "ada", "viewer", PASSWORD)
    with pytest.raises(CommandFailed, match="SSHCAST_OIDC_ISSUER"):
        await commands.link(plain, "ada", "a subject")
    ready = Settings(data=plain.data, oidc_issuer=forger.issuer, oidc_client_id="c", public_url="http://localhost")
    with pytest.raises(CommandFailed, match="no user bob"):
        await commands.link(ready, "bob", "a subject")
    with pytest.raises(Invalid, match="subject"):
        await commands.link(ready, "ada", "")
    assert await commands.link(ready, "ada", "a subject") == 0
    assert await commands.unlink(ready, "ada") == 0
    with pytest.raises(CommandFailed, match="ada"):
        await commands.unlink(ready, "ada")
