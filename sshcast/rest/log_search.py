"""A search in a log: `?search=`, with `syntax`, `ignore_case`, `context`, `limit`, and `cursor` to go on."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from resolvers import cursor as cursors
from resolvers import output_search
from resolvers.context import Context
from resolvers.errors import Invalid
from resolvers.output_scan import OutputMatch
from resolvers.output_search import MOST_CONTEXT, MOST_MATCHES, USUAL_MATCHES, SearchRequest
from resolvers.search_budget import SearchBudget
from resolvers.search_patterns import Syntax
from sshcast.http import bearer
from sshcast.http.answers import build_json_answer

PARAMETERS = ("search", "syntax", "ignore_case", "context", "limit", "cursor")
NAMES: Mapping[str, str] = {"pattern": "search", "after": "cursor"}
"""The parameters for fields of a search that have other names."""


async def answer_search(ctx: Context, id: int, request: Request) -> Response:
    """Answer with the lines found, and with the cursor to go on from."""
    found = bearer.read_query(request, *PARAMETERS)
    wanted = SearchRequest(
        pattern=found["search"],
        syntax=Syntax(bearer.parse_choice(found, "syntax", tuple(Syntax)) or Syntax.LITERAL),
        ignore_case=bearer.parse_flag(found, "ignore_case"),
        context=bearer.parse_optional_integer(found, "context", 0, MOST_CONTEXT) or 0,
        first=bearer.parse_optional_integer(found, "limit", 1, MOST_MATCHES) or USUAL_MATCHES,
        after=found.get("cursor"),
    )
    try:
        page = await output_search.search_output(ctx, id, wanted, SearchBudget())
    except Invalid as error:
        raise _rename(error) from error
    body = {
        "execution_id": id,
        "matches": [_build_match(match) for match in page.nodes],
        "cursor": page.end_cursor,
        "complete": page.is_complete,
        "scanned_bytes": page.scanned_bytes,
    }
    return build_json_answer(body)


def _rename(error: Invalid) -> Invalid:
    old = error.field[-1]
    en, zh = (text.removeprefix(f"{old} ") for text in (error.en, error.chinese))
    return Invalid(NAMES.get(old, old), en, zh)


def _build_match(match: OutputMatch) -> dict[str, Any]:
    return {
        "line": match.number,
        "stream": match.stream,
        "text": match.marked.text,
        "cut": match.marked.is_cut,
        "ranges": match.marked.ranges,
        "before": match.before,
        "after": match.after,
        "start_cursor": cursors.encode(match.start),
        "end_cursor": cursors.encode(match.end),
    }
