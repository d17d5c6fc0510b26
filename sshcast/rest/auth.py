"""The sign-in routes."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from resolvers import sign_in, users
from resolvers.sign_in import Tokens
from sshcast.rest import asked, shapes
from sshcast.rest.answers import done, guarded


async def login(request: Request) -> Response:
    ctx = await asked.context(request)
    found = await asked.body(request, {"username": str, "password": str})
    tokens = await sign_in.login(ctx, found["username"], found["password"])
    return signed_in(request, tokens)


async def refresh(request: Request) -> Response:
    ctx = await asked.context(request)
    found = await asked.body(request, {"refresh_token": str})
    return signed_in(request, await sign_in.refresh(ctx, found["refresh_token"]))


async def link(request: Request) -> Response:
    """The one-time code of a sign-in link, for tokens."""
    ctx = await asked.context(request)
    found = await asked.body(request, {"code": str})
    return signed_in(request, await sign_in.exchange_link(ctx, found["code"]))


async def logout(request: Request) -> Response:
    await sign_in.logout(await asked.context(request))
    return done(request, "Signed out.", "已退出登录", None)


async def profile(request: Request) -> Response:
    user = await users.me(await asked.context(request))
    return done(request, "OK", "成功", shapes.user(user))


def signed_in(request: Request, tokens: Tokens) -> Response:
    data = {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_in": tokens.expires_in,
        "user": shapes.user(tokens.user),
    }
    return done(request, "Signed in.", "登录成功", data)


ROUTES = [
    Route("/api/auth/login", guarded(login), methods=["POST"]),
    Route("/api/auth/refresh", guarded(refresh), methods=["POST"]),
    Route("/api/auth/link", guarded(link), methods=["POST"]),
    Route("/api/auth/logout", guarded(logout), methods=["POST"]),
    Route("/api/auth/profile", guarded(profile), methods=["GET"]),
]
