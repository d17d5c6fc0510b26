"""The formats of a streamed log: raw bytes, server-sent events, NDJSON.

Text is decoded by the server's encoding, across the chunks of its stream: a character that two chunks share comes with
the second one, even if the reader was disconnected in between. `base64` holds the exact bytes.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Protocol

import orjson

from db.values import Stream
from resolvers import cursor as cursors
from resolvers.decoding import Decoders
from resolvers.errors import Language, ServiceError
from resolvers.output import Chunk, End, OutputEvent, StateChange
from sshcast.http.answers import build_error_body
from sshcast.rest import shapes

LINE_ENDS = {b"\xc2\x85": b"\\u0085", b"\xe2\x80\xa8": b"\\u2028", b"\xe2\x80\xa9": b"\\u2029"}

EVENTS = (
    "`chunk` (output: `stream`, `text`, `base64`)",
    "`state` (`state`, `reason`)",
    "`end` (`state`, `reason`, `message`, `exit_code`, `exit_signal`, `truncated`)",
    "`error` (an error's body)",
)

Named = tuple[str, dict[str, Any]]


class Format(Protocol):
    media_type: ClassVar[str]
    SCHEMA: ClassVar[dict[str, Any]]
    """What the OpenAPI document says of it."""
    heartbeat: ClassVar[bytes]
    """Empty where the form has no place for one."""

    def encode(self, event: OutputEvent) -> bytes: ...

    def encode_error(self, error: ServiceError, language: Language) -> bytes:
        """Return a last message for an error; empty if the format has none and the connection must be cut instead."""


class Raw:
    """The bytes alone. Those of both streams come in the order of arrival; the cursor is then o and their count."""

    media_type: ClassVar[str] = "application/octet-stream"
    SCHEMA: ClassVar[dict[str, Any]] = {
        "description": "The exact bytes. `follow` gives both streams in the order of arrival.",
        "examples": ["Filesystem  Size  Used\n"],
    }
    heartbeat: ClassVar[bytes] = b""

    def encode(self, event: OutputEvent) -> bytes:
        return event.data if isinstance(event, Chunk) else b""

    def encode_error(self, error: ServiceError, language: Language) -> bytes:
        return b""


class EventStream:
    """Server-sent events. An event's `id` is the cursor after it; with the end's `id` a returning client gets a 204."""

    media_type: ClassVar[str] = "text/event-stream"
    SCHEMA: ClassVar[dict[str, Any]] = {
        "type": "string",
        "contentMediaType": "text/event-stream",
        "description": f"Server-sent events: {', '.join(EVENTS)}. `id` is the cursor after the event, `data` is JSON. "
        "A comment comes at least every 15 seconds.",
        "examples": [
            'event: chunk\nid: o5\ndata: {"cursor":"o5","at":"2026-11-24T10:00:01Z","stream":"stdout",'
            '"text":"done\\n","base64":"ZG9uZQo="}\n\n'
        ],
    }
    heartbeat: ClassVar[bytes] = b": heartbeat\n\n"

    def __init__(self, decoders: Decoders) -> None:
        self._describe = EventDescriber(decoders)

    def encode(self, event: OutputEvent) -> bytes:
        return b"".join(
            b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), _event_id(name, body).encode(), _encode_line(body))
            for name, body in self._describe(event)
        )

    def encode_error(self, error: ServiceError, language: Language) -> bytes:
        return b"event: error\ndata: %b\n\n" % _encode_line(build_error_body(error, language))


class Ndjson:
    """One JSON object a line, with its kind in `event`."""

    media_type: ClassVar[str] = "application/x-ndjson"
    SCHEMA: ClassVar[dict[str, Any]] = {
        "type": "string",
        "contentMediaType": "application/x-ndjson",
        "description": f"One JSON object a line, with its kind in `event`: {', '.join(EVENTS)}, and `heartbeat` at "
        "least every 15 seconds.",
        "examples": [
            '{"event":"chunk","cursor":"o5","at":"2026-11-24T10:00:01Z","stream":"stdout","text":"done\\n",'
            '"base64":"ZG9uZQo="}\n'
        ],
    }
    heartbeat: ClassVar[bytes] = b'{"event":"heartbeat"}\n'

    def __init__(self, decoders: Decoders) -> None:
        self._describe = EventDescriber(decoders)

    def encode(self, event: OutputEvent) -> bytes:
        return _encode_lines({"event": name} | body for name, body in self._describe(event))

    def encode_error(self, error: ServiceError, language: Language) -> bytes:
        return _encode_lines([{"event": "error", **build_error_body(error, language)}])


def _encode_lines(objects: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(_encode_line(each) + b"\n" for each in objects)


def _encode_line(body: Mapping[str, Any]) -> bytes:
    """Return JSON that every reader takes as one line: httpx, for one, also splits at U+0085, U+2028 and U+2029."""
    data = orjson.dumps(body)
    for character, escape in LINE_ENDS.items():
        data = data.replace(character, escape)
    return data


def _event_id(name: str, body: dict[str, Any]) -> str:
    """Return the id that EventSource sends as Last-Event-ID when it reconnects, as it does after every end."""
    cursor: str = body["cursor"]
    return cursors.encode_end(cursor) if name == "end" else cursor


class EventDescriber:
    """Turns events into a name and fields."""

    def __init__(self, decoders: Decoders) -> None:
        self._decoders = decoders

    def __call__(self, event: OutputEvent) -> Iterator[Named]:
        body: dict[str, Any] = {"cursor": event.cursor, "at": shapes.format_time(event.at)}
        if isinstance(event, Chunk):
            text = self._decoders.decode(event.stream, event.data, event.offset)
            gap = {"left_out": event.left_out} if event.left_out else {}
            yield "chunk", body | _output(event.stream, text, event.data) | gap
            return
        if event.state.is_final:
            for rest in self._decoders.flush_rests(event.cursor):
                yield "chunk", body | {"cursor": rest.cursor} | _output(rest.stream, rest.text, b"")
            body["cursor"] = self._decoders.move_past_rests(event.cursor)
        if isinstance(event, StateChange):
            yield "state", body | {"state": event.state, "reason": event.reason}
        else:
            yield "end", body | _build_ending(event)


def _output(stream: Stream, text: str, data: bytes) -> dict[str, Any]:
    return {"stream": stream, "text": text, "base64": base64.b64encode(data).decode()}


def _build_ending(event: End) -> dict[str, Any]:
    return {
        "state": event.state,
        "reason": event.reason,
        "message": event.message,
        "exit_code": event.exit_code,
        "exit_signal": event.exit_signal,
        "truncated": event.truncated,
    }
