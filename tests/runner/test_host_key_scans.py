"""Scans that others ask the runner for: bounded in number, in time and in where they go, on real OpenSSH."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.bus import Bus
from runner.ssh.networks import DEFAULT_POLICY, NetworkPolicy
from runner.ssh.protocol import ConnectFailed
from runner.ssh.scan_requests import MOST_AT_ONCE, HostKeyScans, ScanRequest, request_scan
from tests.support.targets import Target, make_key, openssh, public_line, running_sshd

__all__ = ["openssh"]
pytestmark = pytest.mark.anyio


@asynccontextmanager
async def scanned(network_policy: NetworkPolicy = DEFAULT_POLICY, **how: Any) -> AsyncIterator[Bus]:
    """A bus at which scans are answered."""
    bus = Bus()
    scans = HostKeyScans(bus=bus, network_policy=network_policy, **{"waits": ()} | how)
    await scans.start()
    try:
        yield bus
    finally:
        await scans.stop()


class Silent:
    """Listens and says nothing: how many are connected now, and were in all."""

    def __init__(self) -> None:
        self.now = self.total = 0
        self._changed = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._count(1)
        await reader.read()
        await self._count(-1)
        writer.close()

    async def until(self, *, now: int, total: int) -> None:
        async with asyncio.timeout(20):
            async with self._changed:
                await self._changed.wait_for(lambda: (self.now, self.total) == (now, total))

    async def _count(self, change: int) -> None:
        async with self._changed:
            self.now += change
            self.total += max(change, 0)
            self._changed.notify_all()


@asynccontextmanager
async def silent() -> AsyncIterator[tuple[Silent, int]]:
    """It, and the port that it is at on every loopback address."""
    found = Silent()
    async with await asyncio.start_server(found.serve, "0.0.0.0", 0) as server:
        yield found, server.sockets[0].getsockname()[1]


def asked(bus: Bus, host: str, port: int) -> "asyncio.Task[list[str]]":
    return asyncio.create_task(request_scan(bus, ScanRequest(host=host, port=port)), name=f"ask {host}")


async def ended(tasks: "list[asyncio.Task[list[str]]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_key_of_each_type_is_answered_the_best_first(tmp_path: Path) -> None:
    make_key(tmp_path / "rsa", kind="rsa")
    with running_sshd(tmp_path, f"HostKey {tmp_path / 'rsa'}") as target:
        async with scanned() as bus:
            found = await request_scan(bus, ScanRequest(host=target.host, port=target.port))
    assert found == [target.host_key, public_line(tmp_path / "rsa")]


async def test_why_it_failed_comes_through_the_answer_whole(openssh: Target) -> None:
    async with scanned(NetworkPolicy.of(denied=["127.0.0.0/8"])) as bus:
        with pytest.raises(ConnectFailed, match="SSHCAST_ALLOWED_NETWORKS") as failed:
            await request_scan(bus, ScanRequest(host=openssh.host, port=openssh.port))
    assert (failed.value.reason, failed.value.passing) == ("UNREACHABLE", False)


async def test_a_few_are_scanned_at_once_and_the_others_in_their_turn() -> None:
    async with silent() as (server, port), scanned(seconds=60) as bus:
        tasks = [asked(bus, f"127.0.0.{number}", port) for number in range(1, MOST_AT_ONCE + 3)]
        await server.until(now=MOST_AT_ONCE, total=MOST_AT_ONCE)
        await asyncio.wait(tasks, timeout=0.1)
        assert server.total == MOST_AT_ONCE
        await ended(tasks[:MOST_AT_ONCE])
        await server.until(now=2, total=MOST_AT_ONCE + 2)
        await ended(tasks)
        await server.until(now=0, total=MOST_AT_ONCE + 2)


async def test_one_address_is_scanned_once_at_a_time_and_does_not_keep_the_others_waiting(openssh: Target) -> None:
    async with silent() as (server, port), scanned(seconds=60) as bus:
        tasks = [asked(bus, "127.0.0.1", port) for _ in range(MOST_AT_ONCE + 2)]
        await server.until(now=1, total=1)
        assert await asked(bus, openssh.host, openssh.port) == [openssh.host_key]
        assert server.total == 1
        await ended(tasks[:1])
        await server.until(now=1, total=2)
        await ended(tasks)


async def test_a_scan_has_its_time_and_its_connection_is_closed_after_it() -> None:
    async with silent() as (server, port), scanned(seconds=0.2) as bus:
        with pytest.raises(ConnectFailed, match=r"within 0\.2 s \(timeout\)") as failed:
            await asked(bus, "127.0.0.1", port)
        await server.until(now=0, total=1)
    assert failed.value.passing


async def test_a_runner_that_stops_closes_what_it_scans() -> None:
    async with silent() as (server, port):
        async with scanned(seconds=60) as bus:
            task = asked(bus, "127.0.0.1", port)
            await server.until(now=1, total=1)
        await asyncio.wait([task])
        assert task.exception() is not None
        await server.until(now=0, total=1)
