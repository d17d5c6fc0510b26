"""Host key scans that other layers request: the runner speaks SSH, and answers over the bus."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

from runner.bus import Bus
from runner.ssh.networks import NetworkPolicy
from runner.ssh.protocol import ConnectFailed, ServerConnection
from runner.ssh.scan import OnWait, ScanOptions, scan_host_keys

ADDRESS = "host-key-scans"
MOST_AT_ONCE = 4
SCAN_SECONDS = 15.0
# A scan may have to wait for earlier ones.
ANSWER_SECONDS = 20.0
# OpenSSH's penalties last longer than a caller waits for an answer: retry twice, then report it.
WAITS = (1.0, 3.0)

OpenJump = Callable[[int], AbstractAsyncContextManager[ServerConnection]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """The server to scan, and the server through which it is reached, if any.

    `legacy` are old algorithms that are allowed, words of `db.values.LegacyAlgorithm`.
    """

    host: str
    port: int
    legacy: tuple[str, ...] = ()
    jump_server_id: int | None = None


async def request_scan(bus: Bus, wanted: ScanRequest) -> list[str]:
    """Return a key of each type that the server offers, as "TYPE BASE64". Raises ConnectFailed and Unanswered."""
    payload = {
        "host": wanted.host,
        "port": wanted.port,
        "legacy": wanted.legacy,
        "jump_server_id": wanted.jump_server_id,
    }
    answer = await bus.ask(ADDRESS, payload, seconds=ANSWER_SECONDS)
    if "failed" in answer:
        raise ConnectFailed(**answer["failed"])
    return list(answer["keys"])


class HostKeyScans:
    """Answers scan requests: a few at once, but those of one server one after the other.

    `open_jump` gives a connection to the jump server with an id, and raises ConnectFailed.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        network_policy: NetworkPolicy,
        open_jump: OpenJump | None = None,
        seconds: float = SCAN_SECONDS,
        waits: Sequence[float] = WAITS,
        on_wait: OnWait | None = None,
    ) -> None:
        self._bus = bus
        self._network_policy = network_policy
        self._open_jump = open_jump
        self._seconds = seconds
        self._waits = waits
        self._on_wait = on_wait
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._turns: WeakValueDictionary[tuple[str, int, int | None], asyncio.Lock] = WeakValueDictionary()
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        await self._stack.enter_async_context(self._bus.answering(ADDRESS, self._answer))

    async def stop(self) -> None:
        """Stop answering, and end the scans that are going on."""
        await self._stack.aclose()

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = ScanRequest(
            host=request["host"],
            port=request["port"],
            legacy=tuple(request["legacy"]),
            jump_server_id=request.get("jump_server_id"),
        )
        turn = self._turns.setdefault((wanted.host.lower(), wanted.port, wanted.jump_server_id), asyncio.Lock())
        # The server's turn first: a scan that waits for a slow server must not take a place from other servers.
        async with turn, self._places:
            try:
                return {"keys": await self._scan(wanted)}
            except ConnectFailed as error:
                return {"failed": {"reason": error.reason, "detail": error.detail, "passing": error.passing}}

    async def _scan(self, wanted: ScanRequest) -> list[str]:
        how = ScanOptions(
            every=True,
            legacy=wanted.legacy,
            waits=self._waits,
            network_policy=self._network_policy,
            on_wait=self._on_wait,
        )
        try:
            async with asyncio.timeout(self._seconds), AsyncExitStack() as held:
                if wanted.jump_server_id is not None and self._open_jump is not None:
                    through = await held.enter_async_context(self._open_jump(wanted.jump_server_id))
                    how = replace(how, through=through)
                return await scan_host_keys(wanted.host, wanted.port, how)
        except TimeoutError:
            raise ConnectFailed(
                "UNREACHABLE",
                f"{wanted.host} port {wanted.port} did not tell all of its host keys within {self._seconds:g} s "
                "(timeout). Check its load, and whether it slows down or turns away this address.",
                passing=True,
            ) from None
