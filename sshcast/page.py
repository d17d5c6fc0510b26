"""The playground: GraphiQL where `sshcast web fetch` has brought it, else our own small query runner. No CDN."""

from dataclasses import dataclass
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

CONSOLE = Path(__file__).parent / "console"
EXAMPLES = Path(__file__).parent.parent / "graphql_examples"
GRAPHIQL = CONSOLE / "graphiql"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Monaco, GraphiQL's editor, writes style elements and starts its workers from blobs; scripts stay our own files.
GRAPHIQL_CSP = CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "font-src 'self'", "font-src 'self' data:; worker-src 'self' blob:"
)
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}


@dataclass(frozen=True, slots=True)
class Playground:
    """`graphiql`: the folder that holds the fetched GraphiQL, if it does."""

    graphiql: Path = GRAPHIQL

    async def page(self, request: Request) -> Response:
        """GraphiQL, or with `?plain` (and wherever it was not fetched) our own query runner."""
        if (self.graphiql / "graphiql.js").is_file() and "plain" not in request.query_params:
            return answered(CONSOLE / "graphiql.html", GRAPHIQL_CSP)
        return answered(CONSOLE / "playground.html", CSP)

    async def file(self, request: Request) -> Response:
        """One of our files or GraphiQL's, by its plain name."""
        name = str(request.path_params["name"])
        for folder in (CONSOLE, self.graphiql):
            path = folder / name
            if path.suffix in TYPES and path.is_file() and path.parent == folder:
                return answered(path, CSP)
        return Response("Not found", 404)

    def routes(self) -> list[Route]:
        return [
            Route("/playground/examples.json", examples, methods=["GET"]),
            Route("/playground/{name}", self.file, methods=["GET"]),
        ]


async def examples(request: Request) -> Response:
    """Every file of graphql_examples/, with its variables."""
    return Response(orjson.dumps(read_examples()), media_type="application/json", headers=headers(CSP))


def read_examples() -> list[dict[str, object]]:
    found = []
    for path in sorted(EXAMPLES.glob("*.graphql")):
        variables = path.with_suffix(".json")
        found.append(
            {
                "name": path.stem.replace("_", " "),
                "query": path.read_text(),
                "variables": orjson.loads(variables.read_bytes()) if variables.is_file() else {},
            }
        )
    return found


def answered(path: Path, policy: str) -> Response:
    return FileResponse(path, media_type=TYPES[path.suffix], headers=headers(policy))


def headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
