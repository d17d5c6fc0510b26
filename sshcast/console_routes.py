"""Serves the console: its pages share one document, whose scripts ask the service over GraphQL. No CDN, no build."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sshcast.assets import Assets
from sshcast.page import CONSOLE, CSP, TYPES, build_file_answer, build_missing_answer

APP = CONSOLE / "app"
PAGES = (
    "/",
    "/executions",
    "/executions/{id}",
    "/fleet-runs",
    "/fleet-runs/{id}",
    "/tasks",
    "/tasks/{id}",
    "/servers",
    "/servers/{id}",
    "/schedule",
    "/events",
    "/audit",
    "/users",
    "/policies",
    "/secrets",
    "/account",
)
"""The addresses of pages: those of ROUTES in console/app/router.js."""


def build_console_routes(assets: Assets) -> list[Route]:
    """Return the routes of the pages, but for `/`, which also answers programs, and of their scripts and styles."""
    pages = [Route(path, assets.serve_page, methods=["GET"]) for path in PAGES if path != "/"]
    files = Route("/assets/{digest}/{path:path}", assets.serve_file, methods=["GET"])
    return [*pages, files, Route("/console/{path:path}", _serve_file, methods=["GET"])]


async def _serve_file(request: Request) -> Response:
    path = (APP / str(request.path_params["path"])).resolve()
    if path.suffix not in TYPES or not path.is_relative_to(APP) or not path.is_file():
        return build_missing_answer()
    return build_file_answer(request, path, CSP)


def list_files() -> list[Path]:
    """Return every file that the console's pages may load."""
    return sorted(path for path in APP.rglob("*") if path.suffix in TYPES)
