"""Sign in with the identity provider: authorization code with PKCE, bound to the browser that started it."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from db import identities as table
from db.values import AuditKind, ObjectKind
from resolvers import audit, identities, provider_sign_in_cli, provider_tokens
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context
from resolvers.errors import NotFound, Unauthenticated
from resolvers.identities import UserIdentity
from resolvers.provider import CodeRejected, CommandLineRequest, Flow, Provider, ProviderTokens, SignInRefused
from resolvers.provider_tokens import ProviderClaims

FLOW_LIFE = timedelta(minutes=10)
CODE_LIFE = timedelta(minutes=1)
LONGEST_CODE = 4096


@dataclass(frozen=True, slots=True)
class StartedSignIn:
    """A sign-in that was started. The browser goes to `address`, and keeps the flow until it comes back."""

    address: str = field(repr=False)
    flow: Flow


@dataclass(frozen=True, slots=True)
class OneTimeCode:
    """A code for `sign_in.exchange_link`, and its other half, which never appears in a URL.

    A command line's is for `provider_sign_in_cli.exchange_code`: its other half is the verifier, which stays there.
    """

    code: str = field(repr=False)
    half: str = field(repr=False)


def require_provider(ctx: Context) -> Provider:
    """Return the identity provider; NotFound if nobody can sign in with one here."""
    if ctx.service.provider is None:
        raise NotFound(
            "No identity provider is set up here: sign in with a user name and a password.",
            "此处未配置身份提供方，请使用用户名和密码登录。",
        )
    return ctx.service.provider


async def begin(ctx: Context, return_path: str, command_line: CommandLineRequest | None = None) -> StartedSignIn:
    """Start a sign-in, of a browser or of a command line through it. Unavailable if the provider cannot be reached."""
    provider = require_provider(ctx)
    flow = Flow(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        return_path=return_path,
        expires_at=ctx.service.clock() + FLOW_LIFE,
        command_line=command_line,
    )
    return StartedSignIn(await provider.client.address(flow), flow)


async def finish(ctx: Context, flow: Flow | None, answer: Mapping[str, str]) -> OneTimeCode:
    """Return a one-time code for the user whom the provider has authenticated.

    `answer` is the query that the browser came back with. Raises SignInRefused, Unavailable or RateLimited.
    """
    provider = require_provider(ctx)
    if flow is None or ctx.service.clock() >= flow.expires_at:
        raise identities.build_refusal("expired")
    throttle = ctx.service.throttle
    throttle.begin(flow.state, ctx.address)
    try:
        known = await _identify(ctx, provider, flow, answer)
    except Unauthenticated:
        raise
    except BaseException:
        throttle.discard_try(flow.state, ctx.address)
        raise
    throttle.record_success(flow.state, ctx.address)
    return await _issue_code(ctx, known, flow.command_line)


async def _identify(ctx: Context, provider: Provider, flow: Flow, answer: Mapping[str, str]) -> UserIdentity:
    """Return the user of the answer. Refusals are recorded here, or by `identities` once the user is known."""
    try:
        claims = await _verify_answer(ctx, provider, flow, answer)
    except SignInRefused as error:
        after = {"by": "oidc", "issuer": provider.issuer, "reason": error.reason}
        change = AuditedChange(AuditKind.SIGN_IN_FAILED, ObjectKind.USER, None, after=after)
        await ctx.service.store.run(audit.record, _build_anonymous_actor(ctx), change)
        raise
    return await identities.admit(ctx.service, provider, claims, _build_anonymous_actor(ctx))


async def _verify_answer(ctx: Context, provider: Provider, flow: Flow, answer: Mapping[str, str]) -> ProviderClaims:
    redeemed = await _redeem_code(provider, flow, answer)
    try:
        return await provider_tokens.verify_id_token(provider, flow, redeemed, ctx.service.clock())
    except Unauthenticated:
        raise identities.build_refusal("invalid") from None


async def _redeem_code(provider: Provider, flow: Flow, answer: Mapping[str, str]) -> ProviderTokens:
    """Exchange the answer's code for tokens, if the answer belongs to this flow and this provider (RFC 9207)."""
    if not hmac.compare_digest(answer.get("state", "").encode(), flow.state.encode()):
        raise identities.build_refusal("expired")
    if answer.get("iss", provider.issuer) != provider.issuer:
        raise identities.build_refusal("invalid")
    code = answer.get("code", "")
    if "error" in answer or not 1 <= len(code) <= LONGEST_CODE:
        raise identities.build_refusal("denied")
    try:
        return await provider.client.redeem(code, flow.verifier)
    except CodeRejected:
        raise identities.build_refusal("denied") from None


async def _issue_code(ctx: Context, known: UserIdentity, command_line: CommandLineRequest | None) -> OneTimeCode:
    if command_line is None:
        made = OneTimeCode(secrets.token_urlsafe(16), secrets.token_urlsafe(16))
        digest = identities.hash_code_pair(made.code, made.half)
    else:
        made = OneTimeCode(provider_sign_in_cli.make_code(command_line.challenge), "")
        digest = provider_sign_in_cli.hash_code(made.code)
    await ctx.service.store.run(_store_code, digest, known.identity.id, ctx.service.clock())
    return made


def _store_code(conn: Connection, digest: str, identity_id: int, now: datetime) -> None:
    table.insert_code(conn, digest, identity_id, now, now + CODE_LIFE)


def _build_anonymous_actor(ctx: Context) -> Actor:
    return Actor(ctx.service.clock(), address=ctx.address)
