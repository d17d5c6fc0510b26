"""Signing in, staying signed in, and signing out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from db import sessions, users
from db.models import User
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, identities, outcome, personal_tokens, provider_tokens, rules
from resolvers.audit import Act, Deed
from resolvers.context import Context, Service, Viewer
from resolvers.errors import Conflict, RefreshUnknown, SignInUnknown, SignOutUnknown, Unauthenticated
from resolvers.sessions import Held, Lives, end_all
from resolvers.tokens import Claims, new_id
from runner.bus import user_address

# A client may send a refresh token twice at once, or lose the answer and ask again.
GRACE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Tokens:
    """`expires_in` is the access token's life in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    user: User = field(repr=False)


async def login(ctx: Context, name: str, password: str) -> Tokens:
    """Tokens for the right name and password. An unknown name takes as long as a wrong password."""
    service = ctx.service
    rules.encodable("username", name)
    rules.encodable("password", password)
    service.throttle.check(name, ctx.address)
    user = await service.store.read(users.by_name, name) if "\0" not in name else None
    service.throttle.begin(name, ctx.address)
    try:
        matches = await service.passwords.matches(password, user.password_hash if user else None)
    except BaseException:
        service.throttle.undecided(name, ctx.address)
        raise
    if user is None or not matches or user.disabled:
        with outcome.told_as(SignInUnknown):
            await service.store.run(audit.record, act_of(ctx, user), about(AuditKind.SIGN_IN_FAILED, user))
        raise Unauthenticated("The user name or the password is wrong.", "用户名或密码错误。")
    service.throttle.succeeded(name, ctx.address)
    return await begun(ctx, user)


async def refresh(ctx: Context, refresh_token: str) -> Tokens:
    """New tokens for a refresh token, which is good once. Used again later, it ends its session: it was stolen.

    For 10 seconds it is not held against a client that sends it twice at once: both get the same next one.
    """
    service = ctx.service
    claims = service.tokens.read(refresh_token, "refresh")
    with outcome.told_as(RefreshUnknown):
        found = await service.store.run(renew, claims, act_of(ctx, None), lives(service))
    if found is None:
        service.bus.hint(user_address(claims.user_id))
        raise Unauthenticated()
    return tokens(service, found)


async def exchange_link(ctx: Context, code: str, half: str = "") -> Tokens:
    """Tokens for a one-time sign-in code. `half`: what belongs to it, where it was made for one browser."""
    user_id = ctx.service.links.take(code)
    if user_id is not None:
        user = await ctx.service.store.read(users.by_id, user_id)
        how = None
    else:
        digest = identities.digest_of(code, half)
        with outcome.told_as(SignInUnknown):
            found = await ctx.service.store.run(identities.take, digest, ctx.service.clock())
        user, how = (found.user, identities.told_of(found.identity)) if found else (None, None)
    if user is None or user.disabled:
        raise Unauthenticated("This sign-in link was used already or is too old.", "此登录链接已使用或已过期。")
    return await begun(ctx, user, how)


async def begun(ctx: Context, user: User, how: Mapping[str, Any] | None = None) -> Tokens:
    """A new session of this user. `how` they came, for the audit, where it was not by password."""
    with outcome.told_as(SignInUnknown):
        found = await ctx.service.store.run(begin, user, act_of(ctx, user), lives(ctx.service), how)
    return tokens(ctx.service, found)


async def logout(ctx: Context) -> None:
    """End the viewer's session; with a token that has none, all of theirs."""
    viewer = ctx.signed_in()
    if viewer.token_id:
        raise Conflict("A personal access token has no session: revoke it instead.", "个人访问令牌没有会话，请撤销它。")
    if viewer.vouched:
        raise Conflict(
            "An access token of the identity provider has no session here: it ends by itself.",
            "身份提供方的访问令牌在此没有会话，到期自动失效。",
        )
    with outcome.told_as(SignOutUnknown):
        await ctx.service.store.run(end, viewer, audit.act(ctx))
    ctx.service.bus.hint(user_address(viewer.user_id))


def lives(service: Service) -> Lives:
    return Lives(timedelta(seconds=service.tokens.refresh_seconds), timedelta(seconds=service.tokens.session_seconds))


def begin(conn: Connection, user: User, act: Act, lives: Lives, how: Mapping[str, Any] | None = None) -> Held:
    sessions.forget(conn, user.id, act.at)
    id, until = new_id(), lives.until(act.at, act.at)
    row = sessions.insert(conn, user_id=user.id, refresh_id=id, address=act.address, at=act.at, until=until)
    audit.record(conn, act, Deed(AuditKind.SIGNED_IN, ObjectKind.USER, user.id, after=how))
    return Held(user, row.id, id, lives.left(act.at, act.at))


def renew(conn: Connection, claims: Claims, act: Act, lives: Lives) -> Held | None:
    """The session with its next refresh token; None when it is over, or when this ends it: the token comes back."""
    session = sessions.locked(conn, claims.session_id, claims.user_id)
    user = standing(conn, claims.user_id, claims.token_version, claims.session_id)
    if session is None or user is None or (left := lives.left(session.created_at, act.at)) <= 0:
        return None
    if session.refresh_id == claims.id:
        id = new_id()
        sessions.rotate(conn, session, id, act.at, lives.until(session.created_at, act.at))
        return Held(user, session.id, id, left)
    if session.previous_id == claims.id and act.at - session.rotated_at <= GRACE:
        return Held(user, session.id, session.refresh_id, left)
    sessions.end(conn, session.id, act.at)
    audit.record(conn, Act(act.at, user.id, user.name, act.address), about(AuditKind.REFRESH_REUSED, user))
    return None


def end(conn: Connection, viewer: Viewer, act: Act) -> None:
    if viewer.session_id:
        sessions.end(conn, viewer.session_id, act.at)
    else:
        end_all(conn, viewer.user_id, act.at)
    audit.record(conn, act, Deed(AuditKind.SIGNED_OUT, ObjectKind.USER, viewer.user_id))


def act_of(ctx: Context, user: User | None) -> Act:
    """What somebody does who is not signed in yet. The name that they gave is kept only if a user has it.

    Who mistakes one field for the other gives a password as the name.
    """
    now = ctx.service.clock()
    return Act(now, address=ctx.address) if user is None else Act(now, user.id, user.name, ctx.address)


def about(kind: AuditKind, user: User | None) -> Deed:
    return Deed(kind, ObjectKind.USER, None if user is None else user.id)


async def authenticate(service: Service, access_token: str, address: str = "") -> Viewer:
    """The viewer as the database knows them now; Unauthenticated for anything but a token that is good.

    One of ours, a personal token, or one of the identity provider: an access token that it made for this service.
    """
    if access_token.startswith(personal_tokens.PREFIX):
        return await personal_tokens.viewer_of(service, access_token)
    if service.provider is not None and provider_tokens.is_providers(access_token):
        return await identities.viewer_of(service, service.provider, access_token, address)
    claims = service.tokens.read(access_token, "access")
    user = await service.store.read(standing, claims.user_id, claims.token_version, claims.session_id)
    if user is None:
        raise Unauthenticated()
    return Viewer(user.id, user.name, Role(user.role), claims.expires_at, user.token_version, claims.session_id)


async def check_standing(ctx: Context) -> None:
    """Raise Unauthenticated when the viewer's token has ended or was revoked meanwhile."""
    viewer = ctx.signed_in()
    if ctx.service.clock() >= viewer.expires_at:
        raise Unauthenticated("Your token has expired.", "令牌已过期。")
    if not await ctx.service.store.read(stands, viewer):
        raise Unauthenticated("Your session has ended.", "会话已结束。")


def stands(conn: Connection, viewer: Viewer) -> bool:
    if viewer.token_id:
        return personal_tokens.stands(conn, viewer)
    return standing(conn, viewer.user_id, viewer.token_version, viewer.session_id) is not None


def standing(conn: Connection, user_id: int, token_version: int, session_id: int) -> User | None:
    """The user, if a token of this version and session is still good. Session 0: a token that has none."""
    user = users.by_id(conn, user_id)
    if user is None or user.disabled or user.token_version != token_version:
        return None
    return user if session_id == 0 or sessions.is_open(conn, session_id, user_id) else None


def tokens(service: Service, held: Held) -> Tokens:
    issuer, user, left = service.tokens, held.user, held.seconds_left
    access_seconds = min(issuer.access_seconds, left)
    return Tokens(
        access_token=issuer.access(user, held.session_id, seconds=access_seconds),
        refresh_token=issuer.refresh(user, held.session_id, held.refresh_id, seconds=min(issuer.refresh_seconds, left)),
        expires_in=access_seconds,
        user=user,
    )
