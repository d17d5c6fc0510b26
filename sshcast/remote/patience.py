"""Waits for a service that is away: each time a little longer, and not for ever."""

import time
from dataclasses import dataclass, field

from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.words import choose

LONGEST_ABSENCE = 600.0
FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0
# What passes by itself: the service's database is away, it does not know what became of a request, or it is busy.
PASSING = frozenset({"UNAVAILABLE", "OUTCOME_UNKNOWN", "RATE_LIMITED"})


@dataclass(slots=True)
class Patience:
    """How long one service has been away. `seconds`: after how long without any contact to give up."""

    notes: Notes
    seconds: float = LONGEST_ABSENCE
    _since: float | None = None
    _delay: float = field(default=FIRST_DELAY)

    def meet(self) -> None:
        """Note that the service answers."""
        if self._since is not None:
            self.notes.say(choose("connected again", "已重新连接"), "dim")
        self._since, self._delay = None, FIRST_DELAY

    def wait(self, lost: CommandFailed, advice: str) -> None:
        """Wait before the next try; the first time say that it waits, and after too long raise CommandFailed."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
            self.notes.say(_format_waiting(lost, self.seconds), "yellow")
        if now - self._since >= self.seconds:
            raise CommandFailed(
                choose(
                    f"{lost}; there was no answer for {self.seconds:.0f} s: {advice}",
                    f"{lost}；{self.seconds:.0f} 秒内没有应答：{advice}",
                )
            ) from None
        time.sleep(min(self._delay, max(0.0, self._since + self.seconds - now)))
        self._delay = min(2 * self._delay, LONGEST_DELAY)


def _format_waiting(lost: CommandFailed, seconds: float) -> str:
    return choose(
        f"{lost}; waiting for the service, for {seconds:.0f} s at most",
        f"{lost}；正在等待服务，最多 {seconds:.0f} 秒",
    )
