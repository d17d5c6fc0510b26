"""Drives one claimed execution to its final state.

look at the policy again -> connect -> run -> flush its output -> one guarded UPDATE. A driver whose fence is stale
changes nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog

from db import servers, transitions
from db.models import Server, TaskExecution
from db.store import Store
from db.values import Mode, Reason
from runner import endpoint
from runner.bus import EXECUTIONS, PENDING, Bus, execution_address
from runner.loop import backoff
from runner.outcome import Outcome, failed
from runner.output import OutputWriter
from runner.policy import Policy
from runner.pool import Pool
from runner.sink import Sink
from runner.ssh import ConnectFailed, Connection
from runner.vault import Vault, VaultError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What driving needs; passed in, so that a test can give its own."""

    store: Store
    bus: Bus
    pool: Pool
    writer: OutputWriter
    vault: Vault
    policy: Policy
    clock: Callable[[], datetime]
    connect_attempts: int = 3


class Way(Protocol):
    """One way of running a command over a connection: durable or attached."""

    async def __call__(self, drive: "Drive", connection: Connection) -> Outcome: ...


@dataclass(slots=True, eq=False)
class Drive:
    """One execution being driven. `cancel` asks it to stop; `leave` ends the driving and leaves the command running."""

    parts: Parts
    row: TaskExecution
    ways: dict[str, Way]
    sink: Sink
    cancelled: asyncio.Event
    verified: dict[str, Any]

    @classmethod
    def of(cls, parts: Parts, row: TaskExecution, ways: dict[str, Way]) -> "Drive":
        return cls(parts, row, ways, parts.writer.open(row), asyncio.Event(), {})

    async def run(self) -> None:
        """Drive to the end. Every failure ends in a recorded reason; none leaves the row RUNNING."""
        if self.row.cancel_at is not None:
            self.cancelled.set()
        try:
            outcome = await self._outcome()
        except ConnectFailed as error:
            outcome = failed(Reason(error.reason), error.detail)
        except Exception as error:
            log.exception("driving an execution failed", execution=self.row.id)
            outcome = failed(Reason.START_FAILED, f"sshcast could not run it ({type(error).__name__}); see its log")
        await self.sink.flush()
        await self._finish(outcome)

    async def note(self, values: dict[str, Any]) -> bool:
        """Record something about the running execution; False when another runner has taken it over."""
        return await self.parts.store.run(transitions.update_claimed, self.row.id, self.row.fence, values)

    async def _outcome(self) -> Outcome:
        server = await self.parts.store.read(servers.by_id, self.row.server_id)
        if server is None or not server.enabled:
            return failed(Reason.START_FAILED, "the server was deleted or disabled before the command could start")
        if self.row.remote is None:
            verdict = self.parts.policy.check(self.row.command, env=self.row.env)
            if not verdict.allowed:
                worst = next(finding for finding in verdict.findings if finding.severity == "deny")
                return failed(Reason.REFUSED_BY_POLICY, f"{worst.rule}: {worst.message_en}")
        return await self._connected(server)

    async def _connected(self, server: Server) -> Outcome:
        try:
            target = endpoint.of(server, self.parts.vault)
        except VaultError:
            return failed(Reason.START_FAILED, "the server's credential cannot be opened with the keys at hand")
        way = self.ways[self.row.mode or server.run_mode]
        if self.row.mode is None:
            await self.note({"mode": Mode(server.run_mode)})
        async with self.parts.pool.channel(target) as connection:
            return await way(self, connection)

    async def _finish(self, outcome: Outcome) -> None:
        values = outcome.values() | self._ending()
        failures = 0
        while True:
            try:
                await self.parts.store.run(transitions.finish, self.row.id, self.row.fence, values)
                break
            except Exception:
                failures += 1
                log.exception("an execution's end is not recorded yet; trying again", execution=self.row.id)
                await asyncio.sleep(backoff(failures))
        self.parts.bus.hint(execution_address(self.row.id), EXECUTIONS, PENDING)

    def _ending(self) -> dict[str, Any]:
        now = self.parts.clock()
        started = self.row.start_time or now
        return {
            "end_time": now,
            "duration_ms": max(0, round((now - started).total_seconds() * 1000)),
            "truncated": self.sink.truncated,
        }
