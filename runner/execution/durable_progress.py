"""The progress of a durable run: its location on the target, its start, and the output received."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.models import TaskExecution
from db.values import Reason, Stream
from runner.remote.program import StartMode
from runner.remote.wire import RunStream
from runner.ssh.protocol import ConnectFailed

MOST_FIRST_ATTEMPTS = 3
MOST_SHORT_READINGS = 3


@dataclass(slots=True, eq=False, kw_only=True)
class DurableProgress:
    """The progress of a durable run, as recorded in its row and seen by its driver.

    `spool` is the prefix of its files' names, `prefix` the same with their folder. `began` is the time of the first
    attempt, in seconds of the service's clock. `known` is set once the run surely started: a missing spool then means a
    lost run and never a first start. `recorded` is set once its row says so. `fresh` is set if no earlier driver
    attempted it. `failed_starts` counts the attempts that did not start the run in a shell that had answered; after
    one, the run is only prevented from starting. `had` is the number of bytes received before the last attempt.
    `short_readings` counts consecutive readings that ended early without new bytes. `is_clean` is set once the run has
    ended and all of its output was received. `restored` is set in a database that was restored: the time of its backup.
    """

    spool: str
    began: float
    timeout_seconds: int
    known: bool
    fresh: bool
    received: dict[Stream, int]
    prefix: str | None = None
    recorded: bool = False
    attempts: int = 0
    sent: bool = False
    had: int = 0
    short_readings: int = 0
    failed_starts: int = 0
    is_clean: bool = False
    restored: str | None = None

    @classmethod
    def load(cls, row: TaskExecution, received: dict[Stream, int], now: datetime) -> "DurableProgress":
        """Load the progress that an earlier driver recorded; without one the run is to be started."""
        remote = row.remote or {"spool": f"{row.id}-{secrets.token_hex(8)}.", "at": now.timestamp()}
        return cls(
            spool=remote["spool"],
            began=remote["at"],
            timeout_seconds=row.timeout_seconds,
            known="known" in remote or row.stdout_bytes + row.stderr_bytes > 0,
            recorded="known" in remote,
            fresh=row.remote is None,
            received=dict(received),
            prefix=remote.get("prefix"),
            restored=remote.get("restored"),
        )

    def dump(self) -> dict[str, Any]:
        """Return the columns to record before anything is started."""
        return {"spool": self.spool, "at": self.began}

    @property
    def is_first(self) -> bool:
        """True if this attachment is the only one that was ever sent to the target."""
        return self.fresh and self.attempts == 1

    @property
    def may_have_begun(self) -> bool:
        """True if something was sent to the target, by this runner or an earlier one."""
        return self.sent or not self.fresh

    @property
    def start_failed(self) -> bool:
        return self.failed_starts > 0

    @property
    def is_given_up(self) -> bool:
        """True if a second shell could not confirm that the run never begins, and nothing reported that it did."""
        return self.failed_starts > 1 and self.fresh and self.prefix is None

    def get_seconds_left(self, now: datetime) -> float:
        """The seconds until the time limit, counted from the first attempt."""
        return self.timeout_seconds - (now.timestamp() - self.began)

    def get_limit(self, now: datetime) -> int:
        """Return the time limit for the target, in seconds."""
        return self.timeout_seconds if self.is_first else max(1, round(self.get_seconds_left(now)))

    def choose_start(self, *, cancelled: bool) -> StartMode:
        """The start mode. A run that was cancelled before it surely started must not be started any more."""
        if self.known:
            return "known"
        return "never" if cancelled or self.start_failed else "start"

    def retries(self, error: ConnectFailed) -> bool:
        """True if another attempt is worthwhile. A run is not lost because its target gives no channel right now."""
        if self.may_have_begun:
            return error.passing or error.reason == Reason.START_FAILED
        return error.passing and self.attempts < MOST_FIRST_ATTEMPTS

    def count_attempt(self) -> None:
        self.attempts += 1
        self.had = sum(self.received.values())

    def mark_sent(self) -> None:
        self.sent = True

    def mark_clean(self) -> None:
        self.is_clean = True

    def keep_place(self, stream: RunStream) -> None:
        if stream.place is not None:
            self.prefix = stream.place.prefix
            self.known = self.known or stream.identity is not None

    def find_identity(self, stream: RunStream) -> dict[str, Any] | None:
        """Return the columns with the run's location and process identity, if they are known and not in its row."""
        if stream.place is None or stream.identity is None or self.recorded:
            return None
        return self.dump() | {"known": True, "prefix": self.prefix} | stream.identity.dump()

    def mark_recorded(self) -> None:
        self.recorded = True

    def count_short_reading(self) -> bool:
        """Count a reading that ended before all recorded bytes arrived. Return True if no further one is worthwhile."""
        self.short_readings = 0 if sum(self.received.values()) > self.had else self.short_readings + 1
        return self.short_readings >= MOST_SHORT_READINGS

    def start_unconfirmed(self, stream: RunStream) -> bool:
        """True if the channel's shell ended before it could make a spool, so that nothing was started."""
        return (
            self.is_first
            and stream.place is None
            and stream.channel_exit is not None
            and stream.channel_exit.status is not None
        )

    def fails_to_start(self, stream: RunStream) -> bool:
        """Return whether the shell ended before the run reported itself, or before it could start the run; count it."""
        if self.known or stream.refusal is not None or stream.identity is not None or stream.record is not None:
            return False
        is_over = stream.channel_exit is not None and stream.channel_exit.status is not None
        has_failed = (
            is_over if stream.place is not None and stream.place.fresh else stream.place is None and not stream.is_cut
        )
        self.failed_starts += has_failed
        return has_failed
