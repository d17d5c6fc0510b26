"""`sshcast run`: runs a command on a server and shows its output."""

import asyncio
import shlex
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from db import servers as server_table
from resolvers import executions, output, validation
from resolvers.context import Context, Service
from resolvers.errors import ServiceError, TooLarge
from resolvers.inputs import RunCommand
from sshcast import standard_streams
from sshcast import tail as tails
from sshcast.app import open_service
from sshcast.commands import local
from sshcast.data_folder import FolderBusy
from sshcast.display import CANCELLING, UNREAD
from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.runner_wiring import start_runner
from sshcast.settings import Settings

INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of `sshcast run`.

    The limits are in seconds and bytes, None for the default. `run_as` is the user to act for, `raw` whether output
    goes to a terminal unchanged, `quiet` whether to leave out notes, `stdin` the command's standard input, if any.
    """

    timeout: int | None
    output_limit: int | None
    on_output_limit: str | None
    merge_streams: bool
    run_as: str | None
    raw: bool
    quiet: bool
    stdin: bytes | None = field(repr=False)


@dataclass(slots=True)
class Stopper:
    """Handles interrupts: the first cancels the run, the second stops watching it, the third ends the process."""

    ctx: Context
    execution_id: int
    notes: Notes
    left: bool = False
    _cancel: "asyncio.Task[None] | None" = None

    def interrupt(self, watcher: "asyncio.Task[int]") -> None:
        if self._cancel is None:
            self.notes.say(CANCELLING, "yellow")
            return self.cancel()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self.notes.say(f"left; how it went on: sshcast tail {self.execution_id}")
        self.left = watcher.cancel()
        return None

    def cancel(self) -> None:
        if self._cancel is None:
            self._cancel = asyncio.create_task(_cancel(self.ctx, self.execution_id), name="cancel")

    async def settle(self) -> None:
        if self._cancel is not None:
            await self._cancel


async def run(settings: Settings, server: str, command: list[str], options: RunOptions) -> int:
    """Run the command and show its output. An interrupt cancels the run and shows how it ended."""
    notes = Notes(quiet=options.quiet)
    unread = options.stdin is None and standard_streams.has_unread()
    async with _open_service_with_runner(settings) as service:
        ctx = await local.load_context(service, options.run_as)
        server_id = await require_server_id(ctx, server)
        wanted = RunCommand(
            server_id=server_id,
            command=_build_shell_command(command),
            timeout_seconds=options.timeout,
            output_limit=options.output_limit,
            on_output_limit=options.on_output_limit,
            merge_streams=options.merge_streams,
            stdin=options.stdin,
        )
        row = await executions.run_command(ctx, wanted)
        notes.say(f"execution {row.id}", "dim")
        if unread:
            notes.say(UNREAD, "yellow")
        decoders = await output.load_decoders(ctx, row.id, None)
        status = await _watch(ctx, row.id, tails.Display(raw=options.raw, notes=notes, decoders=decoders))
    if options.stdin is None and not unread and standard_streams.has_unread():
        notes.say(UNREAD, "yellow")
    return status


async def _watch(ctx: Context, execution_id: int, display: tails.Display) -> int:
    """Show the run to its end, and cancel it if nobody reads its output any more."""
    stopper = Stopper(ctx, execution_id, display.notes)
    watching = tails.follow(output.follow(ctx, execution_id), display, stopper.cancel)
    watcher = asyncio.create_task(watching, name=f"watch {execution_id}")
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stopper.interrupt, watcher)
    try:
        return await watcher
    except asyncio.CancelledError:
        if not stopper.left:
            raise
        return INTERRUPTED
    finally:
        await stopper.settle()


@asynccontextmanager
async def _open_service_with_runner(settings: Settings) -> AsyncIterator[Service]:
    """Open the service with a runner, unless another process serves this data folder and will do the work."""
    async with open_service(settings) as service, AsyncExitStack() as stack:
        with suppress(FolderBusy):
            await stack.enter_async_context(start_runner(service, settings))
        yield service


async def _cancel(ctx: Context, execution_id: int) -> None:
    with suppress(ServiceError):
        await executions.cancel(ctx, execution_id)


async def require_server_id(ctx: Context, server: str) -> int:
    """Return the id of the server with this name or id."""
    row = await ctx.service.store.read(server_table.by_name, server)
    if row is not None:
        return row.id
    if server.isascii() and server.isdigit():
        return int(server)
    raise CommandFailed(f"there is no server {server}: see `sshcast server add`")


def read_stdin() -> bytes:
    """Return all of standard input; raise CommandFailed if it is too long, before anything is run."""
    data = standard_streams.read_all(validation.MAX_STDIN_BYTES)
    if len(data) > validation.MAX_STDIN_BYTES:
        raise TooLarge(
            f"there is more than {validation.MAX_STDIN_BYTES} bytes of it: put it into a file on the server",
            f"超过 {validation.MAX_STDIN_BYTES} 字节：请放入服务器上的文件。",
            field=("stdin",),
        )
    return data


def _build_shell_command(words: list[str]) -> str:
    """Return a single word as shell text unchanged; quote several words as arguments."""
    return words[0] if len(words) == 1 else shlex.join(words)
