"""A log as one JSON answer: the output after the cursor, now or as soon as there is some."""

import asyncio
import base64
from dataclasses import dataclass, field

from starlette.responses import Response

from db.models import TaskExecution
from db.values import State, Stream
from resolvers import cursor as cursors
from resolvers import jumps, output, sign_in
from resolvers.context import Context
from resolvers.decoding import Decoders
from resolvers.output import Chunk
from resolvers.streaming import watch_session
from runner import bus
from sshcast.http.answers import build_json_answer
from sshcast.rest import objects, shapes

MOST_BYTES = 32 * 1024 * 1024
READ_BYTES = 1024 * 1024
POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class LogRequest:
    """A request for the output after a cursor, of one stream or both, at once or within `wait_seconds`.

    `tail`: the number of lines from the end to begin with instead.
    """

    after: str | None = None
    tail: int | None = None
    only: Stream | None = None
    wait_seconds: int = 0
    exact: bool = False


@dataclass(slots=True)
class CollectedOutput:
    """The bytes and the text of both streams, or of `only` one, up to `position`.

    `same`: how many bytes at the end are of one stream. `more`: whether more is stored already, or may come.
    """

    position: int
    decoders: Decoders
    only: Stream | None = None
    kept: dict[Stream, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in Stream})
    texts: dict[Stream, list[str]] = field(default_factory=lambda: {stream: [] for stream in Stream})
    last: Stream = Stream.STDOUT
    same: int = 0
    more: bool = False

    @property
    def size(self) -> int:
        return sum(map(len, self.kept.values()))

    def add(self, chunk: Chunk) -> None:
        if self.only in (None, chunk.stream):
            self.kept[chunk.stream] += chunk.data
            self.texts[chunk.stream].append(self.decoders.decode(chunk.stream, chunk.data, chunk.offset))
        self.same = len(chunk.data) + (self.same if chunk.stream is self.last else 0)
        self.last = chunk.stream
        self.position = cursors.decode(chunk.cursor)

    def hold_back(self) -> None:
        """Leave the beginning of a character whose rest is still to come to the next page."""
        count = self.decoders.count_pending(self.last)
        if 0 < count <= min(self.same, len(self.kept[self.last])):
            del self.kept[self.last][-count:]
            self.decoders.take_back_pending(self.last)
            self.position -= count

    def join_text(self, stream: Stream) -> str:
        return "".join(self.texts[stream])

    def add_exact_bytes(self, body: objects.Log) -> None:
        """Put the exact bytes, in base64, beside the text."""
        body["output_base64"], body["error_base64"] = (base64.b64encode(self.kept[s]).decode() for s in Stream)


async def answer_page(ctx: Context, id: int, page: LogRequest) -> Response:
    """Answer with the output; wait up to `wait_seconds` until there is some or the run has ended."""
    loop = asyncio.get_running_loop()
    start, until = cursors.decode(page.after, "cursor"), loop.time() + page.wait_seconds
    decoders = await output.load_decoders(ctx, id, page.after, field="cursor", only=page.only)
    addresses = bus.execution_address(id), bus.output_address(id)
    with ctx.service.bus.watch(*addresses) as watch, watch_session(ctx) as session:
        while True:
            watch.clear()
            row, found = await _collect_output(ctx, id, CollectedOutput(start, decoders, page.only))
            left = until - loop.time()
            if left <= 0 or found.size or State(row.state).is_final:
                break
            start = found.position
            await watch.wait(min(left, POLL_SECONDS, session.next_timeout()))
            await session.check()
    if page.wait_seconds:
        await sign_in.check_session_validity(ctx)
    message = await jumps.hide_names(ctx, row.message)
    return build_json_answer(_build_body(row, found, page, message), headers={"X-Accel-Buffering": "no"})


async def _collect_output(ctx: Context, id: int, found: CollectedOutput) -> tuple[TaskExecution, CollectedOutput]:
    """Collect all stored output from the position on, up to a limit: then the cursor tells where to continue."""
    while True:
        row, chunks = await output.read(ctx, id, cursors.encode(found.position), READ_BYTES)
        for chunk in chunks:
            found.add(chunk)
        if not chunks or found.size >= MOST_BYTES:
            break
    found.more = bool(chunks) or not State(row.state).is_final
    if found.more:
        found.hold_back()
    return row, found


def _build_body(row: TaskExecution, found: CollectedOutput, page: LogRequest, message: str | None) -> objects.Log:
    """Build the answer. The last page's `error` also has the reason, if it is sshcast's; `exact` adds base64."""
    texts = {stream: found.join_text(stream) for stream in Stream}
    cursor = cursors.encode(found.position, 0 if found.decoders.is_pending() and found.more else None)
    if not found.more:
        untold = found.size or cursors.count_rests_told(page.after) is not None
        for rest in found.decoders.flush_rests(cursor) if untold else ():
            texts[rest.stream] += rest.text
        texts[Stream.STDERR] += shapes.format_reason_line(row, message, texts[Stream.STDERR])
    shown = shapes.build_log(row, texts[Stream.STDOUT], texts[Stream.STDERR], cursor)
    if page.exact:
        found.add_exact_bytes(shown)
    return shown
