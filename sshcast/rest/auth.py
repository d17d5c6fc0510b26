"""The sign-in routes of REST."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from resolvers import sign_in, users
from resolvers.errors import Invalid
from resolvers.sign_in import TokenPair
from sshcast.http import bearer, body
from sshcast.http.answers import build_success_answer, catch_errors
from sshcast.http.sign_in_cookie import HALF_COOKIE, LINK
from sshcast.rest import shapes


async def _login(request: Request) -> Response:
    ctx = bearer.build_rate_limited_context(request)
    found = await body.read(request, {"username": str, "password": str})
    name = _check_length("username", found["username"], 64)
    tokens = await sign_in.login(ctx, name, _check_length("password", found["password"], 1024))
    return _build_sign_in_answer(request, tokens)


async def _refresh(request: Request) -> Response:
    ctx = bearer.build_rate_limited_context(request)
    found = await body.read(request, {"refresh_token": str})
    token = _check_length("refresh_token", found["refresh_token"], 4096)
    return _build_sign_in_answer(request, await sign_in.refresh(ctx, token))


async def _exchange_link(request: Request) -> Response:
    """Exchange the one-time code of a sign-in link for tokens."""
    ctx = bearer.build_rate_limited_context(request)
    found = await body.read(request, {"code": str})
    code = _check_length("code", found["code"], 128)
    half = request.cookies.get(HALF_COOKIE, "")
    answer = _build_sign_in_answer(request, await sign_in.exchange_link(ctx, code, half))
    if half:
        answer.delete_cookie(HALF_COOKIE, path=LINK, httponly=True, samesite="strict")
    return answer


async def _logout(request: Request) -> Response:
    ctx = await bearer.require_viewer(request)
    await body.check_empty(request)
    await sign_in.logout(ctx)
    return build_success_answer(request, "Signed out.", "已退出登录", None)


async def _show_profile(request: Request) -> Response:
    ctx = await bearer.require_viewer(request)
    bearer.read_query(request)
    user = await users.me(ctx)
    return build_success_answer(request, "OK", "成功", shapes.build_user(user))


def _check_length(name: str, value: str, longest: int) -> str:
    if not 1 <= len(value) <= longest:
        raise Invalid(name, f"must be 1 to {longest} characters.", f"长度须为 1 到 {longest} 个字符。")
    return value


def _build_sign_in_answer(request: Request, tokens: TokenPair) -> Response:
    data = {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "user": shapes.build_user(tokens.user),
    }
    return build_success_answer(request, "Signed in.", "登录成功", data)


ROUTES = [
    Route("/api/auth/login", catch_errors(_login), methods=["POST"]),
    Route("/api/auth/refresh", catch_errors(_refresh), methods=["POST"]),
    Route(LINK, catch_errors(_exchange_link), methods=["POST"]),
    Route("/api/auth/logout", catch_errors(_logout), methods=["POST"]),
    Route("/api/auth/profile", catch_errors(_show_profile), methods=["GET"]),
]
