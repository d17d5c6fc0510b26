"""The terms on which a task's slots become runs, as its owner chose them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from db.values import Missed, Overlap, Reason
from runner.cron.schedule import Dst

LONGEST_RETRY_DELAY = 6 * 3600
# A run that ended for one of these was never started on its target.
NEVER_STARTED = frozenset(
    {Reason.UNREACHABLE, Reason.AUTH_FAILED, Reason.HOST_KEY_UNKNOWN, Reason.HOST_KEY_CHANGED, Reason.START_FAILED}
)
RETRYABLE = NEVER_STARTED | {Reason.EXIT_STATUS, Reason.SIGNAL, Reason.TIMEOUT, Reason.LOST, Reason.OUTPUT_LIMIT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Overlap, missed runs, jitter, start deadline, retries and clock changes. Only what differs from this is kept.

    `retry_on` names the reasons of failure after which a run is tried again. By default that is only UNREACHABLE: the
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
    def of(cls, kept: Mapping[str, Any]) -> "Terms":
        """From a task's column. ValueError for a word that this version does not know."""
        if not kept:
            return DEFAULTS
        read: dict[str, Any] = {name: KINDS.get(name, _keep_as_is)(value) for name, value in kept.items()}
        return cls(**read)

    def dump(self) -> dict[str, Any]:
        """As a task's column."""
        found = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in found.items() if value != getattr(DEFAULTS, name)}

    def offset(self, task_id: int) -> timedelta:
        """How long after each slot the task is run: the same for a task always, spread evenly over tasks."""
        if self.jitter_seconds == 0:
            return timedelta()
        drawn = int.from_bytes(blake2b(str(task_id).encode(), digest_size=8).digest())
        return timedelta(seconds=drawn % self.jitter_seconds)

    def retry_delay(self, attempt: int) -> timedelta:
        """The wait after the n-th attempt failed: doubling, at most six hours."""
        return timedelta(seconds=min(LONGEST_RETRY_DELAY, self.retry_delay_seconds * 2 ** min(attempt - 1, 20)))


def _parse_reasons(values: Any) -> tuple[Reason, ...]:
    return tuple(Reason(value) for value in values)


def _keep_as_is(value: Any) -> Any:
    return value


KINDS: dict[str, Callable[[Any], Any]] = {"dst": Dst, "overlap": Overlap, "missed": Missed, "retry_on": _parse_reasons}
DEFAULTS = Terms()
