"""The identity provider: its settings, and the interface of the client (which `sshcast/oidc` implements)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from joserfc.jwk import Key

from db.values import Role
from resolvers.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class CommandLineRequest:
    """What a command line asks for that signs in through the browser. All of it was checked.

    `redirect`: its own loop-back address, which gets the code with `state`. `challenge`: the SHA-256 of a verifier that
    only it knows (RFC 7636).
    """

    redirect: str
    state: str = field(repr=False)
    challenge: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A sign-in in progress: the values that the answer must match, and the page to return to. Sealed in a cookie.

    `command_line` is set where a command line gets the code, and no page.
    """

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    return_path: str
    expires_at: datetime
    command_line: CommandLineRequest | None = None


@dataclass(frozen=True, slots=True)
class ProviderTokens:
    """The tokens that the provider returns for a code."""

    id_token: str = field(repr=False)
    access_token: str = field(repr=False)


class CodeRejected(Exception):
    """The provider rejects the code: it was used before, has expired, or was issued to another client."""


class ProviderClient(Protocol):
    """Talks to the provider. Raises Unavailable if it cannot be reached, or its answer is not valid."""

    async def keys(self) -> Sequence[Key]:
        """Return the provider's public signing keys, possibly from the cache."""

    async def newer_keys(self) -> Sequence[Key]:
        """Return the keys, fetched again unless that was done just now: an unknown key may be new."""

    async def address(self, flow: Flow) -> str:
        """Return the URL that the browser is sent to for signing in."""

    async def redeem(self, code: str, verifier: str) -> ProviderTokens:
        """Exchange a code for tokens; CodeRejected if the provider rejects it."""

    async def more_claims(self, access_token: str) -> Mapping[str, Any]:
        """Return the claims of the userinfo endpoint; none if the provider has no such endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The provider's settings. `audience`: the audience that access tokens must have; None: they are not accepted.

    `roles`: the role of each group; if empty, roles are managed here. `default_role`: for users in none of these
    groups.
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
        """Return the groups in the claims; None if there is no claim of groups."""
        found = _find_claim(claims, self.groups_claim)
        if isinstance(found, str):
            return (found,)
        return tuple(map(str, found)) if isinstance(found, list) else None

    def role(self, groups: Sequence[str]) -> Role | None:
        """Return the highest role of these groups; the default role if none of them has one."""
        found = [self.roles[group] for group in groups if group in self.roles]
        return max(found, key=lambda role: role.rank) if found else self.default_role


class SignInRefused(Unauthenticated):
    """You could not be signed in. `reason` is one of a closed list, which the page has words for."""

    def __init__(self, reason: str, en: str, zh: str) -> None:
        super().__init__(en, zh)
        self.reason = reason


def _find_claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return the claim of this name, or the value at a path such as "realm_access.roles"; None without one."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
