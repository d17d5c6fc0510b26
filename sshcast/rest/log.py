"""The log route: one execution's output at once, as a long poll, as raw bytes, as server-sent events or as NDJSON."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from db.models import TaskExecution
from db.values import Role, State, Stream
from resolvers import cursor as cursors
from resolvers import executions, output
from resolvers.context import Context
from resolvers.output import Chunk, End, OutputEvent
from runner import bus
from sshcast.rest import asked, shapes
from sshcast.rest.answers import HEADERS, guarded, json_answer

PARAMETERS = ("follow", "wait", "cursor", "stream", "encoding")
MOST_BYTES = 64 * 1024 * 1024
READ_BYTES = 1024 * 1024
HEARTBEAT_SECONDS = 15.0
STREAM_HEADERS = HEADERS | {"X-Accel-Buffering": "no"}

Encoder = Callable[[OutputEvent], bytes]


async def log(request: Request) -> Response:
    ctx = await asked.context(request)
    ctx.need(Role.VIEWER)
    id = asked.path_id(request)
    found = asked.query(request, *PARAMETERS)
    accept = request.headers.get("accept", "")
    after = request.headers.get("last-event-id") or found.get("cursor")
    cursors.decode(after, "cursor")
    row = await executions.get(ctx, id)
    if "text/event-stream" in accept:
        return streamed(ctx, row, after, event_stream, "text/event-stream", b": heartbeat\n\n")
    if "application/x-ndjson" in accept:
        return streamed(ctx, row, after, ndjson, "application/x-ndjson", b'{"event":"heartbeat"}\n')
    if asked.flag(found, "follow"):
        only = asked.choice(found, "stream", tuple(Stream))
        return streamed(ctx, row, after, lambda event: raw(event, only), "application/octet-stream", None)
    if "wait" in found:
        await news(ctx, id, cursors.decode(after, "cursor"), asked.integer("wait", found["wait"], 0, 60))
    return await at_once(ctx, id, after, asked.choice(found, "encoding", ("utf-8", "base64")))


async def at_once(ctx: Context, id: int, after: str | None, encoding: str | None) -> Response:
    """What there is after the cursor, in the seed's shape; `cursor` says where to go on."""
    kept: dict[Stream, bytearray] = {Stream.STDOUT: bytearray(), Stream.STDERR: bytearray()}
    row, position = None, after or cursors.encode(cursors.START)
    while sum(map(len, kept.values())) < MOST_BYTES:
        row, chunks = await output.read(ctx, id, position, READ_BYTES)
        if not chunks:
            break
        for chunk in chunks:
            kept[chunk.stream] += chunk.data
            position = chunk.cursor
    assert row is not None
    out, err = bytes(kept[Stream.STDOUT]), bytes(kept[Stream.STDERR])
    body = shapes.log(row, text(out), text(err) + shapes.reason_text(row), position)
    if encoding == "base64":
        body |= {"output_base64": encoded(out), "error_base64": encoded(err)}
    return json_answer(body, headers={"X-Accel-Buffering": "no"})


async def news(ctx: Context, id: int, position: int, seconds: int) -> None:
    """Wait until there is output beyond `position`, or the run is final, or `seconds` are over."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    with ctx.service.bus.watch(bus.execution_address(id)) as watch:
        while (left := until - loop.time()) > 0:
            watch.clear()
            row = await executions.get(ctx, id)
            if State(row.state).final or total(row) > position:
                return
            await watch.wait(min(left, 1.0))


def streamed(
    ctx: Context, row: TaskExecution, after: str | None, encode: Encoder, media_type: str, heartbeat: bytes | None
) -> Response:
    body = encoded_events(ctx, row.id, after, encode, heartbeat)
    return StreamingResponse(body, media_type=media_type, headers=STREAM_HEADERS)


async def encoded_events(
    ctx: Context, id: int, after: str | None, encode: Encoder, heartbeat: bytes | None
) -> AsyncIterator[bytes]:
    """Encoded events, with a heartbeat whenever none came for a while."""
    async with aclosing(output.follow(ctx, id, after)) as events:
        coming = asyncio.ensure_future(anext(events, None))
        try:
            while True:
                await asyncio.wait([coming], timeout=HEARTBEAT_SECONDS)
                if not coming.done():
                    if heartbeat:
                        yield heartbeat
                    continue
                event = coming.result()
                if event is None:
                    return
                if data := encode(event):
                    yield data
                coming = asyncio.ensure_future(anext(events, None))
        finally:
            coming.cancel()
            await asyncio.wait([coming])


def raw(event: OutputEvent, only: str | None) -> bytes:
    return event.data if isinstance(event, Chunk) and only in (None, event.stream) else b""


def event_stream(event: OutputEvent) -> bytes:
    name, body = described(event)
    return b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), event.cursor.encode(), orjson.dumps(body))


def ndjson(event: OutputEvent) -> bytes:
    name, body = described(event)
    return orjson.dumps({"event": name} | body) + b"\n"


def described(event: OutputEvent) -> tuple[str, dict[str, Any]]:
    """An event's name, and its fields. `base64` has the exact bytes; `text` shows them as UTF-8."""
    body: dict[str, Any] = {"cursor": event.cursor, "at": shapes.time(event.at)}
    if isinstance(event, Chunk):
        return "chunk", body | {"stream": event.stream, "text": text(event.data), "base64": encoded(event.data)}
    body |= {"state": event.state, "reason": event.reason}
    if isinstance(event, End):
        ending = {"message": event.message, "exit_code": event.exit_code, "exit_signal": event.exit_signal}
        return "end", body | ending | {"truncated": event.truncated}
    return "state", body


def total(row: TaskExecution) -> int:
    return row.stdout_bytes + row.stderr_bytes


def text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


ROUTES = [Route("/api/task/{id}/log", guarded(log), methods=["GET"])]
