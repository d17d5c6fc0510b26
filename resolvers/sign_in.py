"""Signing in, staying signed in, and signing out."""

from dataclasses import dataclass, field

from sqlalchemy import Connection

from db import users
from db.models import User
from db.values import AuditKind, ObjectKind, Role
from resolvers import audit, rules
from resolvers.audit import Act, Deed
from resolvers.context import Context, Service, Viewer
from resolvers.errors import Unauthenticated
from resolvers.tokens import Claims


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
        await service.store.run(audit.record, doing(ctx, user), about(AuditKind.SIGN_IN_FAILED, user))
        raise Unauthenticated("The user name or the password is wrong.", "用户名或密码错误。")
    service.throttle.succeeded(name, ctx.address)
    return await begun(ctx, user)


async def refresh(ctx: Context, refresh_token: str) -> Tokens:
    claims = ctx.service.tokens.read(refresh_token, "refresh")
    return tokens(ctx.service, await standing_user(ctx.service, claims))


async def exchange_link(ctx: Context, code: str) -> Tokens:
    """Tokens for a one-time sign-in code."""
    user_id = ctx.service.links.take(code)
    user = None if user_id is None else await ctx.service.store.read(users.by_id, user_id)
    if user is None or user.disabled:
        raise Unauthenticated("This sign-in link was used already or is too old.", "此登录链接已使用或已过期。")
    return await begun(ctx, user)


async def begun(ctx: Context, user: User) -> Tokens:
    """A new session of this user."""
    await ctx.service.store.run(audit.record, doing(ctx, user), about(AuditKind.SIGNED_IN, user))
    return tokens(ctx.service, user)


async def logout(ctx: Context) -> None:
    """End every session of the viewer."""
    viewer = ctx.need(Role.VIEWER)
    await ctx.service.store.run(end_sessions, viewer.user_id, audit.act(ctx))


def end_sessions(conn: Connection, user_id: int, act: Act) -> None:
    users.end_sessions(conn, user_id)
    audit.record(conn, act, Deed(AuditKind.SIGNED_OUT, ObjectKind.USER, user_id))


def doing(ctx: Context, user: User | None) -> Act:
    """What somebody does who is not signed in yet. The name that they gave is kept only if a user has it.

    Who mistakes one field for the other gives a password as the name.
    """
    now = ctx.service.clock()
    return Act(now, address=ctx.address) if user is None else Act(now, user.id, user.name, ctx.address)


def about(kind: AuditKind, user: User | None) -> Deed:
    return Deed(kind, ObjectKind.USER, None if user is None else user.id)


async def authenticate(service: Service, access_token: str) -> Viewer:
    """The viewer as the database knows them now; Unauthenticated for anything but a valid access token."""
    claims = service.tokens.read(access_token, "access")
    user = await standing_user(service, claims)
    return Viewer(user.id, user.name, Role(user.role), claims.expires_at, user.token_version)


async def check_standing(ctx: Context) -> None:
    """Raise Unauthenticated when the viewer's token has ended or was revoked meanwhile."""
    viewer = ctx.need(Role.VIEWER)
    if ctx.service.clock() >= viewer.expires_at:
        raise Unauthenticated("Your token has expired.", "令牌已过期。")
    user = await ctx.service.store.read(users.by_id, viewer.user_id)
    if user is None or user.disabled or user.token_version != viewer.token_version:
        raise Unauthenticated("Your session has ended.", "会话已结束。")


async def standing_user(service: Service, claims: Claims) -> User:
    user = await service.store.read(users.by_id, claims.user_id)
    if user is None or user.disabled or user.token_version != claims.token_version:
        raise Unauthenticated()
    return user


def tokens(service: Service, user: User) -> Tokens:
    return Tokens(service.tokens.access(user), service.tokens.refresh(user), service.tokens.access_seconds, user)
