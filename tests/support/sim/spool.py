"""The target's side of a durable run, in memory: what runner/remote's programs do there, told on the same wire."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from tests.support.sim.target import PROGRAM, Program, Target

ASSIGNED = re.compile(r"(\w+)='(.*)'")
SIGNALS = {"TERM": 15, "KILL": 9}
GRACE_SECONDS = 2.0
FOLDER = "/home/simulated/.sshcast/"


class Channel(Protocol):
    """What a shell on the target sees of it."""

    async def send(self, stream: str, data: bytes) -> None: ...

    def exit(self, status: int) -> None: ...


def assigned(text: str) -> dict[str, str]:
    """The values at the beginning of a program for a target."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        matched = ASSIGNED.fullmatch(line)
        if matched is None:
            break
        found[matched[1]] = matched[2]
    return found


@dataclass(eq=False)
class Spool:
    """A run's files. `program` is None where none may be started any more; `record` is STATUS OUT ERR WHY."""

    id: str
    program: Program | None
    cap: int = 0
    identified: bool = False
    why: str = "-"
    record: str | None = None
    watcher: "asyncio.Task[None] | None" = None
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    async def supervise(self, shell: "Shell") -> None:
        """Start the command, record how it ends, and tell whoever began it."""
        program = self.program
        assert program is not None
        await asyncio.sleep(shell.latency)
        program.mark = self.id
        program.start()
        self.identified = True
        await shell.say(self.identity)
        while program.exit is None:
            changed = program.changed
            if sum(map(len, program.produced.values())) > self.cap:
                self.why = "output"
                program.kill("KILL")
            else:
                await changed.wait()
        status = program.exit.status
        code = 128 + SIGNALS[program.exit.signal or "KILL"] if status is None else status
        out, err = (len(program.produced[stream]) for stream in ("stdout", "stderr"))
        self.record = f"end {code} {out} {err} {self.why}"
        if not shell.following:
            await shell.pour()
        await shell.say(self.record)

    @property
    def identity(self) -> str:
        return f"is 100 200 boot {self.id}"

    async def finish(self) -> None:
        """TERM, a grace, KILL."""
        if self.program is not None:
            self.program.kill("TERM")
            if self.program.runs:
                await asyncio.sleep(GRACE_SECONDS)
                self.program.kill("KILL")

    def guard(self, seconds: float) -> None:
        if self.watcher is None and self.record is None and self.program is not None:
            self.watcher = asyncio.create_task(self.watch(seconds), name="watcher")

    async def watch(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.record is None:
            self.why = "timeout"
            await self.finish()


class Shell:
    """What a channel's shell does with the text of `program.build_attach`, and with the words that follow it."""

    def __init__(self, channel: Channel, target: Target, text: str) -> None:
        self.channel = channel
        self.target = target
        self.latency = target.latency
        self.values = assigned(text)
        self.told = {"stdout": int(self.values["out"]), "stderr": int(self.values["err"])}
        self.words: asyncio.Queue[str | None] = asyncio.Queue()
        self.fresh = False
        self.joined = False
        self.following: asyncio.Task[None] | None = None
        self.spool = self.begun()

    def begun(self) -> Spool | None:
        """The run's files: those that are there, or new ones."""
        id, how = self.values["id"], self.values["how"]
        if id in self.target.spools or how == "known":
            return self.target.spools.get(id)
        named = PROGRAM.search(self.values["argv"])
        assert named is not None
        self.fresh = how == "start"
        program = self.target.programs[int(named[1])] if self.fresh else None
        spool = self.target.spools[id] = Spool(id, program, int(self.values["cap"]))
        spool.identified = not self.fresh
        return spool

    async def run(self) -> None:
        spool = self.spool
        if spool is None:
            await self.say("lost vanished")
        else:
            await self.channel.send("stderr", f"{self.values['nonce']} begin\n".encode())
            await self.say(f"begin {'fresh' if self.fresh else 'attached'} - {FOLDER}{spool.id}")
            if self.fresh:
                self.joined = True
                spool.tasks.append(asyncio.create_task(spool.supervise(self), name="supervisor"))
            else:
                await self.join(spool)
        await self.hear()

    async def hear(self) -> None:
        words: dict[str, Callable[[Spool, str], Awaitable[None]]] = {
            "follow": self.follow,
            "guard": self.guard,
            "look": self.look,
            "stop": self.stop,
            "finish": self.finish,
            "clear": self.clear,
        }
        while (line := await self.words.get()) is not None:
            word, _, rest = line.partition(" ")
            if self.spool is not None:
                await words[word](self.spool, rest)
        if self.following is not None:
            self.following.cancel()
        if self.spool is not None:
            await self.guard(self.spool, "")

    async def join(self, spool: Spool) -> None:
        """Nothing can be told of a run that nobody has come to tell of, or whose files are gone."""
        if not spool.identified:
            return
        self.joined = True
        if spool.program is None:
            await self.say("never")
            return
        await self.say(spool.identity)
        if spool.record is not None:
            await self.pour()
            await self.say(spool.record)
        else:
            await self.follow(spool, "")
            await self.guard(spool, "")

    async def follow(self, spool: Spool, rest: str) -> None:
        if self.following is None and spool.record is None:
            self.following = asyncio.create_task(self.pump(spool), name="follower")

    async def guard(self, spool: Spool, rest: str) -> None:
        spool.guard(float(self.values["limit"]))

    async def look(self, spool: Spool, rest: str) -> None:
        if not self.joined:
            await self.join(spool)
        elif spool.record is not None:
            await self.say(spool.record)

    async def stop(self, spool: Spool, rest: str) -> None:
        if spool.record is None:
            spool.why = rest
        await self.finish(spool, "")

    async def finish(self, spool: Spool, rest: str) -> None:
        await spool.finish()
        await self.say("alive")

    async def clear(self, spool: Spool, rest: str) -> None:
        clear(self.target, spool.id, keep=rest == "keep")
        self.channel.exit(0)

    async def pump(self, spool: Spool) -> None:
        """Output as it comes; its last bytes may come after the end was told."""
        assert spool.program is not None
        while True:
            changed = spool.program.changed
            await asyncio.sleep(self.latency)
            await self.pour()
            if spool.program.exit is None:
                await changed.wait()

    async def pour(self) -> None:
        assert self.spool is not None
        assert self.spool.program is not None
        for stream, produced in self.spool.program.produced.items():
            data = bytes(produced[self.told[stream] :])
            self.told[stream] += len(data)
            if data:
                await self.channel.send(stream, data)

    async def say(self, line: str) -> None:
        await self.channel.send("stdout", f"{self.values['nonce']} {line}\n".encode())


def clear(target: Target, id: str, *, keep: bool) -> None:
    """Remove its files, or all but the mark that it was begun."""
    target.spools.pop(id, None)
    if keep:
        target.spools[id] = Spool(id, None)
