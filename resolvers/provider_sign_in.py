"""Signing in with the identity provider: authorization code with PKCE, bound to the browser that began it."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from db import identities as table
from db.values import AuditKind, ObjectKind
from resolvers import audit, identities, provider_tokens
from resolvers.audit import Act, Deed
from resolvers.context import Context
from resolvers.errors import NotFound, Unauthenticated
from resolvers.identities import Known
from resolvers.provider import Flow, NotRedeemed, Provider, Redeemed, SignInRefused
from resolvers.provider_tokens import Told

FLOW_LIFE = timedelta(minutes=10)
CODE_LIFE = timedelta(minutes=1)
LONGEST_CODE = 4096


@dataclass(frozen=True, slots=True)
class Begun:
    """`address` is where the browser goes; the flow stays with it until it comes back."""

    address: str = field(repr=False)
    flow: Flow


@dataclass(frozen=True, slots=True)
class OneTime:
    """A code for `sign_in.exchange_link`, and the other half of it, which never stands in an address."""

    code: str = field(repr=False)
    half: str = field(repr=False)


def provider_of(ctx: Context) -> Provider:
    if ctx.service.provider is None:
        raise NotFound("No identity provider is set up here.", "此处未配置身份提供方。")
    return ctx.service.provider


async def begin(ctx: Context, return_path: str) -> Begun:
    """A new sign-in; Unavailable when the provider cannot be reached."""
    provider = provider_of(ctx)
    flow = Flow(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        return_path=return_path,
        expires_at=ctx.service.clock() + FLOW_LIFE,
    )
    return Begun(await provider.line.address(flow), flow)


async def finish(ctx: Context, flow: Flow | None, answer: Mapping[str, str]) -> OneTime:
    """A one-time code for whom the provider vouches for; SignInRefused, Unavailable or RateLimited.

    `answer` is the query that the browser came back with.
    """
    provider = provider_of(ctx)
    if flow is None or ctx.service.clock() >= flow.expires_at:
        raise identities.refusal("expired")
    throttle = ctx.service.throttle
    throttle.begin(flow.state, ctx.address)
    try:
        known = await identified(ctx, provider, flow, answer)
    except Unauthenticated:
        raise
    except BaseException:
        throttle.undecided(flow.state, ctx.address)
        raise
    throttle.succeeded(flow.state, ctx.address)
    return await code_for(ctx, known)


async def identified(ctx: Context, provider: Provider, flow: Flow, answer: Mapping[str, str]) -> Known:
    """What is refused before it is known who it is about is recorded here, the rest by `identities`."""
    try:
        told = await vouched(ctx, provider, flow, answer)
    except SignInRefused as error:
        after = {"by": "oidc", "issuer": provider.issuer, "reason": error.reason}
        deed = Deed(AuditKind.SIGN_IN_FAILED, ObjectKind.USER, None, after=after)
        await ctx.service.store.run(audit.record, stranger(ctx), deed)
        raise
    return await identities.admit(ctx.service, provider, told, stranger(ctx))


async def vouched(ctx: Context, provider: Provider, flow: Flow, answer: Mapping[str, str]) -> Told:
    redeemed = await redeem(provider, flow, answer)
    try:
        return await provider_tokens.of_sign_in(provider, flow, redeemed, ctx.service.clock())
    except Unauthenticated:
        raise identities.refusal("invalid") from None


async def redeem(provider: Provider, flow: Flow, answer: Mapping[str, str]) -> Redeemed:
    """What the code in the answer is good for, if the answer is one to this flow and from this provider (RFC 9207)."""
    if not hmac.compare_digest(answer.get("state", "").encode(), flow.state.encode()):
        raise identities.refusal("expired")
    if answer.get("iss", provider.issuer) != provider.issuer:
        raise identities.refusal("invalid")
    code = answer.get("code", "")
    if "error" in answer or not 1 <= len(code) <= LONGEST_CODE:
        raise identities.refusal("denied")
    try:
        return await provider.line.redeem(code, flow.verifier)
    except NotRedeemed:
        raise identities.refusal("denied") from None


async def code_for(ctx: Context, known: Known) -> OneTime:
    made = OneTime(secrets.token_urlsafe(16), secrets.token_urlsafe(16))
    digest, now = identities.digest_of(made.code, made.half), ctx.service.clock()
    await ctx.service.store.run(keep, digest, known.identity.id, now)
    return made


def keep(conn: Connection, digest: str, identity_id: int, now: datetime) -> None:
    table.insert_code(conn, digest, identity_id, now, now + CODE_LIFE)


def stranger(ctx: Context) -> Act:
    return Act(ctx.service.clock(), address=ctx.address)
