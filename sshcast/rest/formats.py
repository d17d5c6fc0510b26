"""The forms in which a log is streamed: raw bytes, server-sent events, NDJSON.

A text is decoded on across the chunks of its stream, so a character that two chunks share comes with the second. What
is sent as `base64` is exact.
"""

import base64
import codecs
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Protocol

import orjson

from db.values import Stream
from resolvers.errors import Language, ServiceError
from resolvers.output import Chunk, End, OutputEvent, StateChange
from sshcast.rest import shapes
from sshcast.rest.answers import error_body

LINE_ENDS = {b"\xc2\x85": b"\\u0085", b"\xe2\x80\xa8": b"\\u2028", b"\xe2\x80\xa9": b"\\u2029"}

Named = tuple[str, dict[str, Any]]


class Format(Protocol):
    media_type: ClassVar[str]
    heartbeat: ClassVar[bytes]
    """Empty where the form has no place for one."""

    def encode(self, event: OutputEvent) -> bytes: ...

    def failure(self, error: ServiceError, language: Language) -> bytes:
        """A last word; empty where the form has none, and the connection must be cut instead."""


class Raw:
    """The bytes alone. Of both streams they come in the order of arrival: the cursor is then o and their count."""

    media_type: ClassVar[str] = "application/octet-stream"
    heartbeat: ClassVar[bytes] = b""

    def __init__(self, only: Stream | None = None) -> None:
        self._only = only

    def encode(self, event: OutputEvent) -> bytes:
        return event.data if isinstance(event, Chunk) and self._only in (None, event.stream) else b""

    def failure(self, error: ServiceError, language: Language) -> bytes:
        return b""


class EventStream:
    """Server-sent events. The `id` of each is the cursor after it."""

    media_type: ClassVar[str] = "text/event-stream"
    heartbeat: ClassVar[bytes] = b": heartbeat\n\n"

    def __init__(self, only: Stream | None = None) -> None:
        self._described = Described(only)

    def encode(self, event: OutputEvent) -> bytes:
        return b"".join(
            b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), event.cursor.encode(), one_line(body))
            for name, body in self._described(event)
        )

    def failure(self, error: ServiceError, language: Language) -> bytes:
        return b"event: error\ndata: %b\n\n" % one_line(error_body(error, language))


class Ndjson:
    """One JSON object a line, its kind in `event`."""

    media_type: ClassVar[str] = "application/x-ndjson"
    heartbeat: ClassVar[bytes] = b'{"event":"heartbeat"}\n'

    def __init__(self, only: Stream | None = None) -> None:
        self._described = Described(only)

    def encode(self, event: OutputEvent) -> bytes:
        return lines({"event": name} | body for name, body in self._described(event))

    def failure(self, error: ServiceError, language: Language) -> bytes:
        return lines([{"event": "error"} | error_body(error, language)])


def lines(objects: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(one_line(each) + b"\n" for each in objects)


def one_line(body: dict[str, Any]) -> bytes:
    """JSON that is one line for every reader: httpx, for one, also takes U+0085, U+2028 and U+2029 for line ends."""
    data = orjson.dumps(body)
    for character, escape in LINE_ENDS.items():
        data = data.replace(character, escape)
    return data


class Described:
    """Events as a name and its fields; chunks of `only` one stream, if it is given."""

    def __init__(self, only: Stream | None) -> None:
        self._only = only
        self._decoders = {stream: codecs.getincrementaldecoder("utf-8")("replace") for stream in Stream}

    def __call__(self, event: OutputEvent) -> Iterator[Named]:
        body: dict[str, Any] = {"cursor": event.cursor, "at": shapes.time(event.at)}
        if isinstance(event, Chunk):
            if self._only in (None, event.stream):
                yield "chunk", body | self._chunk(event.stream, event.data)
            return
        if isinstance(event, StateChange):
            if event.state.final:
                yield from (("chunk", body | rest) for rest in self._unfinished())
            yield "state", body | {"state": event.state, "reason": event.reason}
            return
        yield "end", body | ending(event)

    def _chunk(self, stream: Stream, data: bytes, *, final: bool = False) -> dict[str, Any]:
        text = self._decoders[stream].decode(data, final)
        return {"stream": stream, "text": text, "base64": base64.b64encode(data).decode()}

    def _unfinished(self) -> list[dict[str, Any]]:
        """What stands for a character whose rest never came."""
        rests = [self._chunk(stream, b"", final=True) for stream in Stream]
        return [rest for rest in rests if rest["text"]]


def ending(event: End) -> dict[str, Any]:
    return {
        "state": event.state,
        "reason": event.reason,
        "message": event.message,
        "exit_code": event.exit_code,
        "exit_signal": event.exit_signal,
        "truncated": event.truncated,
    }
