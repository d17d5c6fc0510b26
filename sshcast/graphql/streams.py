"""Streamed answers, in the two forms that HTTP clients read: server-sent events and multipart."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

import orjson
from starlette.responses import Response

from resolvers.streaming import with_heartbeats
from schema.engine import Answer
from sshcast.http.live_answer import STREAM_HEADERS, LiveAnswer

HEARTBEAT_SECONDS = 12.0
COMPLETE_ID = "complete"


class Transport(Protocol):
    """The form of the answers in a stream."""

    @property
    def media_type(self) -> str: ...
    @property
    def start(self) -> bytes: ...
    @property
    def heartbeat(self) -> bytes: ...
    @property
    def end(self) -> bytes: ...
    def encode(self, answer: Answer) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Events:
    """The distinct connections mode of the GraphQL over SSE protocol (graphql-sse)."""

    media_type: str = "text/event-stream"
    start: bytes = b""
    heartbeat: bytes = b":\n\n"
    end: bytes = b"id: complete\nevent: complete\ndata: \n\n"

    def encode(self, answer: Answer) -> bytes:
        return b"event: next\ndata: %b\n\n" % orjson.dumps(answer.body())


@dataclass(frozen=True, slots=True)
class Multipart:
    """Multipart subscriptions, as Apollo's clients read them (subscriptionSpec 1.0)."""

    media_type: str = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
    start: bytes = b"--graphql"
    heartbeat: bytes = b"\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql"
    end: bytes = b"--\r\n"

    def encode(self, answer: Answer) -> bytes:
        payload = orjson.dumps({"payload": answer.body()})
        return b"\r\nContent-Type: application/json\r\n\r\n%b\r\n--graphql" % payload


EVENTS = Events()
MULTIPART = Multipart()


def choose_transport(accept: str) -> Transport | None:
    """Return the form of stream that the caller accepts, if any."""
    for part in accept.lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        if media_type == "text/event-stream":
            return EVENTS
        if media_type == "multipart/mixed" and any(item.startswith("subscriptionspec=") for item in parameters):
            return MULTIPART
    return None


def has_seen_the_end(headers: Mapping[str, str]) -> bool:
    """Tell whether an EventSource reconnects after `complete`, as it does after every end of an answer."""
    return headers.get("last-event-id") == COMPLETE_ID


def answer_nothing_more() -> Response:
    """Return the 204 that keeps an EventSource from reconnecting."""
    return Response(status_code=204, headers=STREAM_HEADERS)


def build_live_answer(answers: AsyncGenerator[Answer, None], transport: Transport) -> Response:
    """Return a streamed answer; a caller that leaves closes `answers`."""
    return LiveAnswer(_encode_answers(answers, transport), answers, transport.media_type)


def build_single_answer(answer: Answer, transport: Transport) -> Response:
    body = transport.start + transport.encode(answer) + transport.end
    return Response(body, headers=STREAM_HEADERS, media_type=transport.media_type)


async def _encode_answers(answers: AsyncGenerator[Answer, None], transport: Transport) -> AsyncGenerator[bytes, None]:
    if transport.start:
        yield transport.start
    async with aclosing(with_heartbeats(answers, lambda: HEARTBEAT_SECONDS)) as beating:
        async for answer in beating:
            yield transport.heartbeat if answer is None else transport.encode(answer)
    yield transport.end
