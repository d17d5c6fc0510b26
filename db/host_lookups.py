"""Looks up a database host's name before the driver does, in threads that nobody waits for.

The driver's own lookup cannot be given up: after a time limit uvloop leaves it in a queue for four threads, logs its
failure as one that nobody retrieved, and waits for the whole queue when the loop is closed.
"""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable
from contextlib import suppress


def _look_up(host: str) -> object:
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)


class HostLookups:
    """The lookups that go on, one for each name: who asks for the same name meanwhile gets the same answer."""

    def __init__(self, look_up: Callable[[str], object] = _look_up) -> None:
        self._look_up = look_up
        self._running: dict[str, asyncio.Future[None]] = {}

    async def check(self, host: str | None) -> None:
        """Return as soon as the name is found; raise the resolver's error. Addresses and sockets are not looked up."""
        if not host or host.startswith("/") or _is_address(host):
            return
        if host not in self._running:
            self._start(host)
        await asyncio.shield(self._running[host])

    def _start(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        found = self._running[host] = loop.create_future()

        def settle(error: Exception | None) -> None:
            del self._running[host]
            if error is None:
                found.set_result(None)
                return
            found.set_exception(error)
            found.exception()  # retrieved, also if all who asked have gone

        def work() -> None:
            error: Exception | None = None
            try:
                self._look_up(host)
            except Exception as raised:
                error = raised
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(settle, error)

        threading.Thread(target=work, name=f"look up {host}", daemon=True).start()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
