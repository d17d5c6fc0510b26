"""The running parts of one process: started together, stopped in the opposite order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from resolvers.context import Service
from runner.dispatcher import Cancels, Dispatcher
from runner.output import OutputWriter
from runner.pool import Pool
from runner.scheduler import Scheduler


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A service, and the runner that drives its executions; without a runner, another process is to drive them."""

    service: Service
    pool: Pool
    writer: OutputWriter
    dispatcher: Dispatcher
    cancels: Cancels
    scheduler: Scheduler
    drain_seconds: float


@asynccontextmanager
async def running(runtime: Runtime) -> AsyncIterator[Runtime]:
    """Adopt what was left running, then claim, fire and drive until the block ends."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runtime.pool.close)
        runtime.writer.start()
        stack.push_async_callback(runtime.writer.stop)
        await runtime.dispatcher.adopt()
        runtime.dispatcher.start()
        stack.push_async_callback(runtime.dispatcher.drain, runtime.drain_seconds)
        for loop in (runtime.cancels, runtime.scheduler):
            loop.start()
            stack.push_async_callback(loop.stop)
        yield runtime
