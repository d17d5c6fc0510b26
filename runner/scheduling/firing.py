"""Fires due tasks: one transaction writes the ledger entries, the executions and each task's new `next_run`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from db import due, executions, slots, transitions
from db.models import Task, TaskExecution
from db.values import Overlap, SlotOutcome, Trigger
from runner.admission.authorization import acting_for, find_blocked
from runner.admission.decision import Decider, PolicyDecision
from runner.cron.schedule import ScheduleError
from runner.log import get_logger
from runner.observer import DecidedSlot
from runner.scheduling.fleet_slots import FleetStarted, load_unfinished, start_fleet_run
from runner.scheduling.slots import ON_TIME, DueTask, Plan, SlotDecision
from runner.scheduling.terms import Terms

log = get_logger()

BATCH = 200
MOST_SLOTS = 1000


@dataclass(slots=True)
class FiringResult:
    """Counts of one transaction: tasks handled, slots decided, runs started.

    Also whether a run was asked to stop, whether a fleet run was made, and each slot's outcome for the observer.
    """

    tasks: int = 0
    decided: int = 0
    started: int = 0
    cancelled: bool = False
    fleets: bool = False
    slots: list[DecidedSlot] = field(default_factory=list)


@dataclass(slots=True)
class LedgerEntry:
    """A slot's decision before it is written; `becomes` is the outcome of a waiting slot once it starts."""

    task: Task
    terms: Terms
    decision: SlotDecision
    outcome: SlotOutcome
    reason: str | None
    becomes: SlotOutcome | None = None
    policy_decision: PolicyDecision | None = None
    fleet_run_id: int | None = None

    @property
    def fires_at(self) -> datetime:
        """The moment at which the slot's run is to start, jitter included."""
        return self.decision.slot + self.terms.offset(self.task.id)

    @property
    def judged(self) -> dict[str, Any]:
        """The columns of the policy's decision."""
        return {} if self.policy_decision is None else self.policy_decision.build_columns()


@dataclass(slots=True)
class FiringBatch:
    """The due tasks of one transaction, and the ledger entries that their plans lead to."""

    conn: Connection
    now: datetime
    decider: Decider
    entries: list[LedgerEntry] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    fired: FiringResult = field(default_factory=FiringResult)

    def add(self, task: Task, plan: Plan, terms: Terms) -> None:
        last_run = self.now if any(decision.outcome.has_run for decision in plan.decisions) else task.last_run
        self.runs.append({"task": task.id, "next": plan.next_run, "last": last_run})
        self.entries.extend(
            LedgerEntry(task, terms, decision, decision.outcome, decision.reason) for decision in plan.decisions
        )

    def write(self) -> FiringResult:
        """Decide what depends on other runs, then write everything."""
        self._leave_out_known()
        self._refuse()
        self._apply_overlap()
        self._start_fleet_runs()
        running = [entry for entry in self.entries if entry.outcome.has_run and entry.task.selector is None]
        ids = slots.insert_executions(self.conn, [_build_fired_execution(entry, self.now) for entry in running])
        keys = [(entry.task.id, entry.decision.slot) for entry in self.entries]
        slots.record(
            self.conn,
            [_build_ledger_row(entry, ids.get(key), self.now) for entry, key in zip(self.entries, keys, strict=True)],
        )
        due.advance(self.conn, self.runs)
        self.fired.slots = [DecidedSlot(entry.outcome, entry.fires_at) for entry in self.entries]
        self.fired.tasks, self.fired.decided, self.fired.started = len(self.runs), len(self.entries), len(ids)
        return self.fired

    def _start_fleet_runs(self) -> None:
        for entry in self.entries:
            if entry.outcome.has_run and entry.task.selector is not None:
                made = start_fleet_run(self.conn, entry.task, entry.decision.slot, self.now, entry.judged)
                if isinstance(made, FleetStarted):
                    entry.fleet_run_id, self.fired.fleets = made.id, True
                else:
                    entry.outcome, entry.reason = SlotOutcome.SKIPPED_SERVER, made.reason

    def _leave_out_known(self) -> None:
        """Drop slots that the ledger holds: the clock was set back, or the schedule changed and changed back."""
        latest = slots.load_latest(self.conn, {entry.task.id for entry in self.entries})
        first = {entry.task.id: entry.decision.slot for entry in reversed(self.entries)}
        last = {entry.task.id: entry.decision.slot for entry in self.entries}
        known: set[slots.SlotKey] = set()
        for id, slot in first.items():
            if id in latest and latest[id] >= slot:
                known |= slots.list_between(self.conn, id, slot, last[id])
        self.entries = [entry for entry in self.entries if (entry.task.id, entry.decision.slot) not in known]

    def _refuse(self) -> None:
        running = [entry for entry in self.entries if entry.outcome.has_run]
        tasks = {entry.task.id: entry.task for entry in running}
        held = find_blocked(self.conn, tasks.values())
        policy_decisions = self.decider(self.conn, [task for id, task in tasks.items() if id not in held])
        for entry in running:
            entry.policy_decision = policy_decisions.get(entry.task.id)
            if entry.task.id in held:
                entry.outcome, entry.reason = held[entry.task.id]
            elif entry.policy_decision is not None and (why := entry.policy_decision.refusal) is not None:
                entry.outcome, entry.reason = SlotOutcome.REFUSED_BY_POLICY, why

    def _apply_overlap(self) -> None:
        """Apply the overlap term to each task that has one."""
        restricted = [entry for entry in self.entries if entry.outcome.has_run and entry.terms.overlap != Overlap.ALLOW]
        if not restricted:
            return
        tasks = {entry.task.id: entry.task for entry in restricted}
        unfinished, waiting = load_unfinished(self.conn, tasks.values()), slots.list_waiting(self.conn, tasks)
        for entry in restricted:
            id = entry.task.id
            self._decide_overlap(entry, unfinished.setdefault(id, []), waiting.setdefault(id, []))

    def _decide_overlap(self, entry: LedgerEntry, unfinished: list[int], waiting: list[int]) -> None:
        """Decide one entry. If it starts or waits, it is added to the list, as 0 since it has no id yet."""
        overlap = entry.terms.overlap
        if not unfinished and not waiting:
            unfinished.append(0)
        elif overlap == Overlap.REPLACE:
            self._replace(entry, unfinished, waiting)
        elif entry.decision.waits or (overlap == Overlap.QUEUE and not waiting):
            _postpone(entry, f"waits for {_format_executions(unfinished)} to end")
            waiting.append(0)
        else:
            entry.outcome = SlotOutcome.SKIPPED_OVERLAP
            entry.reason = (
                "another slot waits already" if waiting else f"{_format_executions(unfinished)} had not ended"
            )

    def _replace(self, entry: LedgerEntry, unfinished: list[int], waiting: list[int]) -> None:
        for id in waiting:
            values = {"outcome": SlotOutcome.SKIPPED_OVERLAP, "reason": "a later slot took its place", "open": False}
            slots.update_open(self.conn, id, values | {"decided_at": self.now})
        asked = {id: transitions.request_cancel(self.conn, id, self.now) for id in unfinished if id}
        going = [id for id, answer in asked.items() if answer == "requested"]
        self.fired.cancelled = bool(asked)
        waiting.clear()
        if going:
            _postpone(entry, f"waits for {_format_executions(going)}, which it replaces, to be gone")
            waiting.append(0)


def fire_due(conn: Connection, now: datetime, decider: Decider) -> FiringResult:
    """Decide the slots due at `now` of a batch of tasks, or of fewer where some have a long backlog."""
    return fire_tasks(conn, due.lock_due(conn, now, BATCH, late=now - ON_TIME), now, decider)


def settle(conn: Connection, task_id: int, now: datetime, decider: Decider) -> FiringResult:
    """Decide the due slots of one task before its schedule changes. Its row stays locked until the transaction ends."""
    held = [task for task in due.lock_available(conn, [task_id]) if task.enabled and task.deleted_at is None]
    return fire_tasks(conn, [task for task in held if task.next_run is not None and task.next_run <= now], now, decider)


def fire_tasks(
    conn: Connection, tasks: list[Task], now: datetime, decider: Decider, *, by_slot: bool = False
) -> FiringResult:
    """Decide the due slots of these tasks, whose rows are locked. `by_slot`: also those whose jitter is not over."""
    windows = due.load_blackouts(conn, [task.server_id for task in tasks]) if tasks else {}
    batch, planned = FiringBatch(conn, now, decider), 0
    for task in tasks:
        if planned >= MOST_SLOTS:
            break
        plan, terms = plan_or_stop(task, windows.get(task.server_id, []), now, by_slot=by_slot)
        batch.add(task, plan, terms)
        planned += len(plan.decisions)
    return batch.write() if tasks else batch.fired


def plan_or_stop(task: Task, windows: list[dict[str, Any]], now: datetime, *, by_slot: bool) -> tuple[Plan, Terms]:
    """Return the task's plan. A task with an unreadable schedule is stopped and its ledger says why: others go on."""
    try:
        subject = DueTask.of(task, windows, now, by_slot=by_slot)
        return subject.plan(), subject.terms
    except Exception as error:
        why = error.message_en if isinstance(error, ScheduleError) else f"{type(error).__name__}: {error}"
        log.error("a task's schedule cannot be read: it is stopped", task=task.id, error=why)
        reason = f"this version of sshcast cannot read its schedule ({why}): correct it to go on"
        slot = task.next_run or now
        return Plan([SlotDecision(slot, SlotOutcome.UNREADABLE, reason)], None), Terms()


def _postpone(entry: LedgerEntry, reason: str) -> None:
    entry.outcome, entry.becomes, entry.reason = SlotOutcome.WAITING, entry.outcome, join_reasons(entry.reason, reason)


def join_reasons(*reasons: str | None) -> str:
    return "; ".join(reason for reason in reasons if reason)


def _format_executions(ids: Iterable[int]) -> str:
    known = [str(id) for id in ids if id]
    return f"execution {', '.join(known)}" if known else "the run before"


def _build_fired_execution(entry: LedgerEntry, now: datetime) -> dict[str, Any]:
    return build_pending_execution(entry.task, entry.decision.slot, now) | entry.judged


def build_pending_execution(task: Task, slot: datetime, now: datetime) -> dict[str, Any]:
    """Return the columns of a pending execution of the task."""
    wanted = executions.copy_from_task(task) | {"slot": slot}
    return executions.build_pending(wanted, trigger=Trigger.SCHEDULE, at=now, user_id=acting_for(task))


def _build_ledger_row(entry: LedgerEntry, execution_id: int | None, now: datetime) -> dict[str, Any]:
    terms, runs = entry.terms, entry.outcome.has_run or entry.outcome == SlotOutcome.WAITING
    deadline = terms.start_deadline_seconds if runs else None
    retries = terms.retry_limit if runs else 0
    return {
        "task_id": entry.task.id,
        "slot": entry.decision.slot,
        "outcome": entry.outcome,
        "note": entry.decision.note,
        "reason": entry.reason,
        "execution_id": execution_id,
        "fleet_run_id": entry.fleet_run_id,
        "decided_at": now,
        "becomes": entry.becomes,
        "open": entry.outcome == SlotOutcome.WAITING or retries > 0 or deadline is not None,
        "retries_left": retries,
        "retry_at": None,
        "start_by": None if deadline is None else entry.fires_at + timedelta(seconds=deadline),
    }


def build_once_row(task: Task, run: TaskExecution) -> dict[str, Any]:
    """Return the ledger entry of `@once`, whose single slot is the moment of its creation."""
    return _build_ledger_row(_build_once_entry(task, run.created_at, SlotOutcome.FIRED), run.id, run.created_at)


def build_shadowed_once_row(task: Task) -> dict[str, Any]:
    """Return the ledger entry of `@once` in shadow, which starts nothing."""
    return _build_ledger_row(_build_once_entry(task, task.created_at, SlotOutcome.SHADOWED), None, task.created_at)


def _build_once_entry(task: Task, at: datetime, outcome: SlotOutcome) -> LedgerEntry:
    return LedgerEntry(task, Terms.of(task.terms), SlotDecision(at, outcome), outcome, None)
