"""The log route: an execution's output at once, as a long poll, as raw bytes, as server-sent events or as NDJSON."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.values import State, Stream
from resolvers import cursor as cursors
from resolvers import output
from resolvers.context import Context
from resolvers.decoding import Decoders
from resolvers.streaming import while_authorized
from sshcast.http import bearer
from sshcast.http.answers import catch_errors
from sshcast.http.live_answer import STREAM_HEADERS, LiveAnswer
from sshcast.rest import formats, log_page, stream
from sshcast.rest.formats import Format
from sshcast.rest.log_page import LogRequest

PARAMETERS = ("follow", "wait", "cursor", "stream", "encoding")
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
    after = request.headers.get("last-event-id") or found.get("cursor")
    cursors.decode(after, "cursor")
    only = bearer.parse_choice(found, "stream", tuple(Stream))
    page = LogRequest(
        after=after,
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
        found = read_log_form(request)
        if found.live is None:
            return await log_page.answer_page(ctx, id, found.page)
        if found.live is formats.EventStream and await _has_seen_the_end(ctx, id, found.page.after):
            return Response(status_code=204, headers=STREAM_HEADERS)
        return await self._stream_log(ctx, id, found.page, found.live)

    async def _stream_log(self, ctx: Context, id: int, page: LogRequest, form: LiveForm) -> Response:
        """Wait for the first event before answering, so that errors in the request still get an error status."""
        live = form(await log_page.load_decoders(ctx, id, page))
        wanted = stream.filter_events(output.follow(ctx, id, page.after, field="cursor"), page.only)
        events = while_authorized(ctx, wanted)
        first = await anext(events)
        parts = stream.encode_events(ctx, first, events, live, self.heartbeat_seconds)
        return LiveAnswer(parts, events, live.media_type)


async def _has_seen_the_end(ctx: Context, id: int, after: str | None) -> bool:
    """Tell whether an EventSource reconnects after the last event: a 204 then tells it that there is no more."""
    if not cursors.is_end(after):
        return False
    row, chunks = await output.read(ctx, id, after, 1)
    return State(row.state).is_final and not chunks


def build_log_routes(heartbeat_seconds: float) -> list[Route]:
    return [Route("/api/task/{id}/log", catch_errors(LogRoute(heartbeat_seconds)), methods=["GET"])]
