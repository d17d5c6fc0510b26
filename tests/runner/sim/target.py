"""A target in memory, for fault injection only: programs that print and end, and links that refuse, hang or break."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from runner.connection import ChannelRefused, ConnectFailed, Endpoint, Exit, OnOutput

PROGRAM = re.compile(r"program-(\d+)")
MARK = re.compile(rb"mark=(\S+)")
CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Script:
    """What a program does: waits and writes a word so many times, then its end. A stubborn one heeds KILL only."""

    steps: tuple[tuple[float, str, bytes, int], ...]
    status: int | None = 0
    signal: str | None = None
    stubborn: bool = False
    survives_its_channel: bool = False


class Program:
    """A script that runs, or has run. `starts` must never be more than one."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.starts = 0
        self.produced = {"stdout": bytearray(), "stderr": bytearray()}
        self.order: list[tuple[str, bytes]] = []
        self.mark: str | None = None
        self.exit: Exit | None = None
        self.changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def runs(self) -> bool:
        return self.starts > 0 and self.exit is None

    @property
    def ended_by_itself(self) -> bool:
        return self.exit == Exit(self.script.status, self.script.signal, False)

    def start(self) -> None:
        self.starts += 1
        self._task = asyncio.create_task(self._run(), name="program")

    def kill(self, name: str) -> None:
        if self.runs and (name == "KILL" or not self.script.stubborn):
            assert self._task is not None
            self._task.cancel()
            self._end(Exit(None, name, False))

    async def _run(self) -> None:
        for pause, stream, word, times in self.script.steps:
            await asyncio.sleep(pause)
            data = word * times
            self.produced[stream] += data
            self.order.append((stream, data))
            self.tell()
        self._end(Exit(self.script.status, self.script.signal, False))

    def _end(self, exit: Exit) -> None:
        self.exit = exit
        self.tell()

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass
class Target:
    """A server. `obstacle` is called at each use of the network, and may wait or raise."""

    programs: dict[int, Program] = field(default_factory=dict)
    links: set["Link"] = field(default_factory=set)
    mode: str = "up"  # or "refuses", or "hangs"
    latency: float = 0.01
    uses: int = 0
    cuts: int = 0
    obstacle: Callable[[int], str | None] = lambda use: None

    async def connect(self, endpoint: Endpoint) -> "Link":
        fault = self.use()
        await asyncio.sleep(self.latency)
        if self.mode == "hangs" or fault == "hang":
            await asyncio.sleep(CONNECT_SECONDS)
            raise ConnectFailed("UNREACHABLE", "timeout", passing=True)
        if self.mode == "refuses" or fault is not None:
            raise ConnectFailed("UNREACHABLE", "refused", passing=True)
        link = Link(self)
        self.links.add(link)
        return link

    def use(self) -> str | None:
        self.uses += 1
        return self.obstacle(self.uses)

    def cut(self) -> None:
        """Every connection breaks."""
        self.cuts += 1
        for link in tuple(self.links):
            link.cut()
        for program in self.programs.values():
            program.tell()

    def kill_marked(self, mark: str) -> None:
        for program in self.programs.values():
            if program.mark == mark:
                program.kill("KILL")


class Link:
    """See `runner.connection.Connection`."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.is_alive = True
        self.processes: set[Process] = set()

    async def start(
        self,
        command: str,
        *,
        on_output: OnOutput,
        on_closed: Callable[[Exit], None] | None = None,
        stdin: bytes | None = None,
    ) -> "Process":
        fault = self.target.use()
        await asyncio.sleep(self.target.latency)
        if fault == "refuse" or not self.is_alive:
            raise ChannelRefused("no channel")
        if fault == "cut before":
            self.target.cut()
            raise ChannelRefused("the connection was cut")
        process = Process(self, on_output, on_closed)
        self.processes.add(process)
        process.begin(command, stdin)
        if fault is not None:
            self.target.cut()
        return process

    async def close(self) -> None:
        self.cut()

    def cut(self) -> None:
        self.is_alive = False
        self.target.links.discard(self)
        for process in tuple(self.processes):
            process.end(Exit(None, None, True))


class Process:
    """See `runner.connection.Process`: a program seen through a channel."""

    def __init__(self, link: Link, on_output: OnOutput, on_closed: Callable[[Exit], None] | None) -> None:
        self._link = link
        self._on_output = on_output
        self._on_closed = on_closed
        self._exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._room = asyncio.Event()
        self._room.set()
        self._program: Program | None = None
        self._feed: asyncio.Task[None] | None = None

    def begin(self, command: str, stdin: bytes | None) -> None:
        named = PROGRAM.search(command)
        if named is None:
            mark = MARK.search(stdin or b"")
            self._feed = asyncio.create_task(self._look(mark[1].decode() if mark else ""), name="look")
            return
        self._program = self._link.target.programs[int(named[1])]
        marked = re.search(r"SSHCAST_SPOOL=([\w.-]+)", command.replace("'", ""))
        self._program.mark = marked[1] if marked else None
        self._program.start()
        self._feed = asyncio.create_task(self._follow(self._program), name="channel")

    async def wait(self) -> Exit:
        return await asyncio.shield(self._exit)

    def pause(self) -> None:
        self._room.clear()

    def resume(self) -> None:
        self._room.set()

    def write(self, data: bytes) -> None: ...

    def write_eof(self) -> None: ...

    def signal(self, name: str) -> None:
        if self._program is not None and not self._exit.done():
            self._program.kill(name)

    async def close(self) -> None:
        self.end(Exit(None, None, True))

    def end(self, exit: Exit) -> None:
        if self._exit.done():
            return
        self._exit.set_result(exit)
        self._link.processes.discard(self)
        if self._feed is not None and exit.lost:
            self._feed.cancel()
        if self._program is not None and self._program.runs and not self._program.script.survives_its_channel:
            self._program.kill("HUP")
        if self._on_closed is not None:
            self._on_closed(exit)

    async def _follow(self, program: Program) -> None:
        told = 0
        while True:
            changed = program.changed
            while told < len(program.order):
                await self._room.wait()
                self._on_output(*program.order[told])
                told += 1
            if program.exit is not None:
                break
            await changed.wait()
        self.end(program.exit)

    async def _look(self, mark: str) -> None:
        """What `runner.remote.verify` asks for."""
        await asyncio.sleep(self._link.target.latency)
        self._link.target.kill_marked(mark)
        with suppress(OSError):
            self._on_output("stdout", b"alive\n")
        self.end(Exit(0, None, False))
