"""The log route: an execution's output at once, as a long poll, as raw bytes, as server-sent events or as NDJSON.

For `?search=` and `?format=raw` see `log_search` and `log_download`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from db.values import State, Stream
from resolvers import cursor as cursors
from resolvers import output, output_slices
from resolvers.context import Context
from resolvers.decoding import Decoders
from resolvers.slice_request import MOST_LINES
from resolvers.streaming import while_authorized
from sshcast.http import bearer
from sshcast.http.live_answer import STREAM_HEADERS, LiveAnswer
from sshcast.rest import formats, log_download, log_page, log_search, objects, stream
from sshcast.rest.formats import Format
from sshcast.rest.log_page import LogRequest
from sshcast.rest.log_parameters import CURSOR, STREAM
from sshcast.rest.operation import JSON, Answer, Operation
from sshcast.rest.parameters import (
    Parameter,
    define_choice,
    define_flag,
    define_header,
    define_integer,
    read_parameters,
)

LONGEST_WAIT = 60
PARAMETERS = (
    define_flag("follow", "Go on with the raw bytes of both streams until the execution has ended."),
    define_integer("wait", "How many seconds to wait until there is output after `cursor`.", 0, LONGEST_WAIT),
    CURSOR,
    define_integer("tail", "Begin with the last so many lines.", 0, MOST_LINES),
    STREAM,
    define_choice("encoding", "With base64, the exact bytes beside the text.", ("utf-8", "base64")),
    # Empty here: the other forms have their own parameters.
    log_search.PARAMETERS[0],
    log_download.PARAMETERS[0],
)


LiveForm = Callable[[Decoders], Format]


@dataclass(frozen=True, slots=True)
class LogForm:
    """The requested part and form of a log. `live`: the form of a stream; None for one JSON answer."""

    page: LogRequest
    live: LiveForm | None


def read_log_form(request: Request) -> LogForm:
    """Read and check every parameter, also those that the chosen form does not use."""
    found = read_parameters(request, PARAMETERS)
    last_event = request.headers.get("last-event-id")
    after = last_event or found["cursor"]
    cursors.decode(after, "cursor")
    page = LogRequest(
        after=after,
        tail=None if last_event else found["tail"],
        only=None if found["stream"] is None else Stream(found["stream"]),
        wait_seconds=found["wait"] or 0,
        exact=found["encoding"] == "base64",
    )
    return LogForm(page, _live_form(request, found["follow"]))


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


def _list_parameters() -> tuple[Parameter, ...]:
    """Return the parameters of every form, each name once."""
    found = {each.name: each for each in (*PARAMETERS, *log_search.PARAMETERS, *log_download.PARAMETERS)}
    return (*found.values(), *HEADERS)


HEADERS = (
    define_header("Accept", "`text/event-stream` and `application/x-ndjson` follow the log as events."),
    define_header("Last-Event-ID", "The id of the last event that was read: the stream goes on after it."),
    define_header("Range", "With `format=raw`: which bytes, such as `bytes=0-1023`."),
    define_header("If-Range", "With `Range`: the ETag of the file that it is of; of another one, all comes."),
)
FILE_HEADERS = {
    "Accept-Ranges": "`bytes`.",
    "Content-Disposition": "The name to save the file under.",
    "ETag": "Of an execution that has ended: the file's tag.",
}
ANSWERS = {
    200: Answer(
        "The log: what there is now as JSON; with `search`, the lines found; as a stream of events or bytes until the "
        "execution has ended; with `format=raw`, the file.",
        {
            JSON: objects.Log | objects.LogSearch,
            formats.EventStream.media_type: formats.EventStream.SCHEMA,
            formats.Ndjson.media_type: formats.Ndjson.SCHEMA,
            formats.Raw.media_type: formats.Raw.SCHEMA,
        },
        FILE_HEADERS,
    ),
    204: Answer("To an EventSource that comes back after the last event: there is no more.", {}),
    206: Answer(
        "With `format=raw` and `Range`: those bytes.",
        {formats.Raw.media_type: formats.Raw.SCHEMA},
        FILE_HEADERS | {"Content-Range": "Which bytes of how many."},
    ),
}


def build_log_operation(heartbeat_seconds: float) -> Operation:
    return Operation(
        method="GET",
        path="/api/task/{id}/log",
        id="getLog",
        tag="executions",
        handler=LogRoute(heartbeat_seconds),
        summary="Read or follow the output of an execution",
        description="`id` is the number of the execution, not that of its task. Without parameters the answer comes at "
        "once, with what there is; `wait` and `cursor` are the long poll; `Accept` or `follow` make it a stream. "
        "`search` and `format` take the parameters that say so, and no others.",
        parameters=_list_parameters(),
        answers=ANSWERS,
        errors=("RANGE_NOT_SATISFIABLE",),
    )
