"""Sign in, refresh a session, and sign out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from db import sessions, users
from db.models import User
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, identities, outcome, personal_tokens, provider_tokens, validation
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context, Service, Viewer
from resolvers.errors import Conflict, RefreshUnknown, SignInUnknown, SignOutUnknown, Unauthenticated
from resolvers.sessions import ActiveSession, SessionLifetimes, end_user_sessions
from resolvers.tokens import Claims, generate_id
from runner.bus import user_address

# A client may send a refresh token twice at once, or again if the answer was lost.
GRACE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token and a refresh token. `expires_in` and `refresh_expires_in` are their lifetimes in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    refresh_expires_in: int
    user: User = field(repr=False)


async def login(ctx: Context, name: str, password: str) -> TokenPair:
    """Sign in by name and password. An unknown name takes as long as a wrong password."""
    service = ctx.service
    validation.check_encodable("username", name)
    validation.check_encodable("password", password)
    service.throttle.check(name, ctx.address)
    user = await service.store.read(users.by_name, name) if "\0" not in name else None
    service.throttle.begin(name, ctx.address)
    try:
        matches = await service.passwords.matches(password, user.password_hash if user else None)
    except BaseException:
        service.throttle.discard_try(name, ctx.address)
        raise
    if user is None or not matches or user.disabled:
        with outcome.raise_unknown_as(SignInUnknown):
            await service.store.run(
                audit.record, _build_sign_in_actor(ctx, user), _build_sign_in_change(AuditKind.SIGN_IN_FAILED, user)
            )
        raise Unauthenticated("The user name or the password is wrong.", "用户名或密码错误。")
    service.throttle.record_success(name, ctx.address)
    return await start_session(ctx, user)


async def refresh(ctx: Context, refresh_token: str) -> TokenPair:
    """Exchange a refresh token for new tokens. Each is valid once; a later reuse ends its session, as it may be stolen.

    Within 10 seconds a reuse is accepted, for clients that send it twice at once: both get the same next token.
    """
    service = ctx.service
    claims = service.tokens.read(refresh_token, "refresh")
    with outcome.raise_unknown_as(RefreshUnknown):
        found = await service.store.run(
            _renew_session, claims, _build_sign_in_actor(ctx, None), _build_lifetimes(service)
        )
    if found is None:
        service.bus.hint(user_address(claims.user_id))
        raise Unauthenticated()
    return _issue_tokens(service, found)


async def exchange_link(ctx: Context, code: str, half: str = "") -> TokenPair:
    """Sign in by a one-time code. `half`: the other half of a code that was made for one browser."""
    user_id = ctx.service.links.consume(code)
    if user_id is not None:
        user = await ctx.service.store.read(users.by_id, user_id)
        how = None
    else:
        digest = identities.hash_code_pair(code, half)
        with outcome.raise_unknown_as(SignInUnknown):
            found = await ctx.service.store.run(identities.consume_sign_in_code, digest, ctx.service.clock())
        user, how = (found.user, identities.describe_identity(found.identity)) if found else (None, None)
    if user is None or user.disabled:
        raise Unauthenticated("This sign-in link was used already or is too old.", "此登录链接已使用或已过期。")
    return await start_session(ctx, user, how)


async def start_session(ctx: Context, user: User, how: Mapping[str, Any] | None = None) -> TokenPair:
    """Start a session of this user. `how`: how they signed in, for the audit, unless it was by password."""
    with outcome.raise_unknown_as(SignInUnknown):
        found = await ctx.service.store.run(
            _insert_session, user, _build_sign_in_actor(ctx, user), _build_lifetimes(ctx.service), how
        )
    return _issue_tokens(ctx.service, found)


async def logout(ctx: Context) -> None:
    """End the viewer's session; with a token that has no session, all of their sessions."""
    viewer = ctx.require_viewer()
    if viewer.token_id:
        raise Conflict("A personal access token has no session: revoke it instead.", "个人访问令牌没有会话，请撤销它。")
    if viewer.vouched:
        raise Conflict(
            "An access token of the identity provider has no session here: it ends by itself.",
            "身份提供方的访问令牌在此没有会话，到期自动失效。",
        )
    with outcome.raise_unknown_as(SignOutUnknown):
        await ctx.service.store.run(_end_session, viewer, audit.build_actor(ctx))
    ctx.service.bus.hint(user_address(viewer.user_id))


def _build_lifetimes(service: Service) -> SessionLifetimes:
    return SessionLifetimes(
        timedelta(seconds=service.tokens.refresh_seconds), timedelta(seconds=service.tokens.session_seconds)
    )


def _insert_session(
    conn: Connection, user: User, actor: Actor, lifetimes: SessionLifetimes, how: Mapping[str, Any] | None = None
) -> ActiveSession:
    sessions.prune(conn, user.id, actor.at)
    id, until = generate_id(), lifetimes.compute_end(actor.at, actor.at)
    row = sessions.insert(conn, user_id=user.id, refresh_id=id, address=actor.address, at=actor.at, until=until)
    audit.record(conn, actor, AuditedChange(AuditKind.SIGNED_IN, ObjectKind.USER, user.id, after=how))
    return ActiveSession(user, row.id, id, lifetimes.count_seconds_left(actor.at, actor.at))


def _renew_session(conn: Connection, claims: Claims, actor: Actor, lifetimes: SessionLifetimes) -> ActiveSession | None:
    """Return the session with its next refresh token; None if it has ended, or this reuse of a token ends it."""
    session = sessions.lock_open(conn, claims.session_id, claims.user_id)
    user = sessions.find_holder(conn, claims.user_id, claims.token_version, claims.session_id)
    if session is None or user is None or (left := lifetimes.count_seconds_left(session.created_at, actor.at)) <= 0:
        return None
    if session.refresh_id == claims.id:
        id = generate_id()
        sessions.rotate(conn, session, id, actor.at, lifetimes.compute_end(session.created_at, actor.at))
        return ActiveSession(user, session.id, id, left)
    if session.previous_id == claims.id and actor.at - session.rotated_at <= GRACE:
        return ActiveSession(user, session.id, session.refresh_id, left)
    sessions.end(conn, session.id, actor.at)
    audit.record(
        conn, Actor(actor.at, user.id, user.name, actor.address), _build_sign_in_change(AuditKind.REFRESH_REUSED, user)
    )
    return None


def _end_session(conn: Connection, viewer: Viewer, actor: Actor) -> None:
    if viewer.session_id:
        sessions.end(conn, viewer.session_id, actor.at)
    else:
        end_user_sessions(conn, viewer.user_id, actor.at)
    audit.record(conn, actor, AuditedChange(AuditKind.SIGNED_OUT, ObjectKind.USER, viewer.user_id))


def _build_sign_in_actor(ctx: Context, user: User | None) -> Actor:
    """Return the actor of a sign-in. The given name is recorded only if a user has it.

    Somebody may have typed their password into the field for the name.
    """
    now = ctx.service.clock()
    return Actor(now, address=ctx.address) if user is None else Actor(now, user.id, user.name, ctx.address)


def _build_sign_in_change(kind: AuditKind, user: User | None) -> AuditedChange:
    return AuditedChange(kind, ObjectKind.USER, None if user is None else user.id)


async def authenticate_token(service: Service, access_token: str, address: str = "") -> Viewer:
    """Return the viewer of a token, as stored now; Unauthenticated if it is not valid.

    It may be an access token of sshcast, a personal access token, or an access token of the identity provider.
    """
    if access_token.startswith(personal_tokens.PREFIX):
        return await personal_tokens.load_viewer(service, access_token)
    if service.provider is not None and provider_tokens.is_provider_token(access_token):
        return await identities.load_viewer(service, service.provider, access_token, address)
    claims = service.tokens.read(access_token, "access")
    user = await service.store.read_fact(sessions.find_holder, claims.user_id, claims.token_version, claims.session_id)
    if user is None:
        raise Unauthenticated()
    return Viewer(user.id, user.name, Role(user.role), claims.expires_at, user.token_version, claims.session_id)


async def check_session_validity(ctx: Context) -> None:
    """Raise Unauthenticated if the viewer's token has expired or was revoked."""
    viewer = ctx.require_viewer()
    if ctx.service.clock() >= viewer.expires_at:
        raise Unauthenticated("Your token has expired.", "令牌已过期。")
    if not await _is_session_valid(ctx.service, viewer):
        raise Unauthenticated("Your session has ended.", "会话已结束。")


async def _is_session_valid(service: Service, viewer: Viewer) -> bool:
    if viewer.token_id:
        return await service.store.read(personal_tokens.is_token_valid, viewer)
    names = viewer.user_id, viewer.token_version, viewer.session_id
    return await service.store.read_fact(sessions.find_holder, *names) is not None


def _issue_tokens(service: Service, session: ActiveSession) -> TokenPair:
    issuer, user, left = service.tokens, session.user, session.seconds_left
    access_seconds, refresh_seconds = min(issuer.access_seconds, left), min(issuer.refresh_seconds, left)
    return TokenPair(
        access_token=issuer.access(user, session.session_id, seconds=access_seconds),
        refresh_token=issuer.refresh(user, session.session_id, session.refresh_id, seconds=refresh_seconds),
        expires_in=access_seconds,
        refresh_expires_in=refresh_seconds,
        user=user,
    )
