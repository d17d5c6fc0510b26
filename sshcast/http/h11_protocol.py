"""The listener's limits on h11, a parser in Python that is always there."""

from contextlib import suppress
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from sshcast.http.bounds import Bounds
from sshcast.http.deadlines import PIECE_BYTES, AnsweringProtocol, Phase, RequestDeadline, build_bad_request
from sshcast.http.idle import IdleConnections

PHASES = {h11.IDLE: Phase.HEAD, h11.SEND_BODY: Phase.BODY}


class BoundedH11Protocol(H11Protocol, AnsweringProtocol):
    """uvicorn's protocol on h11 with a deadline for each request and a limit of connections."""

    def __init__(self, *args: Any, bounds: Bounds, idle: IdleConnections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bounds = bounds
        self._idle = idle
        self._deadline = RequestDeadline(self, bounds, self.loop)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self._bounds.connections:
            transport.close()
        else:
            self._deadline.start(transport)

    def data_received(self, data: bytes) -> None:
        """Pass data to the parser in pieces, as it measures only headers that are incomplete."""
        self._idle.discard(self)
        start = 0
        while start < len(data) and not self.transport.is_closing() and self.transport.get_protocol() is self:
            end = start + PIECE_BYTES if self.conn.their_state is h11.IDLE else len(data)
            super().data_received(data[start:end])
            start = end
        self._deadline.enter(PHASES.get(self.conn.their_state))

    def on_response_complete(self) -> None:
        """Start the deadline of a request that came with the last one; idle connections have uvicorn's own."""
        super().on_response_complete()
        self._deadline.enter(Phase.BODY if self.conn.their_state is h11.SEND_BODY else None)
        if self.cycle.response_complete and not self.transport.is_closing():
            self._idle.add(self)

    @property
    def is_answering(self) -> bool:
        return self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.enter(None)
        self._idle.discard(self)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        headers, body = build_bad_request(self._bounds)
        start = h11.Response(status_code=400, headers=list(headers.items()))
        with suppress(h11.LocalProtocolError):  # another answer is on its way
            for event in (start, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
