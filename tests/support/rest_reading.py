"""Readers of a streamed log: server-sent events, NDJSON, and what they have got so far."""

import base64
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from db.values import Stream
from tests.support.rest import Face, Run

ALL_BYTES = bytes(range(256))
SSE = "text/event-stream"
NDJSON = "application/x-ndjson"


@asynccontextmanager
async def following(rest: Face, run: Run, accept: str = "*/*", **params: Any) -> AsyncIterator[httpx2.Response]:
    headers = rest.as_user("viewer") | {"Accept": accept}
    if "last_event_id" in params:
        headers["Last-Event-ID"] = params.pop("last_event_id")
    async with rest.http.stream("GET", run.path, params=params, headers=headers) as answer:
        assert answer.status_code == 200
        yield answer


async def sse(answer: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    """Events as a browser's EventSource sees them: comments left out."""
    found: dict[str, Any] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if not line and found:
            yield {"event": found["event"], "id": found.get("id"), **json.loads(found["data"])}
            found = {}
        elif name:
            found[name] = value


async def ndjson(answer: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.aiter_lines():
        yield json.loads(line)


READERS: dict[str, Callable[[httpx2.Response], AsyncIterator[dict[str, Any]]]] = {SSE: sse, NDJSON: ndjson}


@dataclass(slots=True)
class Got:
    """What a follower has: the exact bytes and the texts of each stream, the events, the last cursor."""

    events: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in Stream})
    text: dict[str, str] = field(default_factory=lambda: dict.fromkeys(Stream, ""))
    cursor: str | None = None

    def add(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self.cursor = event.get("cursor", self.cursor)
        if event["event"] == "chunk":
            self.data[event["stream"]] += base64.b64decode(event["base64"])
            self.text[event["stream"]] += event["text"]

    @property
    def size(self) -> int:
        return sum(map(len, self.data.values()))


async def write_mixed(run: Run, seed: int) -> tuple[bytes, bytes]:
    """Every byte value, long and short writes on both streams, a long line, no newline at the end."""
    out, err = bytearray(), bytearray()
    for part in (ALL_BYTES, os.urandom(70_000 + seed), "盘".encode()[:2], "盘".encode()[2:], b"x" * 200_000, b"end"):
        await run.write(part)
        await run.write(part[::-1], Stream.STDERR)
        out += part
        err += part[::-1]
    return bytes(out), bytes(err)
