"""A log as one JSON answer: the output after the cursor, now or as soon as there is some."""

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from db.models import TaskExecution
from db.values import State, Stream
from resolvers import cursor as cursors
from resolvers import output, sign_in
from resolvers.context import Context
from resolvers.decoding import Decoders
from resolvers.output import Chunk
from resolvers.streaming import watch_session
from runner import bus
from sshcast.http.answers import build_json_answer
from sshcast.rest import shapes

MOST_BYTES = 32 * 1024 * 1024
READ_BYTES = 1024 * 1024
POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class LogRequest:
    """A request for the output after a cursor, of one stream or both, at once or within `wait_seconds`."""

    after: str | None = None
    only: Stream | None = None
    wait_seconds: int = 0
    exact: bool = False


@dataclass(slots=True)
class CollectedOutput:
    """The bytes of both streams, or of `only` one, up to `position`.

    `same`: how many bytes at the end are of one stream. `more`: whether more is stored already, or may come.
    """

    position: int
    only: Stream | None = None
    kept: dict[Stream, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in Stream})
    last: Stream = Stream.STDOUT
    same: int = 0
    more: bool = False

    @property
    def size(self) -> int:
        return sum(map(len, self.kept.values()))

    def add(self, chunk: Chunk) -> None:
        if self.only in (None, chunk.stream):
            self.kept[chunk.stream] += chunk.data
        self.same = len(chunk.data) + (self.same if chunk.stream is self.last else 0)
        self.last = chunk.stream
        self.position = cursors.decode(chunk.cursor)

    def hold_back(self) -> None:
        """Leave the beginning of a character whose rest is still to come to the next page."""
        data = self.kept[self.last]
        count = count_incomplete_bytes(data)
        if 0 < count <= self.same:
            del data[-count:]
            self.position -= count

    def encode(self) -> dict[str, str]:
        """Return the exact bytes in base64."""
        out, err = (base64.b64encode(self.kept[stream]).decode() for stream in Stream)
        return {"output_base64": out, "error_base64": err}


async def answer_page(ctx: Context, id: int, page: LogRequest) -> Response:
    """Answer with the output; wait up to `wait_seconds` until there is some or the run has ended."""
    loop = asyncio.get_running_loop()
    start, until = cursors.decode(page.after, "cursor"), loop.time() + page.wait_seconds
    decoded = await load_decoders(ctx, id, page)
    with ctx.service.bus.watch(bus.execution_address(id)) as watch, watch_session(ctx) as session:
        while True:
            watch.clear()
            row, found = await _collect_output(ctx, id, CollectedOutput(start, page.only))
            left = until - loop.time()
            if left <= 0 or found.size or State(row.state).is_final:
                break
            start = found.position
            await watch.wait(min(left, POLL_SECONDS, session.next_timeout()))
            await session.check()
    if page.wait_seconds:
        await sign_in.check_session_validity(ctx)
    return build_json_answer(_build_body(row, found, decoded, page), headers={"X-Accel-Buffering": "no"})


async def load_decoders(ctx: Context, id: int, page: LogRequest) -> Decoders:
    """Return decoders that know the beginning of a character that the cursor cuts in two."""
    if page.after is None:
        return Decoders({})
    lead = await output.load_lead_bytes(ctx, id, page.after, field="cursor")
    wanted = {stream: data for stream, data in lead.items() if page.only in (None, stream)}
    return Decoders(wanted, cursors.count_rests_told(page.after) or 0)


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


def _build_body(row: TaskExecution, found: CollectedOutput, decoded: Decoders, page: LogRequest) -> dict[str, Any]:
    """Build the answer. The last page's `error` also has the reason, if it is sshcast's; `exact` adds base64."""
    texts = {stream: decoded.decode(stream, bytes(found.kept[stream])) for stream in Stream}
    cursor = cursors.encode(found.position, 0 if decoded.is_pending() and found.more else None)
    if not found.more:
        untold = found.size or cursors.count_rests_told(page.after) is not None
        for rest in decoded.flush_rests(cursor) if untold else ():
            texts[rest.stream] += rest.text
        texts[Stream.STDERR] += shapes.format_reason_line(row, texts[Stream.STDERR])
    shown = shapes.build_log(row, texts[Stream.STDOUT], texts[Stream.STDERR], cursor)
    return shown | (found.encode() if page.exact else {})


def count_incomplete_bytes(data: bytes | bytearray) -> int:
    """Count the bytes at the end that begin a UTF-8 character whose rest is missing."""
    for count in range(1, min(3, len(data)) + 1):
        byte = data[-count]
        if 0xC2 <= byte <= 0xF4:
            return count if count < 2 + (byte >= 0xE0) + (byte >= 0xF0) else 0
        if byte < 0x80:
            break
    return 0
