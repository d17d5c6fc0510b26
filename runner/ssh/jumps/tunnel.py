"""A TCP connection that a jump server makes for us: a direct-tcpip channel (RFC 4254 section 7.2), as with `ssh -J`."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import asyncssh

from runner.ssh.jumps.messages import name_jump
from runner.ssh.protocol import ConnectFailed, Endpoint

PROHIBITED = 1
"""The reason code of a server that does not allow the channel (RFC 4254 section 5.1)."""

SessionFactory = Callable[[], Any]
Opened = tuple[Any, Any]


class Tunnel:
    """What asyncssh takes as `tunnel`: makes the connection, trying `hosts` in turn, `seconds` in all.

    `late` holds the openings that were given up, until the jump server answers them.
    """

    def __init__(
        self,
        link: asyncssh.SSHClientConnection,
        jump: Endpoint,
        *,
        hosts: Sequence[str],
        seconds: float,
        late: "set[asyncio.Task[Opened]]",
    ) -> None:
        self._link = link
        self._jump = jump
        self._hosts = hosts
        self._seconds = seconds
        self._late = late

    async def create_connection(self, session_factory: SessionFactory, remote_host: str, remote_port: int) -> Opened:
        """Return a channel and the session on it. Raises ConnectFailed, which names the jump server."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        failure = self._build_timeout(remote_host, remote_port)
        for left, host in zip(range(len(self._hosts), 0, -1), self._hosts, strict=True):
            seconds = max(deadline - loop.time(), 0.1) / left
            try:
                return await self._open(session_factory, host, remote_port, seconds=seconds)
            except TimeoutError:
                failure = self._build_timeout(remote_host, remote_port)
            except (asyncssh.Error, OSError) as error:
                failure = self._explain_refusal(remote_host, remote_port, error)
        raise failure

    def close(self) -> None:
        """Do nothing: asyncssh closes the channel of a connection that fails."""

    async def _open(self, session_factory: SessionFactory, host: str, port: int, *, seconds: float) -> Opened:
        """Open the channel. It cannot be given up: one that is opened too late is closed then."""
        task = asyncio.create_task(self._link.create_connection(session_factory, host, port), name=f"tunnel to {host}")
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(task)
        except BaseException:
            if not task.done():
                self._late.add(task)
                task.add_done_callback(self._close_late)
            raise

    def _close_late(self, task: "asyncio.Task[Opened]") -> None:
        self._late.discard(task)
        if not task.cancelled() and task.exception() is None:
            task.result()[0].abort()

    def _build_timeout(self, host: str, port: int) -> ConnectFailed:
        return self._build_failure(
            f"gave no connection to {host} port {port} within {self._seconds:g} s (timeout). Check from there that the "
            "host is up and that no firewall drops the packets.",
            passing=True,
        )

    def _explain_refusal(self, host: str, port: int, error: Exception) -> ConnectFailed:
        if self._link.is_closed():
            return self._build_failure("closed its connection. Look at its log.", passing=True)
        code = error.code if isinstance(error, asyncssh.ChannelOpenError) else None
        if code == PROHIBITED:
            return self._build_failure(
                f"does not allow connections to {host} port {port}. Check AllowTcpForwarding, PermitOpen and "
                "DisableForwarding in its sshd_config, and the options of the key in its authorized_keys."
            )
        reason = "".join(char if char.isprintable() else " " for char in str(error))[:200]
        return self._build_failure(
            f"could not connect to {host} port {port} ({reason}). Check the address and the port from there.",
            passing=True,
        )

    def _build_failure(self, what: str, *, passing: bool = False) -> ConnectFailed:
        named = name_jump(self._jump.server_id, self._jump.name)
        return ConnectFailed("UNREACHABLE", f"{named} {what}", passing=passing, at_jump=True)
