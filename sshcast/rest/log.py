"""The log route: an execution's output at once, as a long poll, as raw bytes, as server-sent events or as NDJSON.

For `?search=` and `?format=raw` see `log_search` and `log_download`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.values import State, Stream
from resolvers import cursor as cursors
from resolvers import output, output_slices
from resolvers.context import Context
from resolvers.decoding import Decoders
from resolvers.slice_request import MOST_LINES
from resolvers.streaming import while_authorized
from sshcast.http import bearer
from sshcast.http.answers import catch_errors
from sshcast.http.live_answer import STREAM_HEADERS, LiveAnswer
from sshcast.rest import formats, log_download, log_page, log_search, stream
from sshcast.rest.formats import Format
from sshcast.rest.log_page import LogRequest

PARAMETERS = ("follow", "wait", "cursor", "tail", "stream", "encoding", "search", "format")
LONGEST_WAIT = 60


LiveForm = Callable[[Decoders], Format]


@dataclass(frozen=True, slots=True)
class LogForm:
    """The requested part and form of a log. `live`: the form of a stream; None for one JSON answer."""

    page: LogRequest
    live: LiveForm | None


def read_log_form(request: Request) -> LogForm:
    """Read and check every parameter, also those that the chosen form does not use."""
    found = bearer.read_query(request, *PARAMETERS)
    last_event = request.headers.get("last-event-id")
    after = last_event or found.get("cursor")
    cursors.decode(after, "cursor")
    tail = bearer.parse_optional_integer(found, "tail", 0, MOST_LINES)
    only = bearer.parse_choice(found, "stream", tuple(Stream))
    page = LogRequest(
        after=after,
        tail=None if last_event else tail,
        only=None if only is None else Stream(only),
        wait_seconds=bearer.parse_optional_integer(found, "wait", 0, LONGEST_WAIT) or 0,
        exact=bearer.parse_choice(found, "encoding", ("utf-8", "base64")) == "base64",
    )
    return LogForm(page, _live_form(request, bearer.parse_flag(found, "follow")))


def _live_form(request: Request, follow: bool) -> LiveForm | None:
    accept = request.headers.get("accept", "").lower()
    if formats.EventStream.media_type in accept:
        return formats.EventStream
    if formats.Ndjson.media_type in accept:
        return formats.Ndjson
    return (lambda _: formats.Raw()) if follow else None


@dataclass(frozen=True, slots=True)
class LogRoute:
    heartbeat_seconds: float

    async def __call__(self, request: Request) -> Response:
        ctx = await bearer.require_viewer(request)
        id = bearer.read_path_id(request)
        if request.query_params.get("search"):
            return await log_search.answer_search(ctx, id, request)
        if request.query_params.get("format"):
            return await log_download.answer_download(ctx, id, request)
        found = await _find_start(ctx, id, read_log_form(request))
        if found.live is None:
            return await log_page.answer_page(ctx, id, found.page)
        if found.live is formats.EventStream and await _has_seen_the_end(ctx, id, found.page.after):
            return Response(status_code=204, headers=STREAM_HEADERS)
        return await self._stream_log(ctx, id, found.page, found.live)

    async def _stream_log(self, ctx: Context, id: int, page: LogRequest, form: LiveForm) -> Response:
        """Wait for the first event before answering, so that errors in the request still get an error status."""
        live = form(await output.load_decoders(ctx, id, page.after, field="cursor", only=page.only))
        wanted = stream.filter_events(output.follow(ctx, id, page.after, field="cursor"), page.only)
        events = while_authorized(ctx, wanted)
        first = await anext(events)
        parts = stream.encode_events(ctx, first, events, live, self.heartbeat_seconds)
        return LiveAnswer(parts, events, live.media_type)


async def _find_start(ctx: Context, id: int, form: LogForm) -> LogForm:
    """Put the cursor in place of a number of lines. An EventSource that reconnects goes on after its last event."""
    after = await output_slices.find_start(ctx, id, form.page.after, form.page.tail, field="tail")
    return replace(form, page=replace(form.page, after=after))


async def _has_seen_the_end(ctx: Context, id: int, after: str | None) -> bool:
    """Tell whether an EventSource reconnects after the last event: a 204 then tells it that there is no more."""
    if not cursors.is_end(after):
        return False
    row, chunks = await output.read(ctx, id, after, 1)
    return State(row.state).is_final and not chunks


def build_log_routes(heartbeat_seconds: float) -> list[Route]:
    return [Route("/api/task/{id}/log", catch_errors(LogRoute(heartbeat_seconds)), methods=["GET"])]
