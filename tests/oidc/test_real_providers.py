"""Signing in with identity providers that others have written: what is right for us is right for them too."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client

from db import audit as audit_table
from tests.support.npm import node_modules
from tests.support.oidc.forger import AUDIENCE
from tests.support.oidc.real import BACK, PROGRAM, PROGRAM_BACK, Real, from_npm, from_pypi
from tests.support.oidc.transports import everywhere, who
from tests.support.oidc.visitor import BROWSER, CALLBACK, Visitor, visiting
from tests.support.service import Running, running

__all__ = ["node_modules"]

pytestmark = pytest.mark.anyio

MAP: dict[str, Any] = {"public_url": BACK.removesuffix(CALLBACK), "oidc_role_map": "ops=operator,root=admin"}
VERIFIER = "v" * 64


@dataclass(slots=True)
class Together:
    """A provider, and a service that takes its word."""

    provider: Real
    api: Running


async def together(stack: AsyncExitStack, folder: Path, provider: Any) -> Together:
    real = await stack.enter_async_context(provider)
    return Together(real, await stack.enter_async_context(running(folder, **MAP, **real.settings)))


@pytest.fixture(scope="module", params=["pypi", "npm"])
async def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Together]:
    folder = tmp_path_factory.mktemp("real")
    if request.param == "npm":
        request.getfixturevalue("node_modules")
    async with AsyncExitStack() as stack:
        yield await together(stack, folder, from_npm(folder) if request.param == "npm" else from_pypi(folder))


@pytest.fixture
async def npm(node_modules: Path, tmp_path: Path) -> AsyncIterator[Together]:
    async with AsyncExitStack() as stack:
        yield await together(stack, tmp_path, from_npm(tmp_path))


async def sent(visitor: Visitor) -> str:
    """The provider's address that the sign-in button leads to."""
    return str((await visitor.http.get("/auth/oidc/start", headers=BROWSER)).headers["location"])


async def signed_in(both: Together, subject: str) -> dict[str, Any]:
    async with visiting(both.api.url) as visitor:
        query = await both.provider.sign_in(await sent(visitor), subject)
        answer = await visitor.exchange(await visitor.come_back(**query))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["data"]["user"]
    return found


async def test_a_person_signs_in_and_their_role_follows_their_groups(either: Together) -> None:
    await either.provider.tell("ada", preferred_username="ada.lovelace", groups=["others", "ops"])
    first = await signed_in(either, "ada")
    assert (first["username"], first["role"]) == ("ada.lovelace", "operator")
    await either.provider.tell("ada", preferred_username="ada.lovelace", groups=["root"])
    assert await signed_in(either, "ada") == first | {"role": "admin"}
    await either.provider.tell("ada", preferred_username="ada.lovelace", groups=[])
    async with visiting(either.api.url) as visitor:
        query = await either.provider.sign_in(await sent(visitor), "ada")
        assert await visitor.come_back(**query) == "/graphql#refused=no_role"


async def test_a_path_where_a_name_is_mapped_is_told_in_the_audit(either: Together) -> None:
    await either.provider.tell("carl", preferred_username="carl", groups=["/ops", "others"])
    async with visiting(either.api.url) as visitor:
        query = await either.provider.sign_in(await sent(visitor), "carl")
        assert await visitor.come_back(**query) == "/graphql#refused=no_role"
    groups = await told_of_groups(either, "carl")
    assert (groups["problem"], groups["seen"]) == ("unmapped", ["/ops", "others"])
    assert "/ops is told where ops is mapped: map /ops" in groups["hint"]


async def told_of_groups(both: Together, subject: str) -> dict[str, Any]:
    """What the audit's last event of that subject says of groups."""
    events = await both.api.service.store.read(audit_table.list_after, 0, 10_000)
    last = [json.loads(event.after or "") for event in events if f'"{subject}"' in (event.after or "")][-1]
    found: dict[str, Any] = last["groups"]
    return found


async def test_groups_that_a_provider_does_not_give_are_told_to_be_missing_or_elsewhere(npm: Together) -> None:
    """In its ID token and userinfo, and in an access token. Entra ID's `_claim_names` and `hasgroups` say that there
    would be groups.
    """
    await npm.provider.tell("dora", preferred_username="dora")
    async with visiting(npm.api.url) as visitor:
        query = await npm.provider.sign_in(await sent(visitor), "dora")
        assert await visitor.come_back(**query) == "/graphql#refused=no_role"
    page = await told_of_groups(npm, "dora")
    assert (page["problem"], "preferred_username" in page["claims"]) == ("missing", True)
    elsewhere = {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example"}}}
    await npm.provider.tell("finn", preferred_username="finn", **elsewhere)
    async with visiting(npm.api.url) as visitor:
        query = await npm.provider.sign_in(await sent(visitor), "finn")
        assert await visitor.come_back(**query) == "/graphql#refused=no_role"
    assert (await told_of_groups(npm, "finn"))["problem"] == "overage"
    for subject, more, problem in (("elsa", {"hasgroups": True}, "overage"), ("gus", {}, "missing")):
        await npm.provider.tell(subject, **more)
        found = await tokens_for(npm, subject, resource=AUDIENCE)
        assert await who(npm.api, found["access_token"], "rest") is None
        assert (await told_of_groups(npm, subject))["problem"] == problem


async def test_an_answer_is_good_once_even_with_the_cookie_that_belongs_to_it(either: Together) -> None:
    await either.provider.tell("bob", preferred_username="bob", groups=["ops"])
    async with visiting(either.api.url) as visitor:
        query = await either.provider.sign_in(await sent(visitor), "bob")
        kept = dict(visitor.http.cookies)
        assert "#code=" in await visitor.come_back(**query)
        assert await visitor.come_back(**query) == "/graphql#refused=expired"
        visitor.http.cookies.set("sshcast_oidc", kept["sshcast_oidc"], domain="127.0.0.1", path=CALLBACK)
        assert await visitor.come_back(**query) == "/graphql#refused=denied", "the provider takes a code once"


async def test_a_code_of_another_sign_in_does_not_fit_this_one(npm: Together) -> None:
    """An attacker puts their own code into a victim's sign-in: PKCE binds it to the browser that asked for it."""
    await npm.provider.tell("eve", groups=["ops"])
    async with visiting(npm.api.url) as attacker, visiting(npm.api.url) as victim:
        theirs = await npm.provider.sign_in(await sent(attacker), "eve")
        mine = await npm.provider.sign_in(await sent(victim), "eve")
        assert await victim.come_back(**mine | {"code": theirs["code"]}) == "/graphql#refused=denied"


async def test_a_program_calls_with_an_access_token_for_this_service(npm: Together) -> None:
    await npm.provider.tell("robot", preferred_username="robot", groups=["ops"])
    good = await tokens_for(npm, "robot", resource=AUDIENCE)
    assert await everywhere(npm.api, good["access_token"]) == {"robot"}
    other = await tokens_for(npm, "robot", resource="https://elsewhere.example")
    opaque = await tokens_for(npm, "robot")
    for token in (other["access_token"], opaque["access_token"], opaque["id_token"], good["access_token"][:-4]):
        assert await everywhere(npm.api, token) == {None}


async def tokens_for(both: Together, subject: str, **more: str) -> dict[str, Any]:
    """What a program of that user gets of the provider, by the same flow as ours."""
    issuer = both.provider.issuer
    client = AsyncOAuth2Client(
        PROGRAM,
        scope="openid groups",
        redirect_uri=PROGRAM_BACK,
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
        trust_env=False,
    )
    async with client:
        address, _ = client.create_authorization_url(f"{issuer}/auth", code_verifier=VERIFIER, **more)
        query = await both.provider.sign_in(address, subject, PROGRAM_BACK)
        found: dict[str, Any] = await client.fetch_token(
            f"{issuer}/token", code=query["code"], code_verifier=VERIFIER, **more
        )
    return found


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
async def test_other_algorithms_are_theirs_and_ours_too(node_modules: Path, tmp_path: Path, algorithm: str) -> None:
    async with AsyncExitStack() as stack:
        both = await together(stack, tmp_path, from_npm(tmp_path, algorithm))
        await both.provider.tell("ada", groups=["ops"])
        assert (await signed_in(both, "ada"))["role"] == "operator"
        found = await tokens_for(both, "ada", resource=AUDIENCE)
        assert await everywhere(both.api, found["access_token"]) == {"ada"}
