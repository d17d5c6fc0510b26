"""What an identity provider's answer must be like for somebody to be let in by it."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, RSAKey

from resolvers import provider_tokens
from sshcast.oidc.client import parse_public_key
from tests.support.oidc.forger import CLIENT, KEYS, KINDS, RSA, Forger, encoded, signed_as_if_shared
from tests.support.oidc.visitor import Visitor

pytestmark = pytest.mark.anyio

STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
PUBLIC = KEYS["RS256"].as_dict(private=False)
PEM = RSA.as_pem(private=False)


# Of the access token "at".
HALF = encoded(hashlib.sha256(b"at").digest()[:16])


async def answered(forger: Forger, visitor: Visitor, forged: Callable[[Forger, str], str], **more: Any) -> str:
    """Where a sign-in ends whose ID token `forged` makes, for a nonce."""
    asked = await visitor.begin()
    forger.answer = {"id_token": forged(forger, asked["nonce"]), "access_token": "at", "token_type": "Bearer"} | more
    return await visitor.come_back(code="a code", state=asked["state"])


@pytest.mark.parametrize("alg", list(KINDS))
async def test_each_algorithm_that_is_taken_lets_its_user_in(forger: Forger, visitor: Visitor, alg: str) -> None:
    address = await answered(forger, visitor, lambda it, nonce: it.id_token(alg=alg, nonce=nonce, sub=f"of {alg}"))
    answer = await visitor.exchange(address)
    assert answer.json()["data"]["user"]["role"] == "operator"


GOOD: dict[str, Callable[[Forger, str], str]] = {
    "two audiences and us as the party": lambda it, nonce: it.id_token(nonce=nonce, aud=[CLIENT, "b"], azp=CLIENT),
    "no key id, where one key fits": lambda it, nonce: it.id_token(nonce=nonce, header={"kid": None}),
    "the access token's hash": lambda it, nonce: it.id_token(nonce=nonce, at_hash=HALF),
    "a clock that is a little ahead": lambda it, nonce: it.id_token(nonce=nonce, iat=it.claims()["iat"] + 20),
}
NOT_GOOD: dict[str, Callable[[Forger, str], str]] = {
    "another issuer": lambda it, nonce: it.id_token(nonce=nonce, iss="https://elsewhere.example"),
    "an issuer with a slash more": lambda it, nonce: it.id_token(nonce=nonce, iss=it.issuer + "/"),
    "no issuer": lambda it, nonce: it.id_token(nonce=nonce, iss=None),
    "another audience": lambda it, nonce: it.id_token(nonce=nonce, aud="another-client"),
    "an audience that only starts like us": lambda it, nonce: it.id_token(nonce=nonce, aud=CLIENT + "-2"),
    "no audience": lambda it, nonce: it.id_token(nonce=nonce, aud=None),
    "two audiences and no party": lambda it, nonce: it.id_token(nonce=nonce, aud=[CLIENT, "b"]),
    "another party": lambda it, nonce: it.id_token(nonce=nonce, azp="another-client"),
    "an audience of odd type": lambda it, nonce: it.id_token(nonce=nonce, aud=[CLIENT, {"a": 1}], azp=CLIENT),
    "another nonce": lambda it, nonce: it.id_token(nonce=nonce[:-1] + ("a" if nonce[-1] != "a" else "b")),
    "no nonce": lambda it, nonce: it.id_token(),
    "a list of nonces": lambda it, nonce: it.id_token(nonce=[nonce]),
    "expired": lambda it, nonce: it.id_token(nonce=nonce, exp=it.claims()["iat"] - 60),
    "no end": lambda it, nonce: it.id_token(nonce=nonce, exp=None),
    "an end that is a word": lambda it, nonce: it.id_token(nonce=nonce, exp="2999999999"),
    "an end that is no whole number": lambda it, nonce: it.id_token(nonce=nonce, exp=1e30),
    "an end that is true": lambda it, nonce: it.id_token(nonce=nonce, exp=True),
    "no beginning": lambda it, nonce: it.id_token(nonce=nonce, iat=None),
    "made in the future": lambda it, nonce: it.id_token(nonce=nonce, iat=it.claims()["iat"] + 120),
    "not valid yet": lambda it, nonce: it.id_token(nonce=nonce, nbf=it.claims()["iat"] + 120),
    "no subject": lambda it, nonce: it.id_token(nonce=nonce, sub=None),
    "an empty subject": lambda it, nonce: it.id_token(nonce=nonce, sub=""),
    "a subject that is a number": lambda it, nonce: it.id_token(nonce=nonce, sub=1),
    "a subject with a NUL": lambda it, nonce: it.id_token(nonce=nonce, sub="a\0b"),
    "a subject without end": lambda it, nonce: it.id_token(nonce=nonce, sub="x" * 256),
    "the hash of another access token": lambda it, nonce: it.id_token(nonce=nonce, at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "no signature": lambda it, nonce: unsigned(it.id_token(nonce=nonce)),
    "an empty signature": lambda it, nonce: it.id_token(nonce=nonce).rpartition(".")[0] + ".",
    "no algorithm": lambda it, nonce: it.id_token(nonce=nonce, alg="none"),
    "the public key as a shared secret": lambda it, nonce: signed_as_if_shared(
        it.id_token(nonce=nonce), PEM, kid="rsa"
    ),
    "an algorithm that is not taken": lambda it, nonce: it.id_token(nonce=nonce, alg="RS512"),
    "somebody else's key": lambda it, nonce: it.id_token(nonce=nonce, key=STRANGER, header={"kid": "rsa"}),
    "a key of another kind": lambda it, nonce: it.id_token(
        nonce=nonce, alg="ES256", key=ECKey.generate_key("P-256"), header={"kid": "rsa"}
    ),
    "a key of its own": lambda it, nonce: it.id_token(
        nonce=nonce, key=STRANGER, header={"jwk": STRANGER.as_dict(private=False)}
    ),
    "a place for keys": lambda it, nonce: it.id_token(nonce=nonce, header={"jku": f"{it.issuer}/keys"}),
    "a certificate of its own": lambda it, nonce: it.id_token(nonce=nonce, header={"x5c": ["AA=="]}),
    "something critical": lambda it, nonce: it.id_token(nonce=nonce, header={"crit": ["exp"]}),
    "a key that is not known": lambda it, nonce: it.id_token(nonce=nonce, header={"kid": "unknown"}),
    "a key id that is a number": lambda it, nonce: it.id_token(nonce=nonce, header={"kid": 1}),
    "no claims": lambda it, nonce: "e30.e30.e30",
    "no token": lambda it, nonce: "",
    "too much": lambda it, nonce: it.id_token(nonce=nonce, padding="x" * 20_000),
}


def unsigned(token: str) -> str:
    return token.rpartition(".")[0]


@pytest.mark.parametrize("what", list(GOOD))
async def test_what_is_right_in_an_unusual_way_is_taken(forger: Forger, visitor: Visitor, what: str) -> None:
    assert "#code=" in await answered(forger, visitor, GOOD[what])


@pytest.mark.parametrize("what", list(NOT_GOOD))
async def test_what_is_not_right_lets_nobody_in(forger: Forger, visitor: Visitor, what: str) -> None:
    assert await answered(forger, visitor, NOT_GOOD[what]) == "/graphql#refused=invalid"


KEY_CHANGES: dict[str, dict[str, Any]] = {
    "it encrypts": {"use": "enc"},
    "it is of another algorithm": {"alg": "PS256"},
    "it does other things": {"key_ops": ["encrypt"]},
    "it has another name": {"kid": "another"},
}


@pytest.mark.parametrize("what", list(KEY_CHANGES))
async def test_a_key_that_is_not_meant_for_this_is_not_used(what: str) -> None:
    header = {"alg": "RS256", "kid": "rsa"}
    assert provider_tokens.is_key_usable(RSAKey.import_key(PUBLIC), header)
    changed = {name: value for name, value in PUBLIC.items() if name != "use"} | KEY_CHANGES[what]
    assert not provider_tokens.is_key_usable(RSAKey.import_key(changed), header)


async def test_a_short_key_is_not_used() -> None:
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024, {"kid": "rsa"})
    assert not provider_tokens.is_key_usable(short, {"alg": "RS256", "kid": "rsa"})


async def test_of_a_key_set_only_public_keys_are_kept() -> None:
    assert parse_public_key(PUBLIC) is not None
    shared = {"kty": "oct", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I", "kid": "rsa"}
    for value in (KEYS["RS256"].as_dict(private=True), shared, {"kty": "RSA"}, {"kty": ["RSA"]}, {}, None, "RSA"):
        assert parse_public_key(value) is None
