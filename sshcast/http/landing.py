"""The answers at `/`, and at addresses that people try when they look for the playground."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from resolvers.errors import NotFound
from sshcast.assets import Assets
from sshcast.http.answers import HEADERS, build_error_answer, build_success_answer, read_language
from sshcast.page import CONSOLE

PAGE = "/graphql"
NAMES = {
    "en": ("sshcast runs commands on servers over SSH, and records them.", "playground", "switched off", "health"),
    "zh": ("sshcast 通过 SSH 在服务器上执行命令并留下记录。", "操作台", "已关闭", "健康检查"),
}
LINKS = {
    "graphql": "/graphql",
    "rest": "/api/tasks",
    "openapi": "/openapi.json",
    "health": "/healthz",
    "ready": "/readyz",
}


def landing_routes(assets: Assets | None) -> list[Route]:
    """Return the route of `/`, which shows browsers the console if there is one, and lists the addresses for others."""

    async def at_the_top(request: Request) -> Response:
        accepted = request.headers.get("accept", "")
        if "application/json" in accepted and "text/html" not in accepted:
            return build_success_answer(request, "OK", "成功", LINKS | ({"playground": PAGE} if assets else {}))
        if assets and "text/html" in accepted:
            return await assets.serve_page(request)
        return Response(_overview(request, playground=assets is not None), 200, HEADERS, "text/plain")

    always = [Route("/", at_the_top, methods=["GET"]), Route("/favicon.ico", _icon, methods=["GET"])]
    if assets is None:
        return always
    return [*always, *(Route(path, _lead_to_page) for path in ("/playground", "/playground/")), _with_slash()]


def _with_slash() -> Route:
    """Return the route of `/graphql/`, which redirects browsers; programs get an error, as they may drop the body."""

    async def answer(request: Request) -> Response:
        if request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", ""):
            return await _lead_to_page(request)
        return build_error_answer(
            request,
            NotFound(
                "There is nothing at this address: GraphQL is at /graphql.", "此地址不存在：GraphQL 位于 /graphql。"
            ),
        )

    return Route(f"{PAGE}/", answer, methods=["GET", "POST"])


async def _lead_to_page(request: Request) -> Response:
    query = request.scope["query_string"].decode("latin-1")
    return _lead_to(f"{PAGE}?{query}" if query else PAGE, "")


async def _icon(request: Request) -> Response:
    """Serve the icon for pages that name none, such as an answer shown in a browser."""
    return Response((CONSOLE / "mark.svg").read_bytes(), headers=HEADERS, media_type="image/svg+xml")


def _lead_to(address: str, text: str) -> Response:
    """Redirect to a path, as only the browser knows the host name it used. Not cached, as settings change."""
    return Response(text, 303, HEADERS | {"Location": address}, "text/plain")


def _overview(request: Request, *, playground: bool) -> str:
    about, page, off, health = NAMES[read_language(request)]
    where = PAGE if playground else f"{off} (SSHCAST_PLAYGROUND)"
    return f"{about}\n\n{page}: {where}\nGraphQL: POST {PAGE}\nREST: /api/tasks\n{health}: /healthz, /readyz\n"
