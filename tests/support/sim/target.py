"""A target in memory, for fault injection only: programs that print and end, and a network in which things go wrong."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from runner.ssh.protocol import Exit

PROGRAM = re.compile(r"program-(\d+)")


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


class Cuttable(Protocol):
    def cut(self) -> None: ...


@dataclass
class Target:
    """A server. `obstacle` is asked at each use of the network what goes wrong. `spools` are those of durable runs."""

    programs: dict[int, Program] = field(default_factory=dict)
    spools: dict[str, Any] = field(default_factory=dict)
    links: set[Cuttable] = field(default_factory=set)
    mode: str = "up"  # or "refuses", or "hangs"
    latency: float = 0.01
    uses: int = 0
    obstacle: Callable[[int], str | None] = lambda use: None

    def use(self) -> str | None:
        self.uses += 1
        return self.obstacle(self.uses)

    def cut(self) -> None:
        """Every connection breaks."""
        for link in tuple(self.links):
            link.cut()

    def kill_marked(self, mark: str) -> None:
        for program in self.programs.values():
            if program.mark == mark:
                program.kill("KILL")
