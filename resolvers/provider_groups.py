"""Find out why the groups of a token give no role, for the log and the audit: what is missing, or nearly right."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from db.values import Role
from resolvers.provider import Provider
from runner.log import get_logger

log = get_logger()

Problem = Literal["no-map", "overage", "missing", "wrong-type", "empty", "unmapped"]
"""Stored in the audit: these words must never change."""

MOST_NAMES = 20
LONGEST_NAME = 64
MOST_HINTS = 3
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
COMMON_NAME = re.compile(r"\s*cn=([^,]+)", re.IGNORECASE)
BETWEEN_NAMES = re.compile(r"[\s,;]+")
KINDS = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
ABSENT = object()

FOR_MISSING = (
    "have the identity provider put the groups into this claim, or name another one in SSHCAST_OIDC_GROUPS_CLAIM"
)
FOR_NO_MAP = "SSHCAST_OIDC_ROLE_MAP is not set: roles are given here, to users who are here already"
FOR_OVERAGE = (
    "Entra ID leaves the groups out of tokens of users who are in too many: let it emit only the groups that are"
    " assigned to the application, or use app roles (SSHCAST_OIDC_GROUPS_CLAIM=roles)"
)
FOR_TEXT = "have the identity provider send a list of names (a multivalued claim)"
FOR_LIST = "the claim must be a list of names"
FOR_EMPTY = "the user is in no group that the identity provider tells this application of"
FOR_IDS = "these are ids of groups (Entra ID): map the ids, or have the tokens carry names"
FOR_NAMES = "SSHCAST_OIDC_ROLE_MAP has ids of groups, and the token has names: map the names, or have it carry ids"
FOR_UNMAPPED = "none of them is in SSHCAST_OIDC_ROLE_MAP"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsFinding:
    """The problem with the groups of a token. All names are printable, and limited in length and number.

    `seen`: the groups' names. `claims`: the names of the claims at the place where the claim of groups is missing.
    `more`: how many names were left out of the two.
    """

    problem: Problem
    claim: str
    hint: str
    seen: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    more: int = 0

    def record(self) -> dict[str, Any]:
        """Return the finding in the form that the log and the audit use."""
        found: dict[str, Any] = {"problem": self.problem, "claim": self.claim, "hint": self.hint}
        named = {"seen": list(self.seen), "claims": list(self.claims), "more": self.more}
        return found | {name: value for name, value in named.items() if value}

    def log(self, issuer: str, subject: str, role: str | None) -> None:
        """Log the finding in one line. `role`: the role that the user gets anyway; None: the sign-in is refused."""
        refused = "a sign-in is refused: its groups give no role"
        event = refused if role is None else "a sign-in gets the default role: its groups give no other"
        got = {} if role is None else {"role": role}
        log.warning(event, issuer=issuer, subject=_shorten_name(subject), **got, **self.record())


def find_problem(provider: Provider, claims: Mapping[str, Any]) -> GroupsFinding | None:
    """Return the problem with the groups; None if one of them has a role."""
    groups = provider.groups(claims) or ()
    if any(group in provider.roles for group in groups):
        return None
    if not provider.roles:
        return _finding(provider, "no-map", FOR_NO_MAP, seen=groups)
    value, around = _look_up(claims, provider.groups_claim)
    if value is ABSENT and _is_overage(claims, provider.groups_claim):
        return _finding(provider, "overage", FOR_OVERAGE)
    if value is ABSENT:
        return _finding(provider, "missing", FOR_MISSING, claims=tuple(around))
    if (fault := _wrong_type(value)) is not None:
        return _finding(provider, "wrong-type", fault, seen=groups)
    if not any(groups):
        return _finding(provider, "empty", FOR_EMPTY)
    return _finding(provider, "unmapped", "; ".join(_hints(groups, provider.roles)) or FOR_UNMAPPED, seen=groups)


def _finding(
    provider: Provider, problem: Problem, hint: str, *, seen: Sequence[str] = (), claims: Sequence[str] = ()
) -> GroupsFinding:
    return GroupsFinding(
        problem=problem,
        claim=_shorten_name(provider.groups_claim),
        hint=hint,
        seen=tuple(map(_shorten_name, seen[:MOST_NAMES])),
        claims=tuple(map(_shorten_name, claims[:MOST_NAMES])),
        more=max(0, len(seen) - MOST_NAMES) + max(0, len(claims) - MOST_NAMES),
    )


def _shorten_name(name: str) -> str:
    """Return a printable form: no control characters or direction marks, and not too long."""
    short = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in short)


def _look_up(claims: Mapping[str, Any], path: str) -> tuple[Any, list[str]]:
    """Return the value at the path, or ABSENT with the names of the claims where the path ends."""
    if path in claims:
        return claims[path], []
    found: Any = claims
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            within = [str(each) for each in found] if isinstance(found, Mapping) else []
            return ABSENT, sorted(within)
        found = found[name]
    return found, []


def _is_overage(claims: Mapping[str, Any], claim: str) -> bool:
    """Return whether Entra ID has left groups out of the token because there are too many."""
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and claim in elsewhere:
        return True
    return claim == "groups" and (str(claims.get("hasgroups")).lower() == "true" or "groups:src1" in claims)


def _wrong_type(value: Any) -> str | None:
    if isinstance(value, str):
        several = len(BETWEEN_NAMES.split(value.strip())) > 1
        return f"the claim is one text and not a list: {FOR_TEXT}" if several else None
    if not isinstance(value, list):
        return f"the claim is {KINDS.get(type(value), 'null')}: {FOR_LIST}"
    wrong = next((each for each in value if not isinstance(each, str)), None)
    return None if wrong is None else f"the claim has {KINDS.get(type(wrong), 'null')} in its list: {FOR_LIST}"


def _hints(groups: Sequence[str], roles: Mapping[str, Role]) -> Iterator[str]:
    """Yield the first few hints about names that are nearly right."""
    seen_ids, mapped_ids = (all(ID.fullmatch(name) for name in names) for names in (groups, roles))
    if seen_ids != mapped_ids:
        yield FOR_IDS if seen_ids else FOR_NAMES
        return
    near = (hint for group in groups[:MOST_NAMES] for mapped in roles if (hint := _hint(group, mapped)) is not None)
    for hint, _ in zip(near, range(MOST_HINTS), strict=False):
        yield hint


def _hint(group: str, mapped: str) -> str | None:
    name, mapped_name = _shorten_name(group), _shorten_name(mapped)
    if group.strip().casefold() == mapped.strip().casefold():
        return (
            f"{name} differs from the mapped {mapped_name} in upper and lower case, or in blanks: map it as it is told"
        )
    if _last_part(group) == _last_part(mapped):
        keycloak = ", or switch off 'Full group path' in its mapper (Keycloak)" if group.startswith("/") else ""
        return f"{name} is told where {mapped_name} is mapped: map {name}{keycloak}"
    return None


def _last_part(name: str) -> str:
    """Return the last part of a path, of a domain's group or of a distinguished name, in lower case."""
    common = COMMON_NAME.match(name)
    return re.split(r"[/\\]", (common[1] if common else name).rstrip("/"))[-1].strip().casefold()
