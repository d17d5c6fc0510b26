"""Identities: map a user of the identity provider to a local user, and decide the role that they sign in with."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from db import identities as table
from db import users
from db.access_models import Identity
from db.models import User
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, audit_records, provider_tokens
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Service, Viewer
from resolvers.errors import Conflict, Invalid
from resolvers.passwords import NO_PASSWORD
from resolvers.provider import Provider, SignInRefused
from resolvers.provider_tokens import ProviderClaims
from resolvers.sessions import end_user_sessions
from resolvers.sign_in_refusals import REFUSALS
from resolvers.users import build_local_actor
from runner.bus import user_address

NOT_IN_A_NAME = re.compile(r"[^\w.@-]+")
LONGEST_NAME = 64
BY_GROUPS = ("no_role", "unknown")
# The role of a user whose groups give none.
LEAST = min(Role, key=lambda role: role.rank)
# Two API processes may add the same new user at once: the database accepts one of them, and the other one retries.
TRIES = 3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """An identity and the local user that it belongs to."""

    identity: Identity
    user: User


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """A sign-in of somebody whom the identity provider has authenticated.

    `role` is the role that their groups give. `decides`: the provider's groups decide roles, also of existing users.
    """

    issuer: str
    claims: ProviderClaims
    role: Role | None
    decides: bool
    actor: Actor


@dataclass(frozen=True, slots=True)
class SignInResult:
    """The identity that is signed in, or the refusal. `ended`: the user whose sessions were ended (0: none)."""

    known: UserIdentity | None = None
    refused: SignInRefused | None = None
    ended: int = 0


async def admit(service: Service, provider: Provider, claims: ProviderClaims, actor: Actor) -> UserIdentity:
    """Return the user of these claims, added at the first sign-in, with their groups' role; or SignInRefused."""
    attempt = SignInAttempt(provider.issuer, claims, provider.role(claims.groups or ()), bool(provider.roles), actor)
    outcome = await _record_attempt(service, attempt)
    if outcome.ended:
        service.bus.hint(user_address(outcome.ended))
    _log_groups(attempt, outcome)
    if outcome.known is None:
        raise outcome.refused or Conflict()
    return outcome.known


async def load_viewer(service: Service, provider: Provider, token: str, address: str) -> Viewer:
    """Return the viewer of the provider's access token; Unauthenticated if it is invalid or its user is refused.

    Groups in the token decide the role, unless a newer token already did. A token without groups never adds a user.
    """
    claims = await provider_tokens.verify_access_token(provider, token, service.clock())
    known = await service.store.read(_find_user_identity, provider.issuer, claims.subject)
    act = Actor(service.clock(), address=address)
    if known is None and claims.groups is None:
        raise await _refuse_unknown(service, SignInAttempt(provider.issuer, claims, None, bool(provider.roles), act))
    if known is None or _is_role_outdated(provider, claims, known):
        if provider.role(claims.groups or ()) is None:
            service.rates.check_refusal((provider.issuer, claims.subject))
        known = await admit(service, provider, claims, act)
    user = known.user
    if user.disabled:
        raise build_refusal("disabled")
    return Viewer(user.id, user.name, Role(user.role), claims.until, user.token_version, vouched=True)


async def _refuse_unknown(service: Service, visit: SignInAttempt) -> SignInRefused:
    service.rates.check_refusal((visit.issuer, visit.claims.subject))
    error = await service.store.run(_record_refusal, visit, "unknown", None)
    _log_groups(visit, SignInResult(refused=error))
    return error


def _log_groups(visit: SignInAttempt, outcome: SignInResult) -> None:
    finding, refused = visit.claims.groups_finding, outcome.refused
    if finding is not None and refused is not None and refused.reason in BY_GROUPS:
        finding.log(visit.issuer, visit.claims.subject, role=None)
    elif finding is not None and outcome.known is not None and visit.decides:
        finding.log(visit.issuer, visit.claims.subject, role=outcome.known.user.role)


def _groups_of(visit: SignInAttempt) -> dict[str, Any]:
    """Return, for the audit, what was wrong with the groups if they should decide the role but do not."""
    finding = visit.claims.groups_finding
    return {} if finding is None or (visit.role is not None and not visit.decides) else {"groups": finding.record()}


def _is_role_outdated(provider: Provider, claims: ProviderClaims, known: UserIdentity) -> bool:
    if not provider.roles or claims.groups is None or claims.at <= known.identity.told_at:
        return False
    role = provider.role(claims.groups)
    return role is None or role != known.user.role


async def _record_attempt(service: Service, attempt: SignInAttempt) -> SignInResult:
    for number in range(TRIES):
        try:
            return await service.store.run(_decide_attempt, attempt, crowded=number > 0)
        except IntegrityError:
            continue
    return SignInResult()


def _decide_attempt(conn: Connection, attempt: SignInAttempt, *, crowded: bool) -> SignInResult:
    known = _find_user_identity(conn, attempt.issuer, attempt.claims.subject)
    if known is None:
        return _admit_newcomer(conn, attempt, crowded=crowded)
    user, ended = _apply_role(conn, known, attempt) if attempt.decides else (known.user, False)
    whose = user.id if ended else 0
    if user.disabled:
        return SignInResult(refused=_record_refusal(conn, attempt, "disabled", user), ended=whose)
    if attempt.decides and attempt.role is None:
        return SignInResult(refused=_record_refusal(conn, attempt, "no_role", user), ended=whose)
    return SignInResult(UserIdentity(known.identity, user), ended=whose)


def _find_user_identity(conn: Connection, issuer: str, subject: str) -> UserIdentity | None:
    identity = table.by_subject(conn, issuer, subject)
    user = None if identity is None else users.by_id(conn, identity.user_id)
    return None if identity is None or user is None else UserIdentity(identity, user)


def _apply_role(conn: Connection, known: UserIdentity, attempt: SignInAttempt) -> tuple[User, bool]:
    """Give the user the provider's role. Return the user, and whether that ended their sessions."""
    user, role = known.user, attempt.role or LEAST
    if not table.record_role_decision(conn, known.identity.id, attempt.claims.at) or (
        user.role == role and attempt.role is not None
    ):
        return user, False
    users.update(conn, user.id, {"role": role, "updated_at": attempt.actor.at})
    end_user_sessions(conn, user.id, attempt.actor.at)
    after = users.by_id(conn, user.id) or user
    if user.role != role:
        old, new = audit_records.diff_columns(user, after, audit_records.USER)
        new |= describe_identity(known.identity) | _groups_of(attempt)
        audit.record(conn, attempt.actor, AuditedChange(AuditKind.USER_UPDATED, ObjectKind.USER, user.id, old, new))
    return after, True


def _admit_newcomer(conn: Connection, attempt: SignInAttempt, *, crowded: bool) -> SignInResult:
    """Add a new user. An existing user with the same name stays separate: only an admin can link the two.

    `crowded`: another process took a suggested name at the same time.
    """
    actor, claims = attempt.actor, attempt.claims
    if attempt.role is None:
        return SignInResult(refused=_record_refusal(conn, attempt, "no_role", None))
    names = _suggest_names(attempt.issuer, claims, numbered=not crowded)
    name = next(name for name in names if users.by_name(conn, name) is None)
    user = users.insert(conn, name=name, password_hash=NO_PASSWORD, role=attempt.role, at=actor.at)
    identity = table.insert(
        conn, issuer=attempt.issuer, subject=claims.subject, user_id=user.id, told_at=claims.at, at=actor.at
    )
    after = audit_records.describe_user(user) | describe_identity(identity) | _groups_of(attempt)
    audit.record(conn, actor, AuditedChange(AuditKind.USER_ADDED, ObjectKind.USER, user.id, after=after))
    return SignInResult(UserIdentity(identity, user))


def _suggest_names(issuer: str, claims: ProviderClaims, *, numbered: bool) -> Iterator[str]:
    """Yield the provider's name for the user, then variants in case it is taken; the last one is unique."""
    name = NOT_IN_A_NAME.sub("-", claims.name).strip("-")[:LONGEST_NAME] or "user"
    yield name
    for number in range(2, 10 if numbered else 2):
        yield f"{name[: LONGEST_NAME - 2]}-{number}"
    own = hashlib.sha256(f"{issuer}\0{claims.subject}".encode()).hexdigest()[:12]
    yield f"{name[: LONGEST_NAME - 13]}-{own}"


def _record_refusal(conn: Connection, attempt: SignInAttempt, reason: str, user: User | None) -> SignInRefused:
    actor = attempt.actor if user is None else Actor(attempt.actor.at, user.id, user.name, attempt.actor.address)
    after: dict[str, Any] = {
        "by": "oidc",
        "issuer": attempt.issuer,
        "subject": attempt.claims.subject,
        "reason": reason,
    }
    after |= _groups_of(attempt) if reason in BY_GROUPS else {}
    id = None if user is None else user.id
    audit.record(conn, actor, AuditedChange(AuditKind.SIGN_IN_FAILED, ObjectKind.USER, id, after=after))
    return build_refusal(reason)


def build_refusal(reason: str) -> SignInRefused:
    en, zh = REFUSALS[reason]
    return SignInRefused(reason, en, zh)


async def link(service: Service, issuer: str, user_id: int, subject: str) -> None:
    """Link a subject of the provider to a user. For commands on the machine itself."""
    if not 1 <= len(subject) <= provider_tokens.LONGEST_SUBJECT:
        raise Invalid("subject", "must be 1 to 255 characters.", "长度须为 1 到 255 个字符。")
    before = await service.store.run(_write_link, issuer, user_id, subject, build_local_actor(service))
    service.bus.hint(*map(user_address, {user_id, before}))


def _write_link(conn: Connection, issuer: str, user_id: int, subject: str, actor: Actor) -> int:
    """Link the subject and end the sessions of the old and the new user. Return the old user's id."""
    known = _find_user_identity(conn, issuer, subject)
    before = user_id if known is None else known.user.id
    if known is None:
        identity = table.insert(conn, issuer=issuer, subject=subject, user_id=user_id, told_at=EPOCH, at=actor.at)
    else:
        identity = known.identity
        table.reassign(conn, identity.id, user_id)
    for id in {user_id, before}:
        end_user_sessions(conn, id, actor.at)
    audit.record(
        conn, actor, AuditedChange(AuditKind.USER_UPDATED, ObjectKind.USER, user_id, after=describe_identity(identity))
    )
    return before


async def unlink(service: Service, issuer: str, user_id: int) -> bool:
    """Remove the user's links to the provider and end their sessions. Return False if there were none."""
    done = await service.store.run(_delete_link, issuer, user_id, build_local_actor(service))
    service.bus.hint(user_address(user_id))
    return done


def _delete_link(conn: Connection, issuer: str, user_id: int, actor: Actor) -> bool:
    if not table.remove(conn, issuer, user_id):
        return False
    end_user_sessions(conn, user_id, actor.at)
    before = {"by": "oidc", "issuer": issuer}
    audit.record(conn, actor, AuditedChange(AuditKind.USER_UPDATED, ObjectKind.USER, user_id, before=before))
    return True


def describe_identity(identity: Identity) -> dict[str, Any]:
    """Return what the audit log records of an identity."""
    return {"by": "oidc", "issuer": identity.issuer, "subject": identity.subject}


def consume_sign_in_code(conn: Connection, digest: str, at: datetime) -> UserIdentity | None:
    """Use up a one-time code and return its identity and user; None if it is not valid."""
    identity = table.consume_code(conn, digest, at)
    user = None if identity is None else users.by_id(conn, identity.user_id)
    return None if identity is None or user is None else UserIdentity(identity, user)


def hash_code_pair(code: str, half: str) -> str:
    """Return the stored hash of a code and its other half."""
    return hashlib.sha256(f"{code}.{half}".encode("utf-8", "surrogatepass")).hexdigest()
