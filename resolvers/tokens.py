"""sshcast's own JWTs: only HS256 and the compact form; a header chooses neither key nor algorithm.

Access and refresh tokens differ in `typ`; one is never accepted as the other.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, Protocol, cast, get_args

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from db.values import Role
from resolvers.errors import Unauthenticated
from resolvers.signing_key import check_key

ISSUER = "sshcast"
ALGORITHM = "HS256"
HEADER = {"alg": ALGORITHM, "typ": "JWT"}
LEEWAY_SECONDS = 10
MOST_BYTES = 4096
MOST_KEPT = 2000

TokenKind = Literal["access", "refresh"]
KINDS = get_args(TokenKind)


class TokenOwner(Protocol):
    """Whom a token is issued to: a user, or the columns of one that a token tells."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def token_version(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a valid token. The database decides whether it still holds. Session 0: none (`sshcast token`)."""

    user_id: int
    username: str
    role: Role
    kind: TokenKind
    token_version: int
    expires_at: datetime
    id: str
    session_id: int


@dataclass(frozen=True, slots=True)
class SignedClaims:
    """The claims of a token that we signed, which may be of any kind and time. `not_before`: seconds since 1970."""

    claims: Claims
    not_before: int


class TokenIssuer:
    """Issues and reads tokens. `access_seconds` and `refresh_seconds` are lifetimes, `session_seconds` a session's.

    A session's tokens expire at the latest when the session does. The tokens that were read last are kept with what
    they say, so that their signature is not checked again; their kind and times are.
    """

    def __init__(
        self,
        key: bytes,
        *,
        clock: Callable[[], datetime],
        access_seconds: int = 3600,
        refresh_seconds: int = 604_800,
        session_seconds: int = 2_592_000,
    ) -> None:
        check_key(key)
        self._key = OctKey.import_key(key)
        self._clock = clock
        self._read_signed = lru_cache(MOST_KEPT)(self._verify)  # what raises is not kept
        self.access_seconds = access_seconds
        self.refresh_seconds = refresh_seconds
        self.session_seconds = session_seconds

    def access(self, user: TokenOwner, session_id: int = 0, *, seconds: int | None = None) -> str:
        life = self.access_seconds if seconds is None else seconds
        return self._issue(user, "access", life, {"sid": session_id, "jti": generate_id()})

    def refresh(
        self, user: TokenOwner, session_id: int = 0, id: str | None = None, *, seconds: int | None = None
    ) -> str:
        life = self.refresh_seconds if seconds is None else seconds
        return self._issue(user, "refresh", life, {"sid": session_id, "jti": id or generate_id()})

    def read(self, token: str, kind: TokenKind) -> Claims:
        """Return the claims of a token of this kind that is valid now; otherwise raise Unauthenticated."""
        try:
            found = self._read_signed(token)
        except (JoseError, ValueError, TypeError, KeyError, OverflowError, OSError):
            raise Unauthenticated() from None
        now = self._clock()
        claims = found.claims
        if claims.kind != kind or now >= claims.expires_at or now.timestamp() < found.not_before:
            raise Unauthenticated() from None
        return claims

    def _issue(self, user: TokenOwner, kind: TokenKind, seconds: int, names: dict[str, Any]) -> str:
        now = self._clock()
        claims = {
            "iss": ISSUER,
            "aud": ISSUER,
            "sub": str(user.id),
            "user_id": user.id,
            "username": user.name,
            "role": user.role,
            "typ": kind,
            "tv": user.token_version,
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=seconds)).timestamp()),
        }
        return jws.serialize_compact(HEADER, orjson.dumps(claims | names), self._key)

    def _verify(self, token: str) -> SignedClaims:
        """Return what a token with our signature says. Raises various errors for any other text."""
        if len(token) > MOST_BYTES:
            raise ValueError("too long")
        found = jws.deserialize_compact(token, self._key, algorithms=[ALGORITHM])
        return _check_claims(found.headers(), orjson.loads(found.payload))


def _check_claims(header: dict[str, Any], claims: Any) -> SignedClaims:
    if header != HEADER or not isinstance(claims, dict):
        raise ValueError("header")
    whole = {name: claims[name] for name in ("iat", "nbf", "exp", "user_id", "tv")}
    words = {name: claims[name] for name in ("iss", "aud", "sub", "typ", "jti", "username", "role")}
    whole["sid"] = claims.get("sid", 0)
    if any(type(value) is not int for value in whole.values()):
        raise ValueError("numbers")
    if any(type(value) is not str for value in words.values()):
        raise ValueError("words")
    if (words["iss"], words["aud"], words["sub"]) != (ISSUER, ISSUER, str(whole["user_id"])):
        raise ValueError("names")
    if words["typ"] not in KINDS:
        raise ValueError("kind")
    return SignedClaims(
        Claims(
            user_id=whole["user_id"],
            username=words["username"],
            role=Role(words["role"]),
            kind=cast(TokenKind, words["typ"]),
            token_version=whole["tv"],
            expires_at=datetime.fromtimestamp(whole["exp"], UTC),
            id=words["jti"],
            session_id=whole["sid"],
        ),
        not_before=max(whole["nbf"], whole["iat"]) - LEEWAY_SECONDS,
    )


def generate_id() -> str:
    """Return 96 random bits as 16 characters."""
    return secrets.token_urlsafe(12)
