"""Identities: which user of ours it is whom the identity provider speaks of, and with which role they get in."""

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
from resolvers.audit import Act, Deed
from resolvers.context import Service, Viewer
from resolvers.errors import Conflict, Invalid
from resolvers.passwords import NO_PASSWORD
from resolvers.provider import Provider, SignInRefused
from resolvers.provider_tokens import Told
from resolvers.sessions import end_all
from resolvers.users import on_the_machine
from runner.bus import user_address

NOT_IN_A_NAME = re.compile(r"[^\w.@-]+")
LONGEST_NAME = 64
BY_GROUPS = ("no_role", "unknown")
# What is left of the rights of somebody whose groups give none.
LEAST = min(Role, key=lambda role: role.rank)
# Two API processes may meet the same newcomer at once: the database lets one of them in, the other one looks again.
TRIES = 3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Known:
    """An identity and its user."""

    identity: Identity
    user: User


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody the provider vouches for, who comes now.

    `decides`: the provider gives roles, also to users who are here already.
    """

    issuer: str
    told: Told
    role: Role | None
    decides: bool
    act: Act


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who is let in, or why nobody is; and the user whose sessions ended with it (0: nobody's)."""

    known: Known | None = None
    refused: SignInRefused | None = None
    ended: int = 0


async def admit(service: Service, provider: Provider, told: Told, act: Act) -> Known:
    """Who it is, made a user at their first visit, with the role that their groups give now; else SignInRefused."""
    visit = Visit(provider.issuer, told, provider.role(told.groups or ()), bool(provider.roles), act)
    outcome = await recorded(service, visit)
    if outcome.ended:
        service.bus.hint(user_address(outcome.ended))
    _log_groups(visit, outcome)
    if outcome.known is None:
        raise outcome.refused or Conflict()
    return outcome.known


async def viewer_of(service: Service, provider: Provider, token: str, address: str) -> Viewer:
    """Whom an access token of the provider speaks for; Unauthenticated if it is not good or they are not let in.

    Groups that it names decide the role, unless a newer token has decided. One that names none lets nobody new in.
    """
    told = await provider_tokens.of_access(provider, token, service.clock())
    known = await service.store.read(known_by, provider.issuer, told.subject)
    act = Act(service.clock(), address=address)
    if known is None and told.groups is None:
        raise await _refuse_unknown(service, Visit(provider.issuer, told, None, bool(provider.roles), act))
    if known is None or decides_anew(provider, told, known):
        if provider.role(told.groups or ()) is None:
            service.rates.refusal((provider.issuer, told.subject))
        known = await admit(service, provider, told, act)
    user = known.user
    if user.disabled:
        raise refusal("disabled")
    return Viewer(user.id, user.name, Role(user.role), told.until, user.token_version, vouched=True)


async def _refuse_unknown(service: Service, visit: Visit) -> SignInRefused:
    service.rates.refusal((visit.issuer, visit.told.subject))
    error = await service.store.run(recorded_refusal, visit, "unknown", None)
    _log_groups(visit, Outcome(refused=error))
    return error


def _log_groups(visit: Visit, outcome: Outcome) -> None:
    finding, refused = visit.told.groups_finding, outcome.refused
    if finding is not None and refused is not None and refused.reason in BY_GROUPS:
        finding.log(visit.issuer, visit.told.subject, role=None)
    elif finding is not None and outcome.known is not None and visit.decides:
        finding.log(visit.issuer, visit.told.subject, role=outcome.known.user.role)


def _groups_of(visit: Visit) -> dict[str, Any]:
    """For the audit: what was wrong with the groups, where they decide and do not give the role."""
    finding = visit.told.groups_finding
    return {} if finding is None or (visit.role is not None and not visit.decides) else {"groups": finding.record()}


def decides_anew(provider: Provider, told: Told, known: Known) -> bool:
    if not provider.roles or told.groups is None or told.at <= known.identity.told_at:
        return False
    role = provider.role(told.groups)
    return role is None or role != known.user.role


async def recorded(service: Service, visit: Visit) -> Outcome:
    for attempt in range(TRIES):
        try:
            return await service.store.run(received, visit, crowded=attempt > 0)
        except IntegrityError:
            continue
    return Outcome()


def received(conn: Connection, visit: Visit, *, crowded: bool) -> Outcome:
    known = known_by(conn, visit.issuer, visit.told.subject)
    if known is None:
        return newcomer(conn, visit, crowded=crowded)
    user, ended = settled(conn, known, visit) if visit.decides else (known.user, False)
    whose = user.id if ended else 0
    if user.disabled:
        return Outcome(refused=recorded_refusal(conn, visit, "disabled", user), ended=whose)
    if visit.decides and visit.role is None:
        return Outcome(refused=recorded_refusal(conn, visit, "no_role", user), ended=whose)
    return Outcome(Known(known.identity, user), ended=whose)


def known_by(conn: Connection, issuer: str, subject: str) -> Known | None:
    identity = table.by_subject(conn, issuer, subject)
    user = None if identity is None else users.by_id(conn, identity.user_id)
    return None if identity is None or user is None else Known(identity, user)


def settled(conn: Connection, known: Known, visit: Visit) -> tuple[User, bool]:
    """The user with the role that the provider gives, and whether that ended their sessions."""
    user, role = known.user, visit.role or LEAST
    if not table.tell(conn, known.identity.id, visit.told.at) or (user.role == role and visit.role is not None):
        return user, False
    users.update(conn, user.id, {"role": role, "updated_at": visit.act.at})
    end_all(conn, user.id, visit.act.at)
    after = users.by_id(conn, user.id) or user
    if user.role != role:
        old, new = audit_records.difference(user, after, audit_records.USER)
        new |= told_of(known.identity) | _groups_of(visit)
        audit.record(conn, visit.act, Deed(AuditKind.USER_UPDATED, ObjectKind.USER, user.id, old, new))
    return after, True


def newcomer(conn: Connection, visit: Visit, *, crowded: bool) -> Outcome:
    """A user of their own. One who is here with the same name stays another one: only an admin makes them the same.

    `crowded`: others were taking such names at the same moment.
    """
    act, told = visit.act, visit.told
    if visit.role is None:
        return Outcome(refused=recorded_refusal(conn, visit, "no_role", None))
    wanted = names(visit.issuer, told, numbered=not crowded)
    name = next(name for name in wanted if users.by_name(conn, name) is None)
    user = users.insert(conn, name=name, password_hash=NO_PASSWORD, role=visit.role, at=act.at)
    identity = table.insert(
        conn, issuer=visit.issuer, subject=told.subject, user_id=user.id, told_at=told.at, at=act.at
    )
    after = audit_records.user(user) | told_of(identity) | _groups_of(visit)
    audit.record(conn, act, Deed(AuditKind.USER_ADDED, ObjectKind.USER, user.id, after=after))
    return Outcome(Known(identity, user))


def names(issuer: str, told: Told, *, numbered: bool) -> Iterator[str]:
    """The name that the provider tells, and others like it in case that somebody has it; the last is theirs alone."""
    name = NOT_IN_A_NAME.sub("-", told.name).strip("-")[:LONGEST_NAME] or "user"
    yield name
    for number in range(2, 10 if numbered else 2):
        yield f"{name[: LONGEST_NAME - 2]}-{number}"
    own = hashlib.sha256(f"{issuer}\0{told.subject}".encode()).hexdigest()[:12]
    yield f"{name[: LONGEST_NAME - 13]}-{own}"


def recorded_refusal(conn: Connection, visit: Visit, reason: str, user: User | None) -> SignInRefused:
    act = visit.act if user is None else Act(visit.act.at, user.id, user.name, visit.act.address)
    after: dict[str, Any] = {"by": "oidc", "issuer": visit.issuer, "subject": visit.told.subject, "reason": reason}
    after |= _groups_of(visit) if reason in BY_GROUPS else {}
    id = None if user is None else user.id
    audit.record(conn, act, Deed(AuditKind.SIGN_IN_FAILED, ObjectKind.USER, id, after=after))
    return refusal(reason)


def refusal(reason: str) -> SignInRefused:
    en, zh = REFUSALS[reason]
    return SignInRefused(reason, en, zh)


async def link(service: Service, issuer: str, user_id: int, subject: str) -> None:
    """For the machine's own commands: from now on, whom the provider knows by this subject is this user."""
    if not 1 <= len(subject) <= provider_tokens.LONGEST_SUBJECT:
        raise Invalid("subject", "must be 1 to 255 characters.", "长度须为 1 到 255 个字符。")
    before = await service.store.run(linked, issuer, user_id, subject, on_the_machine(service))
    service.bus.hint(*map(user_address, {user_id, before}))


def linked(conn: Connection, issuer: str, user_id: int, subject: str, act: Act) -> int:
    """Whose it was before. The sessions of the one and of the other end."""
    known = known_by(conn, issuer, subject)
    before = user_id if known is None else known.user.id
    if known is None:
        identity = table.insert(conn, issuer=issuer, subject=subject, user_id=user_id, told_at=EPOCH, at=act.at)
    else:
        identity = known.identity
        table.move(conn, identity.id, user_id)
    for id in {user_id, before}:
        end_all(conn, id, act.at)
    audit.record(conn, act, Deed(AuditKind.USER_UPDATED, ObjectKind.USER, user_id, after=told_of(identity)))
    return before


async def unlink(service: Service, issuer: str, user_id: int) -> bool:
    """Whom the provider knows is this user no more. False if it knew none. Their sessions end."""
    done = await service.store.run(unlinked, issuer, user_id, on_the_machine(service))
    service.bus.hint(user_address(user_id))
    return done


def unlinked(conn: Connection, issuer: str, user_id: int, act: Act) -> bool:
    if not table.remove(conn, issuer, user_id):
        return False
    end_all(conn, user_id, act.at)
    before = {"by": "oidc", "issuer": issuer}
    audit.record(conn, act, Deed(AuditKind.USER_UPDATED, ObjectKind.USER, user_id, before=before))
    return True


def told_of(identity: Identity) -> dict[str, Any]:
    """What the audit keeps of who it was."""
    return {"by": "oidc", "issuer": identity.issuer, "subject": identity.subject}


def take(conn: Connection, digest: str, at: datetime) -> Known | None:
    """Whom a one-time code is for, which is gone with it."""
    identity = table.take_code(conn, digest, at)
    user = None if identity is None else users.by_id(conn, identity.user_id)
    return None if identity is None or user is None else Known(identity, user)


def digest_of(code: str, half: str) -> str:
    """What is kept of a code and its other half."""
    return hashlib.sha256(f"{code}.{half}".encode("utf-8", "surrogatepass")).hexdigest()


REFUSALS = {
    "expired": (
        "The sign-in took too long, or was begun in another browser: try again.",
        "登录已超时，或不是在此浏览器中开始的，请重试。",
    ),
    "denied": (
        "The identity provider did not let you in: try again.",
        "身份提供方未允许您登录，请重试。",
    ),
    "invalid": (
        "What the identity provider answered is not valid: try again, and if it stays so, tell an admin.",
        "身份提供方的应答无效，请重试；若仍如此，请联系管理员。",
    ),
    "no_role": (
        "None of your groups has a role here: ask an admin.",
        "您所在的组在此没有任何角色，请联系管理员。",
    ),
    "disabled": ("You are kept out here: ask an admin.", "您的账号已被停用，请联系管理员。"),
    "unknown": (
        "The identity provider's token is good, but you are not known here yet: sign in on the page once.",
        "令牌有效，但此处尚无您的账号，请先在页面上登录一次。",
    ),
}
