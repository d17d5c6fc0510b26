"""A log as one JSON answer: what there is after the cursor now, or as soon as there is something."""

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
from resolvers.output import Chunk
from runner import bus
from sshcast.rest import shapes
from sshcast.rest.answers import json_answer

MOST_BYTES = 32 * 1024 * 1024
READ_BYTES = 1024 * 1024
POLL_SECONDS = 1.0


@dataclass(slots=True)
class Collected:
    """The bytes of both streams up to `position`.

    `same`: how many bytes at the end are of one stream. `more`: whether more is stored already, or may come.
    """

    position: int
    kept: dict[Stream, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in Stream})
    last: Stream = Stream.STDOUT
    same: int = 0
    more: bool = False

    @property
    def size(self) -> int:
        return sum(map(len, self.kept.values()))

    def add(self, chunk: Chunk) -> None:
        self.kept[chunk.stream] += chunk.data
        self.same = len(chunk.data) + (self.same if chunk.stream is self.last else 0)
        self.last = chunk.stream
        self.position = cursors.decode(chunk.cursor)

    def hold_back(self) -> None:
        """Leave the start of a character whose rest is still to come to the next page."""
        data = self.kept[self.last]
        count = unfinished(data)
        if 0 < count <= self.same:
            del data[-count:]
            self.position -= count


async def answer(ctx: Context, id: int, after: str | None, *, wait_seconds: int, exact: bool) -> Response:
    """With `wait_seconds`, held back until there is more after the cursor, or the run is final."""
    loop = asyncio.get_running_loop()
    start, until = cursors.decode(after, "cursor"), loop.time() + wait_seconds
    with ctx.service.bus.watch(bus.execution_address(id)) as watch:
        while True:
            watch.clear()
            row, found = await collected(ctx, id, start)
            left = until - loop.time()
            if left <= 0 or found.position > start or State(row.state).final:
                break
            await watch.wait(min(left, POLL_SECONDS))
    if wait_seconds:
        await sign_in.check_standing(ctx)
    return json_answer(body(row, found, exact=exact), headers={"X-Accel-Buffering": "no"})


async def collected(ctx: Context, id: int, start: int) -> tuple[TaskExecution, Collected]:
    """All that is stored after `start`, unless it is very much: then the cursor says where to go on."""
    found = Collected(start)
    while True:
        row, chunks = await output.read(ctx, id, cursors.encode(found.position), READ_BYTES)
        for chunk in chunks:
            found.add(chunk)
        if not chunks or found.size >= MOST_BYTES:
            break
    found.more = bool(chunks) or not State(row.state).final
    if found.more:
        found.hold_back()
    return row, found


def body(row: TaskExecution, found: Collected, *, exact: bool) -> dict[str, Any]:
    """The last page's `error` also has the reason, where it is ours. `exact` adds the bytes of both as base64."""
    out, err = (bytes(found.kept[stream]) for stream in Stream)
    error = text(err)
    error += "" if found.more else shapes.reason_line(row, error)
    shown = shapes.log(row, text(out), error, cursors.encode(found.position))
    return shown | ({"output_base64": encoded(out), "error_base64": encoded(err)} if exact else {})


def unfinished(data: bytes | bytearray) -> int:
    """How many bytes at the end begin a UTF-8 character whose rest is missing."""
    for count in range(1, min(3, len(data)) + 1):
        byte = data[-count]
        if 0xC2 <= byte <= 0xF4:
            return count if count < 2 + (byte >= 0xE0) + (byte >= 0xF0) else 0
        if byte < 0x80:
            break
    return 0


def text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
