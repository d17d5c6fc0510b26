"""The sign-in routes of REST."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from resolvers import sign_in, users
from resolvers.context import Context
from resolvers.errors import ForeignPage, Invalid, Unauthenticated
from resolvers.sign_in import TokenPair
from resolvers.validation import check_one_of
from sshcast.http import bearer, body
from sshcast.http.answers import build_error_answer, build_success_answer
from sshcast.http.sign_in_cookie import HALF_COOKIE, LINK, REFRESH, choose_refresh_cookie, is_from_another_page
from sshcast.rest import bodies, objects, shapes
from sshcast.rest.operation import Operation, answer_json, list_body_fields


async def _login(request: Request) -> Response:
    ctx = bearer.build_rate_limited_context(request)
    found = await _read_body(request, bodies.Login)
    name = _check_length("username", found["username"], bodies.MAX_USERNAME)
    password = _check_length("password", found["password"], bodies.MAX_PASSWORD)
    tokens = await sign_in.login(ctx, name, password)
    return _build_sign_in_answer(request, tokens, in_cookie="keep" in found)


async def _refresh(request: Request) -> Response:
    ctx = bearer.build_rate_limited_context(request)
    found = await _read_body(request, bodies.Refresh)
    if "refresh_token" not in found:
        return await _refresh_by_cookie(request, ctx)
    token = _check_length("refresh_token", found["refresh_token"], bodies.MAX_REFRESH_TOKEN)
    return _build_sign_in_answer(request, await sign_in.refresh(ctx, token), in_cookie=False)


async def _refresh_by_cookie(request: Request, ctx: Context) -> Response:
    """Refresh by the token in the browser's cookie. One that is refused is taken away from the browser."""
    cookie = choose_refresh_cookie(request)
    token = cookie.read(request)
    if token is None:
        raise Invalid("refresh_token", "is required.", "为必填项。")
    if is_from_another_page(request):
        raise ForeignPage()
    try:
        tokens = await sign_in.refresh(ctx, token)
    except Unauthenticated as error:
        answer = build_error_answer(request, error)
        cookie.clear(answer)
        return answer
    return _build_sign_in_answer(request, tokens, in_cookie=True)


async def _exchange_link(request: Request) -> Response:
    """Exchange the one-time code of a sign-in link for tokens."""
    ctx = bearer.build_rate_limited_context(request)
    found = await _read_body(request, bodies.SignInLink)
    code = _check_length("code", found["code"], bodies.MAX_CODE)
    half = request.cookies.get(HALF_COOKIE, "")
    tokens = await sign_in.exchange_link(ctx, code, half)
    answer = _build_sign_in_answer(request, tokens, in_cookie="keep" in found)
    if half:
        answer.delete_cookie(HALF_COOKIE, path=LINK, httponly=True, samesite="strict")
    return answer


async def _logout(request: Request) -> Response:
    ctx = await bearer.require_viewer(request)
    await body.check_empty(request)
    await sign_in.logout(ctx)
    answer = build_success_answer(request, "Signed out.", "已退出登录", None)
    choose_refresh_cookie(request).clear(answer)
    return answer


async def _show_profile(request: Request) -> Response:
    ctx = await bearer.require_viewer(request)
    bearer.read_query(request)
    user = await users.me(ctx)
    return build_success_answer(request, "OK", "成功", shapes.build_user(user))


async def _read_body(request: Request, kind: Any) -> dict[str, Any]:
    """Read the body of this TypedDict; `keep`, where it is given, has its one value."""
    found = await body.read(request, list_body_fields(kind), optional=kind.__optional_keys__)
    check_one_of("keep", found.get("keep", bodies.IN_COOKIE), (bodies.IN_COOKIE,))
    return found


def _check_length(name: str, value: str, longest: int) -> str:
    if not 1 <= len(value) <= longest:
        raise Invalid(name, f"must be 1 to {longest} characters.", f"长度须为 1 到 {longest} 个字符。")
    return value


def _build_sign_in_answer(request: Request, tokens: TokenPair, *, in_cookie: bool) -> Response:
    """Answer with the tokens. The refresh token is in the body, or in a cookie that no script can read."""
    data: objects.Tokens = {"access_token": tokens.access_token, "user": shapes.build_user(tokens.user)}
    if not in_cookie:
        data["refresh_token"] = tokens.refresh_token
    answer = build_success_answer(request, "Signed in.", "登录成功", data)
    if in_cookie:
        choose_refresh_cookie(request).write(answer, tokens.refresh_token, tokens.refresh_expires_in)
    return answer


SIGNING_IN = ("UNAUTHENTICATED", "OUTCOME_UNKNOWN")
TAG = "sign-in"

OPERATIONS = (
    Operation(
        method="POST",
        path="/api/auth/login",
        id="login",
        tag=TAG,
        handler=_login,
        summary="Sign in",
        role=None,
        body=bodies.Login,
        answers=answer_json(objects.SignInAnswer, "The tokens."),
        errors=SIGNING_IN,
    ),
    Operation(
        method="POST",
        path=REFRESH,
        id="refresh",
        tag=TAG,
        handler=_refresh,
        summary="Get new tokens",
        description="By the refresh token in the body; without one, by that in the cookie of a browser's sign-in.",
        role=None,
        body=bodies.Refresh,
        answers=answer_json(objects.SignInAnswer, "The new tokens; the old refresh token is no longer good."),
        errors=SIGNING_IN,
    ),
    Operation(
        method="POST",
        path=LINK,
        id="exchangeSignInLink",
        tag=TAG,
        handler=_exchange_link,
        summary="Exchange the one-time code of a sign-in link for tokens",
        role=None,
        body=bodies.SignInLink,
        answers=answer_json(objects.SignInAnswer, "The tokens."),
        errors=SIGNING_IN,
    ),
    Operation(
        method="POST",
        path="/api/auth/logout",
        id="logout",
        tag=TAG,
        handler=_logout,
        summary="Sign out",
        body=bodies.Empty,
        body_required=False,
        answers=answer_json(objects.SignedOutAnswer, "The session has ended, and its tokens are no longer good."),
        errors=("OUTCOME_UNKNOWN",),
    ),
    Operation(
        method="GET",
        path="/api/auth/profile",
        id="getProfile",
        tag=TAG,
        handler=_show_profile,
        summary="Show the signed-in user",
        answers=answer_json(objects.ProfileAnswer, "You."),
    ),
)
