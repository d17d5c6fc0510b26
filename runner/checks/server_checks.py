"""Checks servers for other layers, step by step, over a connection of each check's own."""

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakValueDictionary

from sqlalchemy import Connection

from db import jumps, servers
from db.models import Server
from db.store import Store
from runner.bus import Bus
from runner.checks.record import CheckRecord
from runner.checks.requests import ADDRESS, CHECK_SECONDS, CheckReport, CheckStep, format_report
from runner.checks.target_facts import FactReader
from runner.execution.endpoint import build_endpoint, find_disabled_jump
from runner.remote import program
from runner.secrets.vault import Vault, VaultError
from runner.ssh.handshake import AnsweredShell
from runner.ssh.pool import Pool
from runner.ssh.protocol import ConnectFailed, Endpoint, Exit, ServerConnection
from runner.ssh.sign_in.progress import ConnectProgress

MOST_AT_ONCE = 8
SHELL_SECONDS = 30.0
ROUND_TRIPS = 3
NONCE_BYTES = 12


class ConnectStepwise(Protocol):
    """Makes a connection, and writes to `progress` how far it got. Raises ConnectFailed."""

    async def __call__(
        self, endpoint: Endpoint, *, through: ServerConnection | None, progress: ConnectProgress
    ) -> ServerConnection: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckParts:
    """What checks work with. `pool` has the connections to jump servers; the server itself gets a new one.

    `wall_clock` is in seconds since 1970; `seconds` limit a whole check, `shell_seconds` what a login shell takes.
    """

    store: Store
    vault: Vault
    pool: Pool
    connect: ConnectStepwise
    wall_clock: Callable[[], float] = time.time
    seconds: float = CHECK_SECONDS
    shell_seconds: float = SHELL_SECONDS


class ServerChecks:
    """Answers requests for checks: a few at once, but those of one server one after the other."""

    def __init__(self, *, bus: Bus, parts: CheckParts) -> None:
        self._bus = bus
        self._parts = parts
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        await self._stack.enter_async_context(self._bus.answering(ADDRESS, self._answer))

    async def stop(self) -> None:
        """Stop answering, and end the checks that are going on."""
        await self._stack.aclose()

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        turn = self._turns.setdefault(request["server_id"], asyncio.Lock())
        async with turn, self._places:
            return format_report(await check_server(self._parts, request["server_id"]))


async def check_server(parts: CheckParts, server_id: int) -> CheckReport:
    """Check the server with this id; whatever fails is in the report."""
    record = CheckRecord()
    try:
        async with asyncio.timeout(parts.seconds):
            await _pass_steps(parts, record, server_id)
    except ConnectFailed as failure:
        record.fail(failure.detail, _locate(failure))
    except TimeoutError:
        record.fail(f"The check did not get further within {parts.seconds:g} s (timeout). Look at the server's load.")
    return record.build_report()


async def _pass_steps(parts: CheckParts, record: CheckRecord, server_id: int) -> None:
    async with AsyncExitStack() as held:
        endpoint = await _load_endpoint(parts, server_id)
        connection = await _connect(parts, record, endpoint, held)
        await _read_facts(parts, record, connection)
        record.pass_round_trip(await _measure_round_trip(connection))


async def _load_endpoint(parts: CheckParts, server_id: int) -> Endpoint:
    server, chain = await parts.store.read(_load_server, server_id)
    if server is None:
        raise ConnectFailed("UNREACHABLE", f"There is no server {server_id} any more.")
    disabled = find_disabled_jump(chain)
    if disabled is not None:
        raise disabled
    try:
        return build_endpoint(server, parts.vault, chain)
    except VaultError:
        raise ConnectFailed(
            "AUTH_FAILED",
            "The credential of this server or of a jump server cannot be opened with the keys at hand. "
            "Check SSHCAST_MASTER_KEY, or enter the credential again.",
        ) from None


def _load_server(conn: Connection, server_id: int) -> tuple[Server | None, list[Server]]:
    """Return the server, and the jump servers on the way to it, its own one first."""
    server = servers.by_id(conn, server_id)
    jump_id = None if server is None else server.jump_server_id
    return server, [] if jump_id is None else jumps.load_chain(conn, jump_id)


async def _connect(
    parts: CheckParts, record: CheckRecord, endpoint: Endpoint, held: AsyncExitStack
) -> ServerConnection:
    """Return a new connection, which is closed with the stack. Raises ConnectFailed."""
    progress, through = ConnectProgress(), None
    try:
        if endpoint.jump is not None:
            through = await held.enter_async_context(parts.pool.tunnel(endpoint.jump))
        connection = await parts.connect(endpoint, through=through, progress=progress)
    finally:
        record.pass_connection(f"{endpoint.host} port {endpoint.port}", progress)
    held.push_async_callback(connection.close)
    record.pass_sign_in(endpoint.username)
    return connection


async def _read_facts(parts: CheckParts, record: CheckRecord, connection: ServerConnection) -> None:
    """Start a shell, send it check.sh, and settle the steps of which that tells. Raises ConnectFailed."""
    nonce, ended = secrets.token_hex(NONCE_BYTES), asyncio.Event()
    reader = FactReader(nonce, lambda step, value: record.note_fact(step, value, wall_clock=parts.wall_clock()))

    def read_output(stream: str, data: bytes) -> None:
        reader.feed(stream, data)
        if reader.is_complete:
            ended.set()

    shell = AnsweredShell(_ignore_exit)
    await shell.begin(connection, parts.shell_seconds)
    shell.listen(read_output, lambda exit: ended.set())
    try:
        with suppress(OSError):
            shell.process.write(program.build_check(nonce, f"check-{nonce}."))
            shell.process.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(parts.shell_seconds):
                await ended.wait()
        if not reader.is_complete:
            with suppress(OSError):  # a hanging shell must not stay on the server
                shell.process.signal("KILL")
            raise _build_silence(parts.shell_seconds, is_open=shell.is_open)
    finally:
        shell.process.abort()


def _build_silence(seconds: float, *, is_open: bool) -> ConnectFailed:
    how = f"did not answer within {seconds:g} s" if is_open else "ended before it had answered"
    return ConnectFailed(
        "START_FAILED",
        f"A shell started and {how}. Look at the account's home and the file systems that it is on, "
        "at the server's load, and at limits of the account's processes.",
    )


def _ignore_exit(exit: Exit) -> None:
    """No channel of a pool is to be freed."""


async def _measure_round_trip(connection: ServerConnection) -> float:
    """Return the shortest of a few round trips, in seconds. Raises ConnectFailed if the connection was lost."""
    loop, found = asyncio.get_running_loop(), []
    for _ in range(ROUND_TRIPS):
        began = loop.time()
        await connection.probe()
        found.append(loop.time() - began)
    if not connection.is_alive:
        raise ConnectFailed("UNREACHABLE", "The server closed the connection during the check. Look at its log.")
    return min(found)


def _locate(failure: ConnectFailed) -> CheckStep | None:
    """Return the step that failed, where that is not the next one: what is stored may be unusable from the start."""
    if failure.at_jump:
        return None
    return {
        "AUTH_FAILED": CheckStep.SIGN_IN,
        "HOST_KEY_UNKNOWN": CheckStep.HOST_KEY,
        "HOST_KEY_CHANGED": CheckStep.HOST_KEY,
    }.get(failure.reason)
