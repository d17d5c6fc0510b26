"""`sshcast run`."""

import asyncio
import shlex
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from rich.console import Console

from db import servers as server_table
from resolvers import executions, output
from resolvers.context import Context, Service
from resolvers.errors import ServiceError
from resolvers.inputs import RunCommand
from sshcast import tail as tails
from sshcast.app import opened
from sshcast.commands import local
from sshcast.commands.errors import CommandFailed
from sshcast.data_folder import FolderBusy
from sshcast.driving import driven
from sshcast.settings import Settings


@dataclass(frozen=True, slots=True)
class How:
    """The time limit (seconds, None: the default), on whose behalf, and whether output goes out byte for byte."""

    timeout: int | None
    run_as: str | None
    raw: bool


async def run(settings: Settings, server: str, command: list[str], how: How) -> int:
    """Run it and show its output. An interrupt cancels the run and shows how that went."""
    async with service_that_runs(settings) as service:
        ctx = await local.viewer(service, how.run_as)
        server_id = await found(ctx, server)
        wanted = RunCommand(server_id=server_id, command=shell_text(command), timeout_seconds=how.timeout)
        row = await executions.run_command(ctx, wanted)
        notes = Console(stderr=True)
        notes.print(f"execution {row.id}", style="dim", highlight=False)
        cancels: set[asyncio.Task[None]] = set()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, cancel_soon, ctx, row.id, cancels)
        status = await tails.follow(output.follow(ctx, row.id), tails.Tail(raw=how.raw, notes=notes))
        await asyncio.gather(*cancels)
        return status


@asynccontextmanager
async def service_that_runs(settings: Settings) -> AsyncIterator[Service]:
    """The service with a runner of its own, unless one serves this data folder already and will do the work."""
    async with opened(settings) as service, AsyncExitStack() as stack:
        with suppress(FolderBusy):
            await stack.enter_async_context(driven(service, settings))
        yield service


def cancel_soon(ctx: Context, execution_id: int, cancels: "set[asyncio.Task[None]]") -> None:
    cancels.add(asyncio.create_task(cancel(ctx, execution_id), name="cancel"))


async def cancel(ctx: Context, execution_id: int) -> None:
    with suppress(ServiceError):
        await executions.cancel(ctx, execution_id)


async def found(ctx: Context, server: str) -> int:
    """A server's id from its name, or from its id."""
    row = await ctx.service.store.read(server_table.by_name, server)
    if row is not None:
        return row.id
    if server.isascii() and server.isdigit():
        return int(server)
    raise CommandFailed(f"there is no server {server}: see `sshcast server add`")


def shell_text(words: list[str]) -> str:
    """One word is shell text as it stands; more are an argument each."""
    return words[0] if len(words) == 1 else shlex.join(words)
