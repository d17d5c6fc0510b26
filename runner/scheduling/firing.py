"""Firing: one transaction writes the ledger's lines, the executions and each task's new `next_run`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection

from db import due, slots, transitions
from db.models import Task, TaskExecution
from db.values import Overlap, SlotOutcome, State, Trigger
from runner.admission.authorization import acting_for, find_blocked
from runner.admission.decision import Decider, PolicyDecision
from runner.cron.schedule import ScheduleError
from runner.scheduling.slots import ON_TIME, DueTask, Plan, SlotDecision
from runner.scheduling.terms import Terms

log = structlog.get_logger()

BATCH = 200
MOST_SLOTS = 1000


@dataclass(slots=True)
class FiringResult:
    """What one transaction did: tasks looked at, slots decided, runs made, and whether it asked any run to stop."""

    tasks: int = 0
    decided: int = 0
    started: int = 0
    cancelled: bool = False


@dataclass(slots=True)
class LedgerEntry:
    """A decision on its way into the ledger: what it will be, and the execution's trigger if it starts one."""

    task: Task
    terms: Terms
    decision: SlotDecision
    outcome: SlotOutcome
    reason: str | None
    becomes: SlotOutcome | None = None
    ruling: PolicyDecision | None = None


@dataclass(slots=True)
class FiringBatch:
    """The tasks that are due, their plans, and the lines they come to."""

    conn: Connection
    now: datetime
    decider: Decider
    lines: list[LedgerEntry] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    fired: FiringResult = field(default_factory=FiringResult)

    def add(self, task: Task, plan: Plan, terms: Terms) -> None:
        last_run = self.now if any(decision.outcome.has_run for decision in plan.decisions) else task.last_run
        self.runs.append({"task": task.id, "next": plan.next_run, "last": last_run})
        self.lines.extend(
            LedgerEntry(task, terms, decision, decision.outcome, decision.reason) for decision in plan.decisions
        )

    def write(self) -> FiringResult:
        """Decide what depends on others' runs, then write everything."""
        self._leave_out_known()
        self._refuse()
        self._apply_overlap()
        ids = slots.insert_executions(
            self.conn, [_build_fired_execution(line, self.now) for line in self.lines if line.outcome.has_run]
        )
        keys = [(line.task.id, line.decision.slot) for line in self.lines]
        slots.record(
            self.conn,
            [_build_ledger_row(line, ids.get(key), self.now) for line, key in zip(self.lines, keys, strict=True)],
        )
        due.advance(self.conn, self.runs)
        self.fired.tasks, self.fired.decided, self.fired.started = len(self.runs), len(self.lines), len(ids)
        return self.fired

    def _leave_out_known(self) -> None:
        """A slot that is in the ledger was decided: the clock was set back, or the schedule was changed to and fro."""
        latest = slots.load_latest(self.conn, {line.task.id for line in self.lines})
        first = {line.task.id: line.decision.slot for line in reversed(self.lines)}
        last = {line.task.id: line.decision.slot for line in self.lines}
        known: set[slots.SlotKey] = set()
        for id, slot in first.items():
            if id in latest and latest[id] >= slot:
                known |= slots.list_between(self.conn, id, slot, last[id])
        self.lines = [line for line in self.lines if (line.task.id, line.decision.slot) not in known]

    def _refuse(self) -> None:
        running = [line for line in self.lines if line.outcome.has_run]
        tasks = {line.task.id: line.task for line in running}
        held = find_blocked(self.conn, tasks.values())
        rulings = self.decider(self.conn, [task for id, task in tasks.items() if id not in held])
        for line in running:
            line.ruling = rulings.get(line.task.id)
            if line.task.id in held:
                line.outcome, line.reason = held[line.task.id]
            elif line.ruling is not None and (why := line.ruling.refusal) is not None:
                line.outcome, line.reason = SlotOutcome.REFUSED_BY_POLICY, why

    def _apply_overlap(self) -> None:
        """Hold the overlap rule of each task that has one."""
        ruled = [line for line in self.lines if line.outcome.has_run and line.terms.overlap != Overlap.ALLOW]
        if not ruled:
            return
        tasks = {line.task.id for line in ruled}
        unfinished, waiting = slots.list_open_executions(self.conn, tasks), slots.list_waiting(self.conn, tasks)
        for line in ruled:
            id = line.task.id
            self._decide_overlap(line, unfinished.setdefault(id, []), waiting.setdefault(id, []))

    def _decide_overlap(self, line: LedgerEntry, unfinished: list[int], waiting: list[int]) -> None:
        """One line in turn. What it starts or lets wait is added to the lists, as 0 while it has no id."""
        overlap = line.terms.overlap
        if not unfinished and not waiting:
            unfinished.append(0)
        elif overlap == Overlap.REPLACE:
            self._replace(line, unfinished, waiting)
        elif line.decision.waits or (overlap == Overlap.QUEUE and not waiting):
            _postpone(line, f"waits for {_format_executions(unfinished)} to end")
            waiting.append(0)
        else:
            line.outcome = SlotOutcome.SKIPPED_OVERLAP
            line.reason = "another slot waits already" if waiting else f"{_format_executions(unfinished)} had not ended"

    def _replace(self, line: LedgerEntry, unfinished: list[int], waiting: list[int]) -> None:
        for id in waiting:
            values = {"outcome": SlotOutcome.SKIPPED_OVERLAP, "reason": "a later slot took its place", "open": False}
            slots.update_open(self.conn, id, values | {"decided_at": self.now})
        asked = {id: transitions.request_cancel(self.conn, id, self.now) for id in unfinished if id}
        going = [id for id, answer in asked.items() if answer == "requested"]
        self.fired.cancelled = bool(asked)
        waiting.clear()
        if going:
            _postpone(line, f"waits for {_format_executions(going)}, which it replaces, to be gone")
            waiting.append(0)


def fire_due(conn: Connection, now: datetime, decider: Decider) -> FiringResult:
    """Decide what is due at `now`: a batch of tasks, or fewer where some have a long backlog."""
    return fire(conn, due.lock_due(conn, now, BATCH, late=now - ON_TIME), now, decider)


def settle(conn: Connection, task_id: int, now: datetime, decider: Decider) -> FiringResult:
    """Decide what of one task is due before its schedule is changed. The task is held until the transaction ends."""
    held = [task for task in due.lock_available(conn, [task_id]) if task.enabled and task.deleted_at is None]
    return fire(conn, [task for task in held if task.next_run is not None and task.next_run <= now], now, decider)


def fire(conn: Connection, tasks: list[Task], now: datetime, decider: Decider) -> FiringResult:
    windows = due.load_blackouts(conn, [task.server_id for task in tasks]) if tasks else {}
    batch, planned = FiringBatch(conn, now, decider), 0
    for task in tasks:
        if planned >= MOST_SLOTS:
            break
        plan, terms = _plan_or_stop(task, windows.get(task.server_id, []), now)
        batch.add(task, plan, terms)
        planned += len(plan.decisions)
    return batch.write() if tasks else batch.fired


def _plan_or_stop(task: Task, windows: list[dict[str, Any]], now: datetime) -> tuple[Plan, Terms]:
    """The task's plan. One that cannot be read is stopped, with a line that says why: it holds up no other."""
    try:
        subject = DueTask.of(task, windows, now)
        return subject.plan(), subject.terms
    except Exception as error:
        why = error.message_en if isinstance(error, ScheduleError) else f"{type(error).__name__}: {error}"
        log.error("a task's schedule cannot be read: it is stopped", task=task.id, error=why)
        reason = f"this version of sshcast cannot read its schedule ({why}): correct it to go on"
        slot = task.next_run or now
        return Plan([SlotDecision(slot, SlotOutcome.UNREADABLE, reason)], None), Terms()


def _postpone(line: LedgerEntry, reason: str) -> None:
    line.outcome, line.becomes, line.reason = SlotOutcome.WAITING, line.outcome, join_reasons(line.reason, reason)


def join_reasons(*reasons: str | None) -> str:
    return "; ".join(reason for reason in reasons if reason)


def _format_executions(ids: Iterable[int]) -> str:
    known = [str(id) for id in ids if id]
    return f"execution {', '.join(known)}" if known else "the run before"


def _build_fired_execution(line: LedgerEntry, now: datetime) -> dict[str, Any]:
    return build_pending_execution(line.task, line.decision.slot, now) | (
        line.ruling.build_columns() if line.ruling is not None else {}
    )


def build_pending_execution(task: Task, slot: datetime, now: datetime) -> dict[str, Any]:
    """A pending execution of the task as it stands."""
    return {
        "task_id": task.id,
        "server_id": task.server_id,
        "command": task.command,
        "shell": task.shell,
        "env": task.env,
        "secret_env": task.secret_env,
        "sealed_env": task.sealed_env or None,
        "working_dir": task.working_dir,
        "timeout_seconds": task.timeout_seconds,
        "output_limit": task.output_limit,
        "mode": task.run_mode,
        "trigger": Trigger.SCHEDULE,
        "slot": slot,
        "attempt": 1,
        "fence": 0,
        "state": State.PENDING,
        "created_at": now,
        "created_by": acting_for(task),
    }


def _build_ledger_row(line: LedgerEntry, execution_id: int | None, now: datetime) -> dict[str, Any]:
    terms, runs = line.terms, line.outcome.has_run or line.outcome == SlotOutcome.WAITING
    deadline = terms.start_deadline_seconds if runs else None
    fires_at = line.decision.slot + terms.offset(line.task.id)
    retries = terms.retry_limit if runs else 0
    return {
        "task_id": line.task.id,
        "slot": line.decision.slot,
        "outcome": line.outcome,
        "note": line.decision.note,
        "reason": line.reason,
        "execution_id": execution_id,
        "decided_at": now,
        "becomes": line.becomes,
        "open": line.outcome == SlotOutcome.WAITING or retries > 0 or deadline is not None,
        "retries_left": retries,
        "retry_at": None,
        "start_by": None if deadline is None else fires_at + timedelta(seconds=deadline),
    }


def build_once_row(task: Task, run: TaskExecution) -> dict[str, Any]:
    """The line of `@once`: its one slot is the moment of its creation."""
    line = LedgerEntry(
        task, Terms.of(task.terms), SlotDecision(run.created_at, SlotOutcome.FIRED), SlotOutcome.FIRED, None
    )
    return _build_ledger_row(line, run.id, run.created_at)
