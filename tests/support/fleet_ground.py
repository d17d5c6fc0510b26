"""Many servers on one machine: one sshd at many loopback addresses, and some where nobody answers.

A fleet run over them does real SSH. Each start of its command leaves a line, so that none is missed or done twice.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from tests.support.ports import free_port
from tests.support.targets import Target, running_sshd

SSHD_LINES = ("MaxStartups 4000:30:4000", "MaxSessions 100", "LoginGraceTime 600")
FIRST = IPv4Address("127.1.0.1")
ODD = 3
AddServer = Callable[[Target], Awaitable[str]]

START = """mutation ($input: StartFleetRunInput!) { startFleetRun(input: $input) {
  fleetRun { id } errors { code message field } } }"""
SEE = """query ($id: ID!) { fleetRun(id: $id) { state endTime nextStartAt counts {
  size waiting refused notStarted pending running success failed timeout cancelled removed } } }"""
Ask = Callable[..., Awaitable[Any]]
"""Sends a GraphQL document with variables, and returns the data of the answer."""


@dataclass(slots=True)
class Ground:
    """`alive` servers answer; of the `dead`, every other one refuses and the rest accept and say nothing.

    `odd` are addresses whose answer differs from all others'. The command of `write_command` appends its address to
    `starts`.
    """

    folder: Path
    alive: list[Target]
    dead: list[Target]
    odd: list[str] = field(default_factory=list)

    @property
    def starts(self) -> Path:
        return self.folder / "starts"

    def write_command(self, seconds: float = 0) -> str:
        """A command that notes its start, and answers alike everywhere but at the odd addresses."""
        odd = "".join(f' {address}) echo "odd {number}" ;;' for number, address in enumerate(self.odd))
        pause = f"sleep {seconds}; " if seconds else ""
        return f'set -- $SSH_CONNECTION; echo "$3" >>{self.starts}; {pause}case $3 in{odd} *) echo alike ;; esac'

    def count_starts(self) -> Counter[str]:
        """How often the command was started at each address."""
        return Counter(self.starts.read_text().split()) if self.starts.exists() else Counter()


@contextmanager
def running_ground(folder: Path, alive: int, dead: int) -> Iterator[Ground]:
    """The servers, until the block ends."""
    (folder / "sshd").mkdir(parents=True)
    with running_sshd(folder / "sshd", *SSHD_LINES, address="0.0.0.0") as target, _accepting_in_silence() as silent:
        refusing = free_port()
        found = [replace(target, host=str(FIRST + number)) for number in range(alive + dead)]
        gone = [replace(each, port=(refusing, silent)[place % 2]) for place, each in enumerate(found[alive:])]
        odd = [each.host for each in found[: alive : max(1, alive // ODD)]][:ODD]
        yield Ground(folder, found[:alive], gone, odd)


@contextmanager
def _accepting_in_silence() -> Iterator[int]:
    """A port where the kernel completes every connection, and nobody ever says a word."""
    with socket.create_server(("0.0.0.0", 0), backlog=4096) as listener:
        yield listener.getsockname()[1]


async def add_all(ground: Ground, add: AddServer, at_once: int = 8) -> list[str]:
    """Add all servers; the ids of those that are alive come first."""
    turns = asyncio.Semaphore(at_once)

    async def add_one(target: Target) -> str:
        async with turns:
            return await add(target)

    return list(await asyncio.gather(*(add_one(target) for target in (*ground.alive, *ground.dead))))


async def start(ask: Ask, command: str, **more: Any) -> str:
    """Start a fleet run on every server, and return its id."""
    wanted = {"work": {"command": {"command": command}}, "selector": {"nameContains": ""}} | more
    payload = (await ask(START, input=wanted))["startFleetRun"]
    if payload["errors"]:
        raise RuntimeError(str(payload["errors"]))
    return str(payload["fleetRun"]["id"])


async def wait_for(ask: Ask, id: str, enough: Callable[[dict[str, Any]], bool], poll: float = 0.25) -> dict[str, Any]:
    """The fleet run once `enough` is true of it: its `state`, `endTime`, `nextStartAt` and `counts`."""
    while not enough(found := (await ask(SEE, id=id))["fleetRun"]):  # noqa: ASYNC110 - the service is another process
        await asyncio.sleep(poll)
    return dict(found)


def expect_successes(count: int) -> Callable[[dict[str, Any]], bool]:
    """A condition of `wait_for`: so many servers succeeded, or the fleet run has ended with fewer."""
    return lambda run: bool(run["counts"]["success"] >= count) or has_ended(run)


def is_in_pause(run: dict[str, Any]) -> bool:
    """Return whether the fleet run is between two batches, or has started the last one already."""
    return bool(run["nextStartAt"] or run["counts"]["waiting"] == 0)


def has_ended(run: dict[str, Any]) -> bool:
    return bool(run["state"] != "RUNNING")
