"""The terms by which a task's slots become runs, as its owner chose them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from db.values import Missed, Overlap, Reason
from runner.cron.schedule import Dst

LONGEST_RETRY_DELAY = 6 * 3600
# A run that failed for one of these reasons never started on its target.
NEVER_STARTED = frozenset(
    {Reason.UNREACHABLE, Reason.AUTH_FAILED, Reason.HOST_KEY_UNKNOWN, Reason.HOST_KEY_CHANGED, Reason.START_FAILED}
)
RETRYABLE = NEVER_STARTED | {Reason.EXIT_STATUS, Reason.SIGNAL, Reason.TIMEOUT, Reason.LOST, Reason.OUTPUT_LIMIT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Overlap, missed runs, jitter, start deadline, retries and clock changes. Only values other than these are stored.

    `retry_on` names the reasons of failure after which a run is retried. By default that is only UNREACHABLE: the
    command cannot have started.
    """

    dst: Dst = Dst.VIXIE
    overlap: Overlap = Overlap.ALLOW
    missed: Missed = Missed.LATEST
    missed_cap: int = 100
    missed_window_seconds: int = 86_400
    jitter_seconds: int = 0
    start_deadline_seconds: int | None = None
    retry_limit: int = 0
    retry_delay_seconds: int = 30
    retry_on: tuple[Reason, ...] = (Reason.UNREACHABLE,)

    @classmethod
    def of(cls, column: Mapping[str, Any]) -> "Terms":
        """Read a task's column. Raises ValueError for a word that this version does not know."""
        if not column:
            return DEFAULTS
        read: dict[str, Any] = {name: KINDS.get(name, _pass_as_is)(value) for name, value in column.items()}
        return cls(**read)

    def dump(self) -> dict[str, Any]:
        """Return the value for the task's column."""
        found = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in found.items() if value != getattr(DEFAULTS, name)}

    def offset(self, task_id: int) -> timedelta:
        """Return the delay after each slot: always the same for a task, evenly spread over tasks."""
        if self.jitter_seconds == 0:
            return timedelta()
        drawn = int.from_bytes(blake2b(str(task_id).encode(), digest_size=8).digest())
        return timedelta(seconds=drawn % self.jitter_seconds)

    def retry_delay(self, attempt: int) -> timedelta:
        """Return the delay after the n-th failed attempt: doubling, at most six hours."""
        return timedelta(seconds=min(LONGEST_RETRY_DELAY, self.retry_delay_seconds * 2 ** min(attempt - 1, 20)))


def _parse_reasons(values: Any) -> tuple[Reason, ...]:
    return tuple(Reason(value) for value in values)


def _pass_as_is(value: Any) -> Any:
    return value


KINDS: dict[str, Callable[[Any], Any]] = {"dst": Dst, "overlap": Overlap, "missed": Missed, "retry_on": _parse_reasons}
DEFAULTS = Terms()
