"""Connections that are kept open between two requests: how many there may be."""

from typing import Protocol


class Keepable(Protocol):
    """A connection that closes itself when it has been idle for long enough, or when it is told that it has."""

    def timeout_keep_alive_handler(self) -> None: ...


class IdleConnections:
    """The idle connections, the one that has been idle for longest first. Beyond `most`, that one is closed.

    Proxies reuse a connection for a minute. Where an attacker opens many and leaves them, those of others are not
    refused for want of a place.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._connections: dict[Keepable, None] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: Keepable) -> None:
        """Count a connection as idle from now on."""
        self._connections[connection] = None
        if len(self._connections) > self._most:
            oldest = next(iter(self._connections))
            del self._connections[oldest]
            oldest.timeout_keep_alive_handler()

    def discard(self, connection: Keepable) -> None:
        """Count a connection as idle no longer: a request comes on it, or it is closed."""
        self._connections.pop(connection, None)
