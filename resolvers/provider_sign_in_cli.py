"""Sign in of a command line through the browser (RFC 8252): what it asks for, and its one-time code bound by PKCE."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from db.values import AuditKind, ObjectKind
from resolvers import audit, identities, outcome, sign_in
from resolvers.audit import Actor, AuditedChange
from resolvers.context import Context
from resolvers.errors import Invalid, SignInUnknown, Unauthenticated
from resolvers.identities import UserIdentity
from resolvers.provider import CommandLineRequest
from resolvers.sign_in import TokenPair

# RFC 8252, 7.3 and 8.3: addresses, and not `localhost`, which a resolver may take elsewhere.
LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]):([1-9][0-9]{0,4})/[A-Za-z0-9._~/-]{0,100}", re.ASCII)
STATE = re.compile(r"[A-Za-z0-9._~-]{16,128}", re.ASCII)
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
METHOD = "S256"
HIGHEST_PORT = 65_535
CODE_BYTES = 32
CHALLENGE_LENGTH = 43
# 43 characters of 32 random bytes, and the challenge.
CODE = re.compile(r"[A-Za-z0-9_-]{86}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Redemption:
    """What came of a code: who it was for, and whether the verifier was that of its challenge."""

    known: UserIdentity = field(repr=False)
    proven: bool


def parse_request(found: Mapping[str, str]) -> CommandLineRequest:
    """Return what the command line asks for; raise Invalid for whatever else than a loop-back address and PKCE."""
    redirect, state, challenge = (found.get(name, "") for name in ("redirect", "state", "code_challenge"))
    port = LOOPBACK.fullmatch(redirect)
    if port is None or int(port[1]) > HIGHEST_PORT:
        raise Invalid(
            "redirect",
            "must be http://127.0.0.1:PORT/PATH or http://[::1]:PORT/PATH, without a query.",
            "必须是 http://127.0.0.1:端口/路径 或 http://[::1]:端口/路径，且不带查询参数。",
        )
    if not STATE.fullmatch(state):
        raise Invalid(
            "state", "must be 16 to 128 letters, digits and any of -._~", "须为 16 到 128 个字母、数字或 -._~ 字符。"
        )
    if found.get("code_challenge_method") != METHOD:
        raise Invalid("code_challenge_method", f"must be {METHOD}.", f"必须是 {METHOD}。")
    if not CHALLENGE.fullmatch(challenge):
        raise Invalid(
            "code_challenge",
            "must be a SHA-256 digest in base64url, of 43 characters.",
            "必须是 base64url 编码的 SHA-256 摘要，共 43 个字符。",
        )
    return CommandLineRequest(redirect, state, challenge)


def make_code(challenge: str) -> str:
    """Return a new code for who can prove the challenge.

    It has the challenge in itself, and is stored as one hash: so it needs no column, whoever changes the challenge has
    an unknown code, and a wrong verifier still finds the row, which it uses up.
    """
    return secrets.token_urlsafe(CODE_BYTES) + challenge


def hash_code(code: str) -> str:
    """Return the stored hash. No browser's code has the same: what `hash_code_pair` hashes has a dot, and this none."""
    return hashlib.sha256(code.encode()).hexdigest()


async def exchange_code(ctx: Context, code: str, verifier: str) -> TokenPair:
    """Exchange a code for the tokens of a new session, once. A wrong verifier uses the code up too."""
    if not CODE.fullmatch(code):
        raise _build_refusal()
    with outcome.raise_unknown_as(SignInUnknown):
        found = await ctx.service.store.run(_redeem, code, verifier, Actor(ctx.service.clock(), address=ctx.address))
    if found is None or not found.proven or found.known.user.disabled:
        raise _build_refusal()
    return await sign_in.start_session(ctx, found.known.user, _describe(found.known))


def _redeem(conn: Connection, code: str, verifier: str, actor: Actor) -> Redemption | None:
    """Use the code up; None if it is not known. Whoever has a code without its verifier is in the audit."""
    known = identities.consume_sign_in_code(conn, hash_code(code), actor.at)
    if known is None:
        return None
    if _is_proven(code[-CHALLENGE_LENGTH:], verifier):
        return Redemption(known, proven=True)
    user = known.user
    after = _describe(known) | {"reason": "verifier"}
    change = AuditedChange(AuditKind.SIGN_IN_FAILED, ObjectKind.USER, user.id, after=after)
    audit.record(conn, Actor(actor.at, user.id, user.name, actor.address), change)
    return Redemption(known, proven=False)


def _is_proven(challenge: str, verifier: str) -> bool:
    if not VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return hmac.compare_digest(digest, challenge)


def _describe(known: UserIdentity) -> dict[str, str]:
    return identities.describe_identity(known.identity) | {"through": "command-line"}


def _build_refusal() -> Unauthenticated:
    return Unauthenticated(
        "This sign-in of a command line is over: its code was used already, is too old or is another's. Begin again.",
        "此命令行登录已失效：授权码已使用、已过期或不属于此次登录，请重新开始。",
    )
