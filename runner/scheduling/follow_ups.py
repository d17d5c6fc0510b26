"""Follow-ups of slots: starts waiting runs, retries failed ones, and gives up those past their start deadline."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from db import due, executions, slots, transitions
from db.executions import FORGOTTEN
from db.models import ScheduleSlot, Task, TaskExecution
from db.schedule_mode import ScheduleMode
from db.store import Store
from db.values import Overlap, Reason, SlotOutcome, State, Trigger
from runner.admission.authorization import TASK_DELETED, BlockReason, find_blocked
from runner.bus import EXECUTIONS, FOLLOW_UPS, PENDING, SLOTS, Bus, execution_address
from runner.loop import BackgroundLoop
from runner.scheduling import blackout
from runner.scheduling.firing import build_pending_execution, join_reasons
from runner.scheduling.fleet_slots import FleetSkipped, load_unfinished, start_fleet_run
from runner.scheduling.slots import explain_blackout, is_paused
from runner.scheduling.terms import NEVER_STARTED, Terms

BATCH = 200
COALESCE_SECONDS = 0.05
GONE = "the task was {} before it could start"


class FollowUps(BackgroundLoop):
    """Advances open ledger entries whenever an execution of a task ends, and every second."""

    name = "follow-ups"
    address = FOLLOW_UPS

    def __init__(self, *, bus: Bus, store: Store, clock: Callable[[], datetime]) -> None:
        super().__init__(bus=bus)
        self.store = store
        self.clock = clock

    async def tick(self) -> float:
        # Executions change hundreds of times a second: one query serves all changes that arrive during this sleep.
        await asyncio.sleep(COALESCE_SECONDS)
        found = await self.store.read(slots.list_actionable, self.clock(), BATCH)
        if not found:
            return self.poll_seconds
        ids = await self.store.run(follow_up, [line.id for line in found], self.clock())
        if ids:
            self.bus.hint(PENDING, EXECUTIONS, SLOTS, *map(execution_address, ids))
        return self.poll_seconds if len(found) < BATCH else 0.0


@dataclass(slots=True)
class FollowUpBatch:
    """The open ledger entries of one transaction, with the rows that decide about them."""

    conn: Connection
    now: datetime
    tasks: dict[int, Task]
    runs: dict[int, TaskExecution]
    unfinished: dict[int, list[int]]
    windows: dict[int | None, list[dict[str, Any]]]
    blocked: dict[int, BlockReason]
    touched: list[int]

    def advance(self, line: ScheduleSlot) -> None:
        task = self.tasks[line.task_id]
        if line.outcome == SlotOutcome.WAITING:
            self._advance_waiting(line, task)
            return
        run = self.runs.get(line.execution_id or 0)
        if run is None:
            self._change(line, open=False)
        elif run.state == State.PENDING and line.start_by is not None and line.start_by <= self.now:
            self._expire(line, run)
        elif State(run.state).is_final:
            self._advance_ended(line, task, run)

    def _change(self, line: ScheduleSlot, **values: Any) -> None:
        slots.update_open(self.conn, line.id, values)

    def _settle(self, line: ScheduleSlot, outcome: SlotOutcome, reason: str) -> None:
        self._change(line, outcome=outcome, reason=join_reasons(line.reason, reason), open=False, decided_at=self.now)

    def _advance_waiting(self, line: ScheduleSlot, task: Task) -> None:
        held = self._find_hold(task)
        if line.start_by is not None and line.start_by <= self.now:
            self._settle(line, SlotOutcome.MISSED, "its start deadline was over before it could start")
        elif held is not None:
            self._settle(line, *held)
        elif not self.unfinished.get(task.id) and task.selector is None:
            self._start(line, build_pending_execution(task, line.slot, self.now), outcome=line.becomes)
        elif not self.unfinished.get(task.id):
            self._start_fleet_run(line, task)

    def _start(self, line: ScheduleSlot, values: dict[str, Any], **changes: Any) -> None:
        run = executions.insert(self.conn, values)
        self.unfinished.setdefault(line.task_id, []).append(run.id)
        self.touched.append(run.id)
        ends = line.start_by is None and changes.get("retries_left", line.retries_left) == 0
        self._change(line, execution_id=run.id, decided_at=self.now, retry_at=None, open=not ends, **changes)

    def _start_fleet_run(self, line: ScheduleSlot, task: Task) -> None:
        made = start_fleet_run(self.conn, task, line.slot, self.now, {})
        if isinstance(made, FleetSkipped):
            self._settle(line, SlotOutcome.SKIPPED_SERVER, made.reason)
            return
        self.unfinished.setdefault(task.id, []).append(0)
        self._change(line, outcome=line.becomes, fleet_run_id=made.id, decided_at=self.now, open=False)

    def _find_hold(self, task: Task) -> tuple[SlotOutcome, str] | None:
        """Return the outcome and the reason that keep the task from starting now, or None."""
        if task.deleted_at is not None or not task.enabled:
            gone = "deleted" if task.deleted_at is not None else "disabled"
            return SlotOutcome.MISSED, GONE.format(gone)
        if task.schedule_mode == ScheduleMode.SHADOW:
            return SlotOutcome.MISSED, "the task was put in shadow before it could start"
        if is_paused(task, self.now):
            return SlotOutcome.SKIPPED_PAUSED, "the task was paused before it could start"
        if (window := self._find_blackout(task)) is not None:
            return SlotOutcome.SKIPPED_BLACKOUT, explain_blackout(window)
        return self.blocked.get(task.id)

    def _find_blackout(self, task: Task) -> blackout.Blackout | None:
        return blackout.find_covering(self.windows.get(task.server_id, []), self.now)

    def _expire(self, line: ScheduleSlot, run: TaskExecution) -> None:
        """Fail a run that fired but did not start before its deadline."""
        values = {
            "state": State.FAILED,
            "reason": Reason.DEADLINE,
            "message": "it could not start within its start deadline",
            "end_time": self.now,
            "duration_ms": 0,
            **FORGOTTEN,
        }
        if slots.expire(self.conn, run.id, values):
            self.touched.append(run.id)
            self._change(line, open=False, reason=join_reasons(line.reason, "its run could not start by its deadline"))

    def _advance_ended(self, line: ScheduleSlot, task: Task, run: TaskExecution) -> None:
        terms = Terms.of(task.terms)
        if line.retries_left == 0 or not _should_retry(run, terms):
            self._change(line, open=False)
        elif line.retry_at is None:
            self._change(line, retry_at=(run.end_time or self.now) + terms.retry_delay(run.attempt), start_by=None)
        elif line.retry_at <= self.now:
            self._retry(line, task, run, terms)

    def _retry(self, line: ScheduleSlot, task: Task, run: TaskExecution, terms: Terms) -> None:
        """Retry the same command on the server of that run, with the task's current secrets."""
        window = self._find_blackout(task)
        if window is not None and not is_paused(task, self.now):
            self._change(line, retry_at=window.until)
            return
        held = self._find_hold(task)
        if held is None and terms.overlap != Overlap.ALLOW and self.unfinished.get(task.id):
            held = SlotOutcome.SKIPPED_OVERLAP, "a later run of the task goes on"
        if held is not None:
            self._change(line, open=False, reason=join_reasons(line.reason, f"not tried again: {held[1]}"))
            return
        self._start(line, _build_retry(task, run, self.now), retries_left=line.retries_left - 1)


def end_waiting(conn: Connection, task_id: int, at: datetime, by: int | None = None) -> list[int]:
    """Cancel the pending runs and waiting slots of a task that the user `by` deletes. Return the executions' ids."""
    ended = transitions.cancel_pending_of_task(conn, task_id, at, TASK_DELETED, by)
    for line in slots.reload_open(conn, slots.list_waiting(conn, [task_id]).get(task_id, [])):
        reason = join_reasons(line.reason, GONE.format("deleted"))
        values = {"outcome": SlotOutcome.MISSED, "reason": reason, "open": False, "decided_at": at}
        slots.update_open(conn, line.id, values)
    return ended


# Of the task as it stands: an ended run no longer has its secrets, and its mode says how it was run in the end.
# The values of parameters are those of the run, but for secret ones.
CURRENT = {"secret_env", "sealed_env", "mode"}
REPEATED = {"slot", "policy_version", "server_policy_id", "task_policy_id", "findings"}


def _build_retry(task: Task, run: TaskExecution, now: datetime) -> dict[str, Any]:
    """Return the pending row of a retry: what the run took from its task then, but for the CURRENT columns."""
    taken = executions.copy_from_task(task)
    wanted = taken | {name: getattr(run, name) for name in (taken.keys() - CURRENT) | REPEATED}
    made = executions.build_pending(wanted, trigger=Trigger.RETRY, at=now, user_id=run.created_by)
    return made | {"attempt": run.attempt + 1}


def _should_retry(run: TaskExecution, terms: Terms) -> bool:
    """True if the terms allow a retry. A command that may have started is retried only if they name the reason."""
    if run.state not in (State.FAILED, State.TIMEOUT) or run.reason not in terms.retry_on:
        return False
    return run.reason not in NEVER_STARTED or run.remote is None


def follow_up(conn: Connection, ids: list[int], now: datetime) -> list[int]:
    """Advance these ledger entries. Return the ids of the executions that were created or ended."""
    lines = slots.reload_open(conn, ids)
    held = {task.id: task for task in due.lock_available(conn, sorted({line.task_id for line in lines}))}
    lines = [line for line in slots.reload_open(conn, ids) if line.task_id in held]
    runs = executions.by_ids(conn, [line.execution_id for line in lines if line.execution_id is not None])
    following = FollowUpBatch(
        conn=conn,
        now=now,
        tasks=held,
        runs={run.id: run for run in runs},
        unfinished=load_unfinished(conn, held.values()),
        windows=due.load_blackouts(conn, [task.server_id for task in held.values()]),
        blocked=find_blocked(conn, held.values()),
        touched=[],
    )
    for line in lines:
        following.advance(line)
    return following.touched
