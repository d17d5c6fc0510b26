"""What the listener's two parsers have in common: deadlines of a request, and the answer to what is none."""

import asyncio
from abc import ABC, abstractmethod
from enum import Enum, auto
from typing import Any

import orjson

from sshcast.http.answers import HEADERS
from sshcast.http.bounds import Bounds

PIECE_BYTES = 4096


class Phase(Enum):
    """What of a request is waited for."""

    HEAD = auto()
    BODY = auto()


class AnsweringProtocol(ABC):
    """A protocol of the listener on one of its parsers."""

    @property
    @abstractmethod
    def is_answering(self) -> bool:
        """Tell whether an answer has begun and not ended."""


class RequestDeadline:
    """Closes a connection whose request takes too long to arrive: uvicorn itself waits for ever.

    The headers and the body each have one deadline, which single bytes in between do not extend.
    """

    def __init__(self, protocol: asyncio.BaseProtocol, bounds: Bounds, loop: asyncio.AbstractEventLoop) -> None:
        self._protocol = protocol
        self._seconds = {Phase.HEAD: bounds.header_seconds, Phase.BODY: bounds.body_seconds}
        self._loop = loop
        self._transport: Any = None
        self._phase: Phase | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, transport: Any) -> None:
        """Start with the wait for the first request's headers."""
        self._transport = transport
        self.enter(Phase.HEAD)

    def enter(self, phase: Phase | None) -> None:
        """Start the deadline of a phase that begins; None: nothing is waited for."""
        if phase is self._phase:
            return
        self._phase = phase
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if phase is not None:
            self._timer = self._loop.call_later(self._seconds[phase], self._close_late)

    def _close_late(self) -> None:
        """Close the connection, unless it became a WebSocket, which has another protocol and deadline."""
        if self._transport.get_protocol() is self._protocol:
            self._transport.close()


def build_bad_request(bounds: Bounds) -> tuple[dict[str, str], bytes]:
    """Return headers and body for what is not HTTP, in the shape of every other answer."""
    message = f"This is not a valid HTTP request, or its headers are over {bounds.header_bytes} bytes."
    body = orjson.dumps({"code": 400, "message": message, "error": "INVALID"})
    fixed = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    return HEADERS | fixed, body
