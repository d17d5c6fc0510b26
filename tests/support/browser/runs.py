"""Runs for visitors to watch: a command that a test lets go on when it is ready."""

from dataclasses import dataclass
from pathlib import Path

from tests.support.service import Running

RUN = """mutation($command: String!) {
  runCommand(input: {serverId: 1, command: $command, wait: %d}) { execution { id } errors { message } }
}"""


@dataclass(frozen=True, slots=True)
class Gate:
    """What follows the gate in a command runs once it is open."""

    path: Path

    @property
    def closed(self) -> str:
        return f"while [ ! -e {self.path} ]; do sleep 0.05; done"

    def open(self) -> None:
        self.path.touch()


async def started(service: Running, command: str, *, wait: int = 0) -> str:
    """The id of a run of this command; with `wait`, one that is over."""
    found = await service.data(RUN % wait, command=command)
    assert found["runCommand"]["errors"] == []
    return str(found["runCommand"]["execution"]["id"])
