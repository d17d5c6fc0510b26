"""Decides a task's due slots from the task, its terms and the time alone, without the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from db.models import Task
from db.schedule_mode import ScheduleMode
from db.values import Missed, Overlap, SlotOutcome
from runner.cron import schedule as cron_schedule
from runner.cron.schedule import Due, Note, Schedule
from runner.scheduling import blackout
from runner.scheduling.terms import Terms

ON_TIME = timedelta(seconds=60)
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class SlotDecision:
    """One slot's outcome and reason. With `waits`, it runs after earlier runs of its task, as missed slots do."""

    slot: datetime
    outcome: SlotOutcome
    reason: str | None = None
    note: Note | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions for the slots due by now, earliest first, and the next due moment."""

    decisions: list[SlotDecision]
    next_run: datetime | None


@dataclass(frozen=True, slots=True)
class DueTask:
    """A due task with everything that its slots are decided by.

    `by_slot`: a slot is due when its own time has come, although its jitter may not be over.
    """

    task: Task
    terms: Terms
    schedule: Schedule
    windows: Sequence[Mapping[str, Any]]
    now: datetime
    by_slot: bool = False

    @classmethod
    def of(cls, task: Task, windows: Sequence[Mapping[str, Any]], now: datetime, *, by_slot: bool = False) -> "DueTask":
        """Raises ValueError if this version cannot read the task's schedule or terms."""
        terms = Terms.of(task.terms)
        schedule = cron_schedule.parse_stored(task.cron_expr, task.timezone, terms.dst)
        return cls(task, terms, schedule, windows, now, by_slot)

    @property
    def offset(self) -> timedelta:
        return self.terms.offset(self.task.id)

    def plan(self) -> Plan:
        """Return at most MOST_AT_ONCE decisions; if more slots are due, `next_run` is the first of the rest."""
        if self.task.next_run is None:
            return Plan([], None)
        dues, following = self._list_due(self.task.next_run - self.offset)
        at_present = following is None or not self._is_due(following)
        catch_up_from = self._find_first_to_run(dues, following)
        decisions = [
            self._decide(due, latest=at_present and due is dues[-1], may_catch_up=due.at >= catch_up_from)
            for due in dues
        ]
        if self.terms.missed == Missed.ALL and len(decisions) > 1:
            decisions = self._put_in_turn(decisions, has_latest=at_present)
        return Plan(decisions, None if following is None else following.at + self.offset)

    def _is_due(self, due: Due) -> bool:
        return due.at + (timedelta() if self.by_slot else self.offset) <= self.now

    def _put_in_turn(self, decisions: list[SlotDecision], *, has_latest: bool) -> list[SlotDecision]:
        """If all missed slots run without overlap, order them so that the newest slot is not lost to older ones."""
        if self.terms.overlap == Overlap.SKIP and (present := self._find_present(decisions[-1].slot)) is not None:
            return [_give_way(decision, present) for decision in decisions]
        if self.terms.overlap in (Overlap.SKIP, Overlap.QUEUE) and has_latest:
            behind_others = any(decision.outcome.has_run for decision in decisions[:-1])
            return [*decisions[:-1], replace(decisions[-1], waits=behind_others)]
        return decisions

    def _find_present(self, known: datetime) -> datetime | None:
        """Return the latest slot that is on time and runs: `known`, which is a slot, or one after it; else None."""
        latest, since = None, self.now - self.offset - ON_TIME
        due: Due | None = Due(known) if known >= since else self._find_first_since(since, known)
        while due is not None and self._is_due(due):
            latest, due = due, self.schedule.find_next(due.at)
        return (
            None
            if latest is None or not self._decide(latest, latest=True, may_catch_up=True).outcome.has_run
            else latest.at
        )

    def _find_first_since(self, since: datetime, known: datetime) -> Due | None:
        """Return the first slot at or after `since`, which is later than the slot `known`."""
        if self.schedule.kind == "every":
            step = timedelta(seconds=self.schedule.seconds)
            return Due(known - step * ((known - since) // step))
        return self.schedule.find_next(since - timedelta.resolution)

    def _list_due(self, first: datetime) -> tuple[list[Due], Due | None]:
        dues: list[Due] = []
        following: Due | None = self.schedule.find_due(first)
        while following is not None and self._is_due(following) and len(dues) < MOST_AT_ONCE:
            dues.append(following)
            following = self.schedule.find_next(following.at)
        return dues, following

    def _find_first_to_run(self, dues: list[Due], following: Due | None) -> datetime:
        """Return the moment from which missed slots run, by the task's terms."""
        if self.terms.missed != Missed.ALL or self.terms.overlap == Overlap.REPLACE or not dues:
            return self.now
        remaining = self.terms.missed_cap
        while remaining > 0 and following is not None and self._is_due(following):
            remaining, following = remaining - 1, self.schedule.find_next(following.at)
        opened = self.now - timedelta(seconds=self.terms.missed_window_seconds)
        return max(opened, dues[-remaining:][0].at) if remaining > 0 else self.now

    def _decide(self, due: Due, *, latest: bool, may_catch_up: bool) -> SlotDecision:
        if due.note == Note.SKIPPED:
            return SlotDecision(due.at, SlotOutcome.SKIPPED_DST, _explain_gap(due, self.task.timezone), due.note)
        held = self._find_hold(due)
        if _is_shadowed(self.task, due.at):
            why = None if held is None else f"it would not have run: {held[1]}"
            return SlotDecision(due.at, SlotOutcome.SHADOWED, why, due.note)
        if held is not None:
            return SlotDecision(due.at, *held, due.note)
        outcome, reason = self._decide_by_lateness(due, latest=latest, may_catch_up=may_catch_up)
        if outcome.has_run and (window := blackout.find_covering(self.windows, self.now)) is not None:
            return SlotDecision(due.at, SlotOutcome.SKIPPED_BLACKOUT, explain_blackout(window), due.note)
        if outcome == SlotOutcome.FIRED and due.note == Note.MOVED:
            return SlotDecision(due.at, SlotOutcome.MOVED_BY_DST, _explain_gap(due, self.task.timezone), due.note)
        return SlotDecision(due.at, outcome, reason, due.note, waits=not latest)

    def _find_hold(self, due: Due) -> tuple[SlotOutcome, str] | None:
        """Return SKIPPED_PAUSED or SKIPPED_BLACKOUT and the reason if one applied when the slot was due."""
        begun, until = self.task.paused_at, self.task.paused_until
        if begun is not None and (until is None or due.at < until) and (begun <= due.at or self._is_paused_now):
            end = f" until {until:%Y-%m-%d %H:%M:%S} UTC" if until is not None else ""
            return SlotOutcome.SKIPPED_PAUSED, f"the task was paused at {begun:%Y-%m-%d %H:%M:%S} UTC{end}"
        window = blackout.find_covering(self.windows, due.at + self.offset)
        return None if window is None else (SlotOutcome.SKIPPED_BLACKOUT, explain_blackout(window))

    @property
    def _is_paused_now(self) -> bool:
        return is_paused(self.task, self.now)

    def _decide_by_lateness(self, due: Due, *, latest: bool, may_catch_up: bool) -> tuple[SlotOutcome, str | None]:
        """Return whether the slot fires on time, is caught up, or is missed, and the reason."""
        late = self.now - (due.at + self.offset)
        deadline = self.terms.start_deadline_seconds
        if deadline is not None and late.total_seconds() > deadline:
            return SlotOutcome.MISSED, f"{_format_lateness(late)}; its start deadline was {deadline} s"
        if latest and late <= ON_TIME:
            return SlotOutcome.FIRED, None
        missed = self.terms.missed
        if (missed == Missed.ALL and may_catch_up) or (missed != Missed.SKIP and latest):
            return SlotOutcome.CAUGHT_UP, _format_lateness(late)
        return SlotOutcome.MISSED, f"{_format_lateness(late)}; {self._explain_missed()}"

    def _explain_missed(self) -> str:
        if self.terms.missed == Missed.SKIP:
            return "missed slots of this task are not run"
        if self.terms.missed == Missed.LATEST or self.terms.overlap == Overlap.REPLACE:
            return "of this task's missed slots only the latest is run"
        return (
            f"of this task's missed slots the newest {self.terms.missed_cap} of the last "
            f"{self.terms.missed_window_seconds} s are run"
        )


def _give_way(decision: SlotDecision, present: datetime) -> SlotDecision:
    if decision.outcome != SlotOutcome.CAUGHT_UP or decision.slot >= present:
        return decision
    why = f"it gives way to the slot of {present:%Y-%m-%d %H:%M:%S} UTC, which is on time"
    return replace(decision, outcome=SlotOutcome.SKIPPED_OVERLAP, reason=f"{decision.reason}; {why}")


def is_paused(task: Task, now: datetime) -> bool:
    return task.paused_at is not None and (task.paused_until is None or now < task.paused_until)


def _is_shadowed(task: Task, slot: datetime) -> bool:
    """Return whether a slot is not for us to run: the task is in shadow, or was when the slot was due."""
    if task.schedule_mode == ScheduleMode.SHADOW:
        return True
    return task.schedule_mode_since is not None and slot <= task.schedule_mode_since


def _format_lateness(late: timedelta) -> str:
    return f"decided {max(0, round(late.total_seconds()))} s after it was due"


def _explain_gap(due: Due, zone: str) -> str:
    skipped = "" if due.wanted is None else f"{due.wanted:%Y-%m-%d %H:%M:%S} "
    return f"{skipped}does not exist in {zone}: clocks were set forward"


def explain_blackout(window: blackout.Blackout) -> str:
    why = f" ({window.reason})" if window.reason else ""
    return f"the server has a blackout window{why} until {window.until:%Y-%m-%d %H:%M:%S} UTC"
