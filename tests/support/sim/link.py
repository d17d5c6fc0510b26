"""Connections to a target in memory: they refuse, hang or break, also between any two words of a conversation."""

import asyncio
import re
from collections.abc import Callable, Coroutine

from runner.ssh.handshake import LINE
from runner.ssh.protocol import ChannelRefused, ConnectFailed, Endpoint, Exit, OnOutput
from tests.support.sim.spool import FOLDER, Shell, assigned, clear
from tests.support.sim.target import PROGRAM, Program, Target

CONNECT_SECONDS = 10.0
STALL_SECONDS = 20.0


async def connect(target: Target, endpoint: Endpoint) -> "Link":
    fault = target.use()
    await asyncio.sleep(target.latency)
    if target.mode == "hangs" or fault == "hang":
        await asyncio.sleep(CONNECT_SECONDS)
        raise ConnectFailed("UNREACHABLE", "timeout", passing=True)
    if target.mode == "refuses" or fault is not None:
        raise ConnectFailed("UNREACHABLE", "refused", passing=True)
    link = Link(target)
    target.links.add(link)
    return link


class Link:
    """See `runner.ssh.protocol.ServerConnection`."""

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
        process.begin(command)
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
    """See `runner.ssh.protocol.RemoteProcess`: a shell that reads one of our programs, seen through a channel."""

    def __init__(self, link: Link, on_output: OnOutput, on_closed: Callable[[Exit], None] | None) -> None:
        self._link = link
        self._target = link.target
        self._on_output = on_output
        self._on_closed = on_closed
        self._exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._room = asyncio.Event()
        self._room.set()
        self._program: Program | None = None
        self._shell: Shell | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, command: str) -> None:
        """The shell answers, as runner/ssh/handshake.py wants it."""
        assert command.startswith(LINE), command
        first, second = command.split()[-2:]
        self._do(self._answer(f"sshcast 4711 {second}{first}\n".encode()))

    async def _answer(self, line: bytes) -> None:
        await asyncio.sleep(self._target.latency)
        await self.send("stdout", line)

    async def wait(self) -> Exit:
        return await asyncio.shield(self._exit)

    def pause(self) -> None:
        self._room.clear()

    def resume(self) -> None:
        self._room.set()

    def write(self, data: bytes) -> None:
        """What is under way when the connection stalls comes all the same, though nobody waits for it any more."""
        if self._exit.done():
            raise BrokenPipeError("the channel is closed")
        fault = self._target.use()
        if fault not in ("refuse", "cut before"):
            seconds = STALL_SECONDS if fault == "hang" else self._target.latency
            asyncio.get_running_loop().call_later(seconds, self._heard, data.decode())
        if fault is not None:
            self._target.cut()

    def write_eof(self) -> None: ...

    def signal(self, name: str) -> None:
        if self._program is not None and not self._exit.done():
            self._program.kill(name)

    def abort(self) -> None:
        self.end(Exit(None, None, True))

    async def close(self) -> None:
        self.abort()

    async def send(self, stream: str, data: bytes) -> None:
        """From the target to us."""
        await self._room.wait()
        if self._exit.done():
            return
        fault = self._target.use()
        if fault in (None, "cut after"):
            self._on_output(stream, data)
        if fault is not None:
            self._target.cut()

    def exit(self, status: int) -> None:
        self.end(Exit(status, None, False))

    def end(self, exit: Exit) -> None:
        if self._exit.done():
            return
        self._exit.set_result(exit)
        self._room.set()
        self._link.processes.discard(self)
        if self._shell is not None:
            self._shell.words.put_nowait(None)
        if self._program is not None and self._program.runs and not self._program.script.survives_its_channel:
            self._program.kill("HUP")
        if self._on_closed is not None:
            self._on_closed(exit)

    def _do(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name="channel"))

    def _heard(self, text: str) -> None:
        """A program, and then words for it, a line each."""
        if self._shell is not None:
            if not self._exit.done():
                for line in text.splitlines():
                    self._shell.words.put_nowait(line)
        elif "how" in assigned(text):
            self._shell = Shell(self, self._target, text)
            self._do(self._shell.run())
            if self._exit.done():
                self._shell.words.put_nowait(None)
        elif PROGRAM.search(text):
            self._become(text)
        else:
            self._do(self._told_at_once(text))

    def _become(self, text: str) -> None:
        """The command of an attached run, behind the lines that say that it begins."""
        named, marked = PROGRAM.search(text), re.search(r"SSHCAST_SPOOL='([\w.-]+)'", text)
        assert named is not None
        assert marked is not None
        self._program = self._target.programs[int(named[1])]
        self._program.mark = marked[1]
        self._program.start()
        self._do(self._follow(self._program, text.partition("set -- '")[2].partition("'")[0]))

    async def _follow(self, program: Program, nonce: str) -> None:
        self._on_output("stderr", f"{nonce} begin\n".encode())
        self._on_output("stdout", f"{nonce} begin direct\n".encode())
        told = 0
        while True:
            changed = program.changed
            while told < len(program.order):
                await self._room.wait()
                if self._exit.done():
                    return
                self._on_output(*program.order[told])
                told += 1
            if program.exit is not None:
                break
            await changed.wait()
        self.end(program.exit)

    async def _told_at_once(self, text: str) -> None:
        """What `runner.remote.verify` asks for, or to clear a run away, or to sweep."""
        values = assigned(text)
        await asyncio.sleep(self._target.latency)
        if "nonce" in values:
            self._target.kill_marked(values["id"])
            await self.send("stdout", f"{values['nonce']} alive\n".encode())
        elif "p" in values:
            clear(self._target, values["p"].removeprefix(FOLDER), keep="[!g]" in text)
        self.exit(0)
