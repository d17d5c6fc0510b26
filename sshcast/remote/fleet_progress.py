"""Shows in one line on a terminal how far a fleet run has come."""

import sys
from dataclasses import dataclass, field

from sshcast.remote.following import Event
from sshcast.terminal import takes_sequences
from sshcast.words import choose

ENDED = ("SUCCESS", "FAILED", "TIMEOUT", "CANCELLED")
ERASE = "\r\x1b[K"


@dataclass(slots=True)
class FleetProgress:
    """The states of a fleet run's executions, as its events tell them. Only a terminal sees the line, on stderr."""

    size: int
    is_quiet: bool = False
    _states: dict[str, str] = field(default_factory=dict)

    def show(self, event: Event) -> bool:
        """Take an event in; tell whether it is the last of the fleet run."""
        if "executionId" in event:
            self._states[event["executionId"]] = event["state"]
        if self._can_draw():
            print(f"{ERASE}{self.format()}", end="", file=sys.stderr, flush=True)
        return bool(event["kind"] == "FLEET_RUN_ENDED")

    def clear(self) -> None:
        """Erase the line."""
        if self._can_draw():
            print(ERASE, end="", file=sys.stderr, flush=True)

    def format(self) -> str:
        states = list(self._states.values())
        done = sum(state in ENDED for state in states)
        failed = sum(state in ENDED and state != "SUCCESS" for state in states)
        running = states.count("RUNNING")
        return choose(
            f"{done} of {self.size} ended, {failed} did not succeed, {running} running",
            f"{self.size} 台中 {done} 台已结束，{failed} 台未成功，{running} 台正在执行",
        )

    def _can_draw(self) -> bool:
        return not self.is_quiet and takes_sequences(sys.stderr)
