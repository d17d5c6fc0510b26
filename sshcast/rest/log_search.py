"""A search in a log: `?search=`, with `syntax`, `ignore_case`, `context`, `limit`, and `cursor` to go on."""

from collections.abc import Mapping

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
from sshcast.http.answers import build_json_answer
from sshcast.rest import objects
from sshcast.rest.log_parameters import CURSOR
from sshcast.rest.parameters import define_choice, define_flag, define_integer, define_text, read_parameters

PARAMETERS = (
    define_text("search", "Answer with the lines that hold this text, or match this pattern."),
    define_choice("syntax", "With `search`: whether it is a text or an RE2 pattern; a text if absent.", tuple(Syntax)),
    define_flag("ignore_case", "With `search`: whether upper and lower case are the same."),
    define_integer("context", "With `search`: how many lines to show around each; 0 if absent.", 0, MOST_CONTEXT),
    define_integer("limit", f"With `search`: the most lines to find; {USUAL_MATCHES} if absent.", 1, MOST_MATCHES),
    CURSOR,
)
NAMES: Mapping[str, str] = {"pattern": "search", "after": "cursor"}
"""The parameters for fields of a search that have other names."""


async def answer_search(ctx: Context, id: int, request: Request) -> Response:
    """Answer with the lines found, and with the cursor to go on from."""
    found = read_parameters(request, PARAMETERS)
    wanted = SearchRequest(
        pattern=found["search"],
        syntax=Syntax(found["syntax"] or Syntax.LITERAL),
        ignore_case=found["ignore_case"],
        context=found["context"] or 0,
        first=found["limit"] or USUAL_MATCHES,
        after=found["cursor"],
    )
    try:
        page = await output_search.search_output(ctx, id, wanted, SearchBudget())
    except Invalid as error:
        raise _rename(error) from error
    body: objects.LogSearch = {
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


def _build_match(match: OutputMatch) -> objects.LogMatch:
    return {
        "line": match.number,
        "stream": match.stream,
        "text": match.marked.text,
        "cut": match.marked.is_cut,
        "ranges": [list(each) for each in match.marked.ranges],
        "before": list(match.before),
        "after": list(match.after),
        "start_cursor": cursors.encode(match.start),
        "end_cursor": cursors.encode(match.end),
    }
