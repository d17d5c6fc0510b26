"""The programs for targets, run by a shell of choice on this machine, without SSH between."""

import asyncio
import shutil
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from db.values import Stream
from runner.remote import program
from runner.remote.attachment import Attachment
from runner.remote.program import AttachRequest, StartMode, TargetRun
from runner.remote.wire import RunStream
from runner.ssh.protocol import Exit, OnClosed, OnOutput

TOOLS = "cat dd env grep head kill mkdir mkfifo printf ps rm seq setsid sh sleep tail tee tr true wc yes"
PIECE = 1 << 16


def shell_folder(name: str, folder: Path) -> Path:
    """A folder for PATH whose `sh` is this shell, and for busybox whose every tool is its own."""
    binary = shutil.which(name)
    if binary is None:
        pytest.skip(f"no {name} on this machine")
    folder.mkdir()
    for tool in TOOLS.split() if name == "busybox" else ("sh",):
        (folder / tool).symlink_to(binary)
    return folder


def bare_folder(shell: str, folder: Path, *, without: Collection[str]) -> Path:
    """A folder that is enough for PATH, but for what is left out. `sh` in it is this shell."""
    binary = shutil.which(shell)
    if binary is None:
        pytest.skip(f"no {shell} on this machine")
    folder.mkdir()
    for tool in set(TOOLS.split()) - set(without):
        own = binary if tool == "sh" or shell == "busybox" else shutil.which(tool)
        assert own is not None
        (folder / tool).symlink_to(own)
    return folder


@dataclass(slots=True, eq=False)
class LocalProcess:
    """See `runner.ssh.protocol.RemoteProcess`. Closing it closes its pipes, as sshd does when a channel ends."""

    process: asyncio.subprocess.Process
    texts: Mapping[str, str]
    on_output: OnOutput
    on_closed: OnClosed | None
    sent: list[bytes] = field(default_factory=list)
    flows: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    ended: "asyncio.Future[Exit]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def begin(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.flows.set()
        pumps = [self.pump("stdout", self.process.stdout), self.pump("stderr", self.process.stderr), self.watch()]
        self.tasks = {asyncio.create_task(pump) for pump in pumps}

    async def pump(self, stream: str, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(PIECE):
            await self.flows.wait()
            self.on_output(stream, data)

    async def watch(self) -> None:
        status = await self.process.wait()
        self.finish(Exit(status, None, False) if status >= 0 else Exit(None, str(-status), False))

    def finish(self, exit: Exit) -> None:
        if not self.ended.done():
            self.ended.set_result(exit)
            if self.on_closed is not None:
                self.on_closed(exit)

    async def wait(self) -> Exit:
        return await asyncio.shield(self.ended)

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.sent.append(data)
        for text, instead in self.texts.items():
            data = data.replace(text.encode(), instead.encode())
        self.process.stdin.write(data)

    def write_eof(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def signal(self, name: str) -> None: ...

    def pause(self) -> None:
        self.flows.clear()

    def resume(self) -> None:
        self.flows.set()

    def abort(self) -> None:
        """As `close`, without waiting for it."""
        self.write_eof()
        self.finish(Exit(None, None, True))

    async def close(self) -> None:
        self.write_eof()
        self.finish(Exit(None, None, True))
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)
        for pipe in (1, 2):
            transport = self.process._transport.get_pipe_transport(pipe)  # type: ignore[attr-defined]
            transport.close()
        await self.process.wait()


@contextmanager
def signals_at_their_defaults() -> Iterator[None]:
    """For what is started meanwhile, as with sshd. Tests begun with nohup, or by a shell's `&`, ignore some of them."""
    kept = {each: signal.getsignal(each) for each in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)}
    ignored = [each for each, handler in kept.items() if handler == signal.SIG_IGN]
    for each in ignored:
        signal.signal(each, signal.SIG_DFL)
    try:
        yield
    finally:
        for each in ignored:
            signal.signal(each, signal.SIG_IGN)


@dataclass(frozen=True, slots=True)
class LocalShell:
    """See `runner.ssh.protocol.RemoteShell`."""

    process: LocalProcess
    pid: str = "-"


@dataclass(slots=True, eq=False)
class LocalTarget:
    """See `runner.ssh.protocol.ShellSource`: a machine whose /bin/sh is the one in `bin`, and an account on it.

    `only`: the whole of its PATH. `prefix`: a command that runs its shells. `texts`: what is written otherwise in the
    programs that it gets, such as a path that it does not have.
    """

    bin: Path
    home: Path
    only: str = ""
    prefix: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    is_alive: bool = True
    begun: list[LocalProcess] = field(default_factory=list)

    @property
    def path(self) -> str:
        return self.only or (str(self.bin) if (self.bin / "tail").exists() else f"{self.bin}:/usr/bin:/bin")

    async def open_shell(self, *, on_output: OnOutput, on_closed: OnClosed | None = None) -> LocalShell:
        return LocalShell(await self.start("", on_output=on_output, on_closed=on_closed))

    async def start(
        self,
        command: str,
        *,
        on_output: OnOutput,
        on_closed: OnClosed | None = None,
        stdin: bytes | None = None,
    ) -> LocalProcess:
        variables = {"HOME": str(self.home), "PATH": self.path, "LOGNAME": "sshcast-test"}
        pipe = asyncio.subprocess.PIPE
        with signals_at_their_defaults():
            made = await asyncio.create_subprocess_exec(
                *self.prefix,
                self.bin / "sh",
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env=variables,
                start_new_session=True,
            )
        process = LocalProcess(made, {"/bin/sh": str(self.bin / "sh"), **self.texts}, on_output, on_closed)
        self.begun.append(process)
        process.begin()
        if stdin is not None:
            process.write(stdin)
            process.write_eof()
        return process

    async def close(self) -> None:
        for process in self.begun:
            with suppress(ProcessLookupError):
                await process.close()

    @property
    def files(self) -> set[str]:
        """Names in the account's folder of spools, without the run's own part."""
        folder = self.home / ".sshcast"
        return {path.name.partition(".")[2] for path in folder.iterdir()} if folder.is_dir() else set()

    def file(self, name: str) -> Path:
        (found,) = (self.home / ".sshcast").glob(f"*.{name}")
        return found


@dataclass(slots=True, eq=False)
class Watched:
    """A run on a target, and what came of it. Each `attach` goes on where the one before ended."""

    target: LocalTarget
    command: str
    env: dict[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    cap: int = 10_000_000
    limit: int = 60
    spool: str = "7-0011223344556677."
    kept: dict[str, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in Stream})
    received: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))

    async def attach(self, how: StartMode = "start") -> Attachment:
        wire = RunStream(self.keep, self.received)
        run = TargetRun(spool=self.spool, script=self.command, env=self.env, output_limit=self.cap, stdin=self.stdin)
        want = AttachRequest(
            how=how,
            nonce=wire.nonce,
            out=len(self.kept[Stream.STDOUT]),
            err=len(self.kept[Stream.STDERR]),
            limit=self.limit,
        )
        return await Attachment.open(self.target, program.build_attach(run, want), wire, stdin=self.stdin)

    def keep(self, stream: str, data: bytes) -> None:
        self.kept[stream].extend(data)

    @property
    def out(self) -> bytes:
        return bytes(self.kept[Stream.STDOUT])

    @property
    def err(self) -> bytes:
        return bytes(self.kept[Stream.STDERR])

    def forget(self) -> None:
        """Read from the beginning next time."""
        self.kept = {stream: bytearray() for stream in Stream}
        self.received = dict.fromkeys(self.received, 0)

    async def ran(self, how: StartMode = "start") -> Attachment:
        """Attached and read to the end."""
        attachment = await self.attach(how)
        await read(attachment)
        return attachment

    async def identified(self) -> Attachment:
        """Attached, and begun for certain."""
        attachment = await self.attach()
        assert await attachment.stream.wait_until(lambda: attachment.stream.identity is not None, 10)
        return attachment

    async def left(self) -> None:
        """Begun for certain, and then nobody watches."""
        attachment = await self.identified()
        await attachment.close()


async def read(attachment: Attachment) -> None:
    async def learn(wire: RunStream, following: bool) -> None: ...

    async with asyncio.timeout(20):
        await attachment.read(learn)


def carrying(mark: str) -> list[int]:
    """Pids of what carries a run's mark on this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"SSHCAST_SPOOL={mark}".encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def serving(spool: str) -> list[int]:
    """Pids of what has a run's spool among its arguments: what supervises and watches it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if spool.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


Runs = Callable[..., Watched]


def running(*command: str) -> list[int]:
    """Pids of what was started as this on this machine, whoever started it."""
    wanted = "".join(f"{word}\0" for word in command).encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes().endswith(wanted):
                found.append(int(path.parent.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether it runs, rather than only waits to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
