"""The identity provider whose word is taken, how far, and the line to it (which `sshcast/oidc` keeps)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from joserfc.jwk import Key

from db.values import Role
from resolvers.errors import Unauthenticated


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A sign-in that somebody has begun: what must come back, and where they go then. Sealed in their browser."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    return_path: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ProviderTokens:
    """What the provider gives for a code."""

    id_token: str = field(repr=False)
    access_token: str = field(repr=False)


class CodeRejected(Exception):
    """The provider does not take the code: it was used before, is too old, or was made for somebody else."""


class ProviderClient(Protocol):
    """Speaks with the provider. Unavailable when it cannot be reached, or does not answer as it should."""

    async def keys(self) -> Sequence[Key]:
        """The public keys that it signs with, as they were known lately."""

    async def newer_keys(self) -> Sequence[Key]:
        """The same, asked for anew if that was not done just now: a key that is not known may be new."""

    async def address(self, flow: Flow) -> str:
        """Where the browser is sent to sign in."""

    async def redeem(self, code: str, verifier: str) -> ProviderTokens:
        """What a code is good for; CodeRejected when it is good for nothing."""

    async def more_claims(self, access_token: str) -> Mapping[str, Any]:
        """What it tells of the user beside the ID token; nothing if it has no such place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """`audience`: what an access token must be made for; without one no access token is taken.

    `roles`: of groups. Without any, roles are given here and not there. `default_role`: of those in no such group.
    """

    issuer: str
    name: str
    client_id: str
    audience: str | None
    token_types: frozenset[str]
    groups_claim: str
    roles: Mapping[str, Role]
    default_role: Role | None
    client: ProviderClient

    def groups(self, claims: Mapping[str, Any]) -> tuple[str, ...] | None:
        """The groups that a token names; None where it does not speak of groups."""
        found = _find_claim(claims, self.groups_claim)
        if isinstance(found, str):
            return (found,)
        return tuple(map(str, found)) if isinstance(found, list) else None

    def role(self, groups: Sequence[str]) -> Role | None:
        """The highest that any of the groups gives, or else the default."""
        given = [self.roles[group] for group in groups if group in self.roles]
        return max(given, key=lambda role: role.rank) if given else self.default_role


class SignInRefused(Unauthenticated):
    """You could not be signed in. `reason` is one of a closed list, which the page has words for."""

    def __init__(self, reason: str, en: str, zh: str) -> None:
        super().__init__(en, zh)
        self.reason = reason


def _find_claim(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of this name, or what is at "realm_access.roles" within one another."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
