"""Access tokens of the identity provider, on every transport: the good ones get in, the others on none of them."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from joserfc.jwk import RSAKey

from db import audit as audit_table
from db import identities, users
from db.models import User
from db.values import Role
from resolvers import provider_tokens, sign_in
from resolvers.errors import RateLimited, Unauthenticated
from resolvers.rates import Buckets, Rate, RateLimiter
from tests.support.oidc.forger import CLIENT, KINDS, RSA, Forger, signed_as_if_shared, token
from tests.support.oidc.transports import everywhere, who
from tests.support.service import Running

pytestmark = pytest.mark.anyio

STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
PEM = RSA.as_pem(private=False)


async def user_of(api: Running, forger: Forger, subject: str) -> User:
    identity = await api.service.store.read(identities.by_subject, forger.issuer, subject)
    assert identity is not None
    found = await api.service.store.read(users.by_id, identity.user_id)
    assert found is not None
    return found


@pytest.mark.parametrize("alg", list(KINDS))
async def test_a_good_one_is_taken_on_every_transport(api: Running, forger: Forger, alg: str) -> None:
    assert await everywhere(api, forger.access(alg=alg, preferred_username="ada")) == {"ada"}


NOT_GOOD: dict[str, Callable[[Forger], str]] = {
    "an ID token": lambda it: it.id_token(),
    "an ID token for this audience": lambda it: it.access(nonce="n"),
    "a token that ends a session": lambda it: it.access(events={}),
    "of another type": lambda it: it.access(header={"typ": "logout+jwt"}),
    "of no type": lambda it: it.access(header={"typ": None}),
    "for another audience": lambda it: it.access(aud="https://other.example"),
    "for the client": lambda it: it.access(aud=CLIENT),
    "for nobody": lambda it: it.access(aud=None),
    "of another issuer": lambda it: it.access(iss="https://elsewhere.example"),
    "of ours by name": lambda it: it.access(iss="sshcast", aud="sshcast", user_id=1, tv=0, typ="access"),
    "expired": lambda it: it.access(exp=it.claims()["iat"] - 1),
    "without an end": lambda it: it.access(exp=None),
    "not valid yet": lambda it: it.access(nbf=it.claims()["iat"] + 120),
    "without a signature": lambda it: it.access().rpartition(".")[0] + ".",
    "with another's payload": lambda it: ".".join(
        [it.access().split(".")[0], it.access(sub="root").split(".")[1], it.access().split(".")[2]]
    ),
    "with no algorithm": lambda it: it.access(alg="none"),
    "with the public key as a shared secret": lambda it: signed_as_if_shared(it.access(), PEM, kid="rsa", typ="at+jwt"),
    "with that, made like ours": lambda it: signed_as_if_shared(ours(), PEM, typ="JWT"),
    "by somebody else's key": lambda it: it.access(key=STRANGER),
    "by a key of its own": lambda it: it.access(key=STRANGER, header={"jwk": STRANGER.as_dict(private=False)}),
    "by a key elsewhere": lambda it: it.access(key=STRANGER, header={"jku": f"{it.issuer}/keys", "kid": "mine"}),
    "by a key that is not known": lambda it: it.access(header={"kid": "unknown"}),
    "of somebody new, without groups": lambda it: it.access(sub="nobody here", groups=None),
    "of somebody new, without a group of ours": lambda it: it.access(sub="nobody here", groups=["others"]),
}


def ours() -> str:
    """The claims of one of our own access tokens, for the first admin."""
    now = int(datetime.now(UTC).timestamp())
    names = {"iss": "sshcast", "aud": "sshcast", "sub": "3", "username": "the.admin", "role": "admin", "typ": "access"}
    numbers = {"user_id": 3, "tv": 0, "iat": now, "nbf": now, "exp": now + 60}
    return token(names | numbers | {"jti": "x"}, {}, alg="RS256")


@pytest.mark.parametrize("what", list(NOT_GOOD))
async def test_what_is_not_good_is_taken_on_no_transport(api: Running, forger: Forger, what: str) -> None:
    assert await everywhere(api, NOT_GOOD[what](forger)) == {None}


async def test_our_own_tokens_are_still_taken(api: Running) -> None:
    assert await everywhere(api, api.token("operator")) == {"the.operator"}


async def test_a_first_call_makes_the_user_and_newer_groups_change_the_role(api: Running, forger: Forger) -> None:
    iat = forger.claims()["iat"] - 10
    older = forger.access(sub="s2", preferred_username="grace", groups=["root"], iat=iat)
    newer = forger.access(sub="s2", groups=["readers", "others"], iat=iat + 5)
    assert await who(api, older, "rest") == "grace"
    assert (await user_of(api, forger, "s2")).role == Role.ADMIN
    assert await who(api, newer, "rest") == "grace"
    assert (await user_of(api, forger, "s2")).role == Role.VIEWER
    assert await who(api, older, "rest") == "grace"
    assert (await user_of(api, forger, "s2")).role == Role.VIEWER, "an older token raised them again"
    oldest = forger.access(sub="s2", groups=["others"], iat=iat - 5)
    assert await who(api, oldest, "rest") == "grace", "an older token has no say in whether they are let in"


async def test_whose_groups_are_gone_is_out_and_so_is_what_they_hold_of_ours(api: Running, forger: Forger) -> None:
    iat = forger.claims()["iat"] - 10
    assert await who(api, forger.access(sub="s3", groups=["root"], iat=iat), "rest") == "s3"
    held = api.service.tokens.access(await user_of(api, forger, "s3"))
    assert await who(api, held, "rest") == "s3"
    assert await who(api, forger.access(sub="s3", groups=[], iat=iat + 5), "rest") is None
    assert await who(api, held, "rest") is None
    assert (await user_of(api, forger, "s3")).role == min(Role, key=lambda role: role.rank)


async def test_a_disabled_user_is_out_at_once(api: Running, forger: Forger) -> None:
    good = forger.access(sub="s4")
    assert await everywhere(api, good) == {"s4"}
    user = await user_of(api, forger, "s4")
    assert await api.service.store.run(users.update, user.id, {"disabled": True})
    assert await everywhere(api, good) == {None}


async def test_it_makes_no_lasting_token_and_has_no_session_to_end(api: Running, forger: Forger) -> None:
    headers = {"Authorization": f"Bearer {forger.access(sub='s5')}"}
    wish = 'mutation { createPersonalToken(input: {name: "x", scope: ADMIN, expiresInDays: 1}) { token } }'
    answer = await api.http.post("/graphql", json={"query": wish}, headers=headers)
    assert '"FORBIDDEN"' in answer.text
    answer = await api.http.post("/api/auth/logout", headers=headers)
    assert answer.status_code == 409


async def test_a_stream_ends_with_the_token(api: Running, forger: Forger) -> None:
    soon = int((datetime.now(UTC) + timedelta(seconds=2)).timestamp())
    async with api.socket(None) as socket:
        await socket.begin({"Authorization": f"Bearer {forger.access(sub='s6', exp=soon)}"})
        await socket.subscribe("subscription { executionUpdates { id } }")
        assert (await socket.closed())[0] == 4403


async def test_a_flood_of_unknown_keys_asks_the_provider_once(api: Running, forger: Forger) -> None:
    before = forger.asked.get("/keys", 0)
    flood = [forger.access(header={"kid": f"unknown {number}"}) for number in range(100)]
    found = await asyncio.gather(*(who(api, each, "rest") for each in [*flood, forger.access(sub="s7")]))
    assert found == [None] * 100 + ["s7"]
    assert forger.asked["/keys"] - before <= 1


async def test_what_is_refused_of_a_person_is_in_the_audit(api: Running, forger: Forger) -> None:
    assert await who(api, forger.access(sub="s8", groups=["others"]), "rest") is None
    events = await api.service.store.read(audit_table.list_after, 0, 10_000)
    found = [json.loads(event.after or "") for event in events if '"s8"' in (event.after or "")]
    (groups,) = [event.pop("groups") for event in found]
    assert found == [{"by": "oidc", "issuer": forger.issuer, "subject": "s8", "reason": "no_role"}]
    assert (groups["problem"], groups["seen"]) == ("unmapped", ["others"])


async def test_without_an_audience_none_is_taken(api: Running, forger: Forger) -> None:
    provider = api.service.provider
    assert provider is not None
    with pytest.raises(Unauthenticated):
        await provider_tokens.verify_access_token(replace(provider, audience=None), forger.access(), datetime.now(UTC))


async def test_what_is_refused_over_and_over_is_not_written_down_for_ever(api: Running, forger: Forger) -> None:
    slow = replace(api.service, rates=RateLimiter(refusals=Buckets(Rate(per_second=0.01, burst=2))))
    refused = forger.access(sub="s9", groups=["others"])
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await sign_in.authenticate_token(slow, refused)
    with pytest.raises(RateLimited):
        await sign_in.authenticate_token(slow, refused)
    assert (await sign_in.authenticate_token(slow, forger.access(sub="s10"))).name == "s10"
