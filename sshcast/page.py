"""The playground: our own query runner; with `?graphiql`, GraphiQL if `sshcast web fetch` has fetched it. No CDN."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.staticfiles import NotModifiedResponse

CONSOLE = Path(__file__).parent / "console"
GRAPHIQL = CONSOLE / "graphiql"
# A wheel has the examples beside the pages, a checkout at its top.
EXAMPLES = (CONSOLE / "examples", CONSOLE.parent.parent / "graphql_examples")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Monaco, GraphiQL's editor, writes style elements, brings its fonts inline and has workers; scripts stay files of ours.
GRAPHIQL_CSP = CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "font-src 'self'", "font-src 'self' data:; worker-src 'self'"
)
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Playground:
    """Serves the playground. `graphiql`: the folder that holds the fetched GraphiQL, if any."""

    graphiql: Path = GRAPHIQL

    async def serve_page(self, request: Request) -> Response:
        """Serve our own query runner; with `?graphiql`, GraphiQL if it was fetched."""
        if "graphiql" in request.query_params and (self.graphiql / "yoga-graphiql.js").is_file():
            return build_file_answer(request, CONSOLE / "graphiql.html", GRAPHIQL_CSP)
        return build_file_answer(request, CONSOLE / "playground.html", CSP)

    async def serve_file(self, request: Request) -> Response:
        """Serve one of our files or GraphiQL's, by its plain name."""
        name = str(request.path_params["name"])
        for folder in (CONSOLE, self.graphiql):
            path = folder / name
            if path.suffix in TYPES and path.parent == folder and path.is_file():
                return build_file_answer(request, path, CSP)
        return build_missing_answer()

    def build_routes(self) -> list[Route]:
        return [
            Route("/playground/examples.json", _serve_examples, methods=["GET"]),
            Route("/playground/{name}", self.serve_file, methods=["GET"]),
        ]


async def _serve_examples(request: Request) -> Response:
    """Serve every file of graphql_examples/, with its variables and description."""
    return Response(_encode_examples(), media_type="application/json", headers=build_headers(CSP))


@cache
def _encode_examples() -> bytes:
    """Encode the examples once: anybody may request them, as often as they like."""
    return orjson.dumps(load_examples())


def load_examples() -> list[dict[str, Any]]:
    """Load the examples in the order of their names, which begin with a number."""
    folder = next((folder for folder in EXAMPLES if folder.is_dir()), EXAMPLES[0])
    return [_load_example(path) for path in sorted(folder.glob("*.graphql"))]


def _load_example(path: Path) -> dict[str, Any]:
    """Load a document and its variables. Its first line is a comment that describes it in English | and in Chinese."""
    query = path.read_text(encoding="utf-8")
    variables = path.with_suffix(".json")
    en, _, zh = query.partition("\n")[0].lstrip("# ").partition("|")
    return {
        "name": path.stem,
        "about": {"en": en.strip(), "zh": zh.strip()},
        "query": query,
        "variables": orjson.loads(variables.read_bytes()) if variables.is_file() else {},
    }


def build_file_answer(request: Request, path: Path, policy: str) -> Response:
    """Return the file, or 304 if the browser has it already."""
    found = FileResponse(path, media_type=TYPES[path.suffix], headers=build_headers(policy), stat_result=path.stat())
    found.headers["etag"] = f'"{_digest(path, path.stat().st_mtime_ns, path.stat().st_size)}"'
    if request.headers.get("if-none-match") == found.headers["etag"]:
        return NotModifiedResponse(Headers(raw=found.raw_headers))
    return found


def build_missing_answer() -> Response:
    return Response("Not found", 404, headers=build_headers(CSP))


@cache
def _digest(path: Path, changed_ns: int, size: int) -> str:
    """Hash the file's content: packages and images may give the files of every release the same time, so time and size
    would leave browsers with scripts of two releases. A file is read once for each of its states.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def build_headers(policy: str) -> dict[str, str]:
    """Return what each answer to a browser has; where it may keep the answer, `Cache-Control` is replaced."""
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
