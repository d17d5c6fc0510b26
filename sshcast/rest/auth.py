"""The sign-in routes."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from resolvers import sign_in, users
from resolvers.errors import Invalid
from resolvers.sign_in import Tokens
from sshcast.rest import asked, body, shapes
from sshcast.rest.answers import done, guarded

LINK = "/api/auth/link"
# The half of a one-time code that stays in the browser for which it was made.
HALF_COOKIE = "sshcast_sign_in"


async def login(request: Request) -> Response:
    ctx = asked.counted_stranger(request)
    found = await body.read(request, {"username": str, "password": str})
    name = sized("username", found["username"], 64)
    tokens = await sign_in.login(ctx, name, sized("password", found["password"], 1024))
    return signed_in(request, tokens)


async def refresh(request: Request) -> Response:
    ctx = asked.counted_stranger(request)
    found = await body.read(request, {"refresh_token": str})
    token = sized("refresh_token", found["refresh_token"], 4096)
    return signed_in(request, await sign_in.refresh(ctx, token))


async def link(request: Request) -> Response:
    """The one-time code of a sign-in link, for tokens."""
    ctx = asked.counted_stranger(request)
    found = await body.read(request, {"code": str})
    code = sized("code", found["code"], 128)
    half = request.cookies.get(HALF_COOKIE, "")
    answer = signed_in(request, await sign_in.exchange_link(ctx, code, half))
    if half:
        answer.delete_cookie(HALF_COOKIE, path=LINK, httponly=True, samesite="strict")
    return answer


async def logout(request: Request) -> Response:
    ctx = await asked.signed_in(request)
    await body.empty(request)
    await sign_in.logout(ctx)
    return done(request, "Signed out.", "已退出登录", None)


async def profile(request: Request) -> Response:
    ctx = await asked.signed_in(request)
    asked.query(request)
    user = await users.me(ctx)
    return done(request, "OK", "成功", shapes.user(user))


def sized(name: str, value: str, longest: int) -> str:
    if not 1 <= len(value) <= longest:
        raise Invalid(name, f"must be 1 to {longest} characters.", f"长度须为 1 到 {longest} 个字符。")
    return value


def signed_in(request: Request, tokens: Tokens) -> Response:
    data = {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "user": shapes.user(tokens.user),
    }
    return done(request, "Signed in.", "登录成功", data)


ROUTES = [
    Route("/api/auth/login", guarded(login), methods=["POST"]),
    Route("/api/auth/refresh", guarded(refresh), methods=["POST"]),
    Route(LINK, guarded(link), methods=["POST"]),
    Route("/api/auth/logout", guarded(logout), methods=["POST"]),
    Route("/api/auth/profile", guarded(profile), methods=["GET"]),
]
