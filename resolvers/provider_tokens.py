"""Verify the identity provider's JWTs: asymmetric algorithms only, and keys of its own key set only.

sshcast's own tokens are HS256 (`resolvers/tokens.py`): the algorithm in the header decides which module reads a token.
Each accepts only its own algorithms, so that a key of one is never used for the other.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from resolvers import provider_groups
from resolvers.errors import Unauthenticated
from resolvers.provider import Flow, Provider, ProviderTokens
from resolvers.provider_groups import GroupsFinding

# The only key type that each algorithm accepts.
ALGORITHMS: Mapping[str, type[Key]] = {
    "RS256": RSAKey,
    "PS256": RSAKey,
    "ES256": ECKey,
    "Ed25519": OKPKey,
    "EdDSA": OKPKey,
}
# RFC 9864 names the curve; the older name covered all curves.
OLDER_NAMES = {"EdDSA": "Ed25519"}
# Headers that let a token choose its own key, or that have a meaning unknown here.
REFUSED_HEADERS = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "enc", "zip"})
LEEWAY_SECONDS = 30
MOST_BYTES = 16 * 1024
LEAST_RSA_BITS = 2048
LONGEST_SUBJECT = 255
# Claims of other kinds of token: ID tokens and logout tokens.
NOT_OF_ACCESS = ("nonce", "at_hash", "c_hash", "events")

RawClaims = Mapping[str, Any]
UNREADABLE = (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError)


@dataclass(frozen=True, slots=True)
class ProviderClaims:
    """The claims of an authenticated user. `groups` is None if the provider sends no groups.

    `groups_finding`: why the groups give no role.
    """

    subject: str
    name: str
    groups: tuple[str, ...] | None
    at: datetime
    until: datetime
    groups_finding: GroupsFinding | None = None


@dataclass(frozen=True, slots=True)
class SignedToken:
    """The header and claims of a token whose signature is valid."""

    header: Mapping[str, Any]
    claims: dict[str, Any]


def is_provider_token(token: str) -> bool:
    """Return whether the header names an algorithm of the provider's keys. Nothing is verified yet."""
    try:
        return jws.extract_compact(token.encode()).headers().get("alg") in ALGORITHMS
    except UNREADABLE:
        return False


async def verify_id_token(provider: Provider, flow: Flow, redeemed: ProviderTokens, now: datetime) -> ProviderClaims:
    """Return the claims of an ID token, completed by the userinfo endpoint; Unauthenticated if it is not valid."""
    signed = await _verify_signature(provider, redeemed.id_token)
    try:
        _check_id_token(provider, flow, redeemed, signed, now)
    except UNREADABLE:
        raise Unauthenticated() from None
    claims = signed.claims
    if provider.groups(claims) is None and redeemed.access_token:
        more = await provider.client.more_claims(redeemed.access_token)
        claims = {**more, **claims} if more.get("sub") == claims["sub"] else claims
    return _build_claims(provider, claims)


async def verify_access_token(provider: Provider, token: str, now: datetime) -> ProviderClaims:
    """Return the claims of an access token (RFC 9068); Unauthenticated if it is invalid or for another service."""
    if provider.audience is None:
        raise Unauthenticated()
    signed = await _verify_signature(provider, token)
    try:
        _check_access_token(provider, signed, now)
    except UNREADABLE:
        raise Unauthenticated() from None
    return _build_claims(provider, signed.claims)


async def _verify_signature(provider: Provider, token: str) -> SignedToken:
    """Return the token if one of the provider's keys signed it. An unknown key is fetched, at most now and then."""
    try:
        if len(token) > MOST_BYTES:
            raise ValueError("too long")
        found = jws.extract_compact(token.encode())
        header = found.headers()
        _check_header(header)
    except UNREADABLE:
        raise Unauthenticated() from None
    key = _find_key(await provider.client.keys(), header) or _find_key(await provider.client.newer_keys(), header)
    algorithm = _normalize_algorithm(header["alg"])
    found.protected = {"alg": algorithm}
    try:
        if key is None or not jws.validate_compact(found, key, algorithms=[algorithm]):
            raise ValueError("signature")
        claims = orjson.loads(found.payload)
        _check_claims(provider, claims)
    except UNREADABLE:
        raise Unauthenticated() from None
    return SignedToken(header, claims)


def _check_header(header: Mapping[str, Any]) -> None:
    if header["alg"] not in ALGORITHMS or REFUSED_HEADERS & header.keys():
        raise ValueError("header")
    if type(header.get("kid", "")) is not str or type(header.get("typ", "")) is not str:
        raise ValueError("header")


def _find_key(keys: Sequence[Key], header: Mapping[str, Any]) -> Key | None:
    """Return the key that the header names; without a name, the only key that fits the algorithm."""
    found = [key for key in keys if is_key_usable(key, header)]
    return found[0] if len(found) == 1 else None


def is_key_usable(key: Key, header: Mapping[str, Any]) -> bool:
    """Return whether the key has the algorithm's type, the header's name, and may be used for signatures."""
    algorithm, operations = _normalize_algorithm(header["alg"]), key.get("key_ops")
    return (
        isinstance(key, ALGORITHMS[algorithm])
        and ("kid" not in header or key.get("kid") == header["kid"])
        and key.get("use") in (None, "sig")
        and _normalize_algorithm(key.get("alg") or algorithm) == algorithm
        and (operations is None or "verify" in operations)
        and not (isinstance(key, RSAKey) and key.raw_value.key_size < LEAST_RSA_BITS)
    )


def _normalize_algorithm(algorithm: Any) -> Any:
    return OLDER_NAMES.get(algorithm, algorithm)


def _check_claims(provider: Provider, claims: Any) -> None:
    """Check the types of the claims that every token of the provider has."""
    if not isinstance(claims, dict) or claims["iss"] != provider.issuer:
        raise ValueError("issuer")
    if any(type(claims[name]) is not int for name in ("exp", "iat")) or type(claims.get("nbf", 0)) is not int:
        raise ValueError("times")
    subject = claims["sub"]
    if type(subject) is not str or not 1 <= len(subject) <= LONGEST_SUBJECT or "\0" in subject:
        raise ValueError("subject")
    if not all(type(each) is str for each in _list_audiences(claims)):
        raise ValueError("audience")


def _list_audiences(claims: RawClaims) -> list[Any]:
    found = claims["aud"]
    return found if isinstance(found, list) else [found]


def _check_id_token(
    provider: Provider, flow: Flow, redeemed: ProviderTokens, signed: SignedToken, now: datetime
) -> None:
    """Check that the token is for this client, flow and access token, and valid now (OpenID Connect Core 3.1.3.7)."""
    claims, party = signed.claims, signed.claims.get("azp")
    if provider.client_id not in _list_audiences(claims) or party not in (None, provider.client_id):
        raise ValueError("audience")
    if len(_list_audiences(claims)) > 1 and party is None:
        raise ValueError("party")
    _check_times(claims, now, LEEWAY_SECONDS)
    if not hmac.compare_digest(claims["nonce"], flow.nonce):
        raise ValueError("nonce")
    if "at_hash" in claims and not hmac.compare_digest(
        claims["at_hash"], _hash_left_half(redeemed.access_token, signed)
    ):
        raise ValueError("access token")


def _hash_left_half(text: str, signed: SignedToken) -> str:
    """Return the left half of the text's hash (`at_hash`), by the hash function of the signing algorithm."""
    ed25519 = _normalize_algorithm(signed.header["alg"]) == "Ed25519"
    digest = (hashlib.sha512 if ed25519 else hashlib.sha256)(text.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


def _check_times(claims: RawClaims, now: datetime, leeway: int) -> None:
    """Check that the token is valid now. `leeway` is how many seconds it may be past its end, since clocks differ."""
    begins, seconds = max(claims["iat"], claims.get("nbf", 0)), now.timestamp()
    if not begins - LEEWAY_SECONDS <= seconds < claims["exp"] + leeway:
        raise ValueError("time")


def _check_access_token(provider: Provider, signed: SignedToken, now: datetime) -> None:
    """Check that the token is an access token for this service and valid now."""
    claims = signed.claims
    kind = signed.header.get("typ", "JWT").lower().removeprefix("application/")
    if kind not in provider.token_types or any(name in claims for name in NOT_OF_ACCESS):
        raise ValueError("kind")
    if provider.audience not in _list_audiences(claims):
        raise ValueError("audience")
    _check_times(claims, now, 0)


def _build_claims(provider: Provider, claims: RawClaims) -> ProviderClaims:
    names = (claims.get(name) for name in ("preferred_username", "email", "sub"))
    return ProviderClaims(
        subject=claims["sub"],
        name=next(name for name in names if isinstance(name, str) and name),
        groups=provider.groups(claims),
        at=datetime.fromtimestamp(claims["iat"], UTC),
        until=datetime.fromtimestamp(claims["exp"], UTC),
        groups_finding=provider_groups.find_problem(provider, claims),
    )
