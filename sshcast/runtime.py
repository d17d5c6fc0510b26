"""The parts of one process that run: started together, stopped in reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from resolvers.context import Service
from runner.checks.server_checks import ServerChecks
from runner.execution.dispatcher import CancelRelay, Dispatcher
from runner.execution.leases import Leases
from runner.fleet.controller import FleetController
from runner.observer import RunnerCounts
from runner.output.writer import OutputWriter
from runner.retention import Retention
from runner.scheduling.follow_ups import FollowUps
from runner.scheduling.scheduler import Scheduler
from runner.ssh.pool import Pool
from runner.ssh.scan_requests import HostKeyScans


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A service and the runner that drives its executions; without a runner, another process drives them."""

    service: Service
    pool: Pool
    writer: OutputWriter
    dispatcher: Dispatcher
    cancels: CancelRelay
    scheduler: Scheduler
    follow_ups: FollowUps
    fleets: FleetController
    upkeep: Retention
    host_key_scans: HostKeyScans
    server_checks: ServerChecks
    leases: Leases | None
    drain_seconds: float

    def count(self) -> RunnerCounts:
        """Count what the runner holds now."""
        pooled = self.pool.list_connections()
        return RunnerCounts(
            running=len(self.dispatcher.drives),
            connections=len(pooled),
            channels=sum(each.in_use for each in pooled),
        )


@asynccontextmanager
async def start_runtime(runtime: Runtime) -> AsyncIterator[Runtime]:
    """Adopt executions that were left running, then claim, schedule and drive until the block ends.

    Without leases this is the only runner, so all running executions are its own. While it drains, runs can still be
    cancelled.
    """
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runtime.pool.close)
        runtime.writer.start()
        stack.push_async_callback(runtime.writer.stop)
        if runtime.leases is None:
            await runtime.dispatcher.adopt()
        else:
            stack.push_async_callback(runtime.leases.leave)
            await runtime.leases.join()
        runtime.cancels.start()
        stack.push_async_callback(runtime.cancels.stop)
        runtime.dispatcher.start()
        stack.push_async_callback(runtime.dispatcher.drain, runtime.drain_seconds)
        for loop in (runtime.scheduler, runtime.follow_ups, runtime.fleets, runtime.upkeep):
            loop.start()
            stack.push_async_callback(loop.stop)
        for answering in (runtime.host_key_scans, runtime.server_checks):
            await answering.start()
            stack.push_async_callback(answering.stop)
        yield runtime
