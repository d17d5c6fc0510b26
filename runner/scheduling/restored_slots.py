"""Decides what was due while a restored database knew nothing: the real service may have run it, so nothing is run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from db import due
from db.models import Task
from db.values import SlotOutcome
from runner.admission.decision import PolicyDecision
from runner.scheduling.firing import FiringBatch, plan_or_stop
from runner.scheduling.slots import DueTask, Plan, SlotDecision

BATCH = 100
# What the calendar and the task's mode say is true whether or not a service ran.
CERTAIN = (SlotOutcome.SKIPPED_DST, SlotOutcome.SHADOWED, SlotOutcome.UNREADABLE)
AND_MORE = "; so are the later ones until {until:%Y-%m-%d %H:%M:%S} UTC, which are not listed"


def skip_due(conn: Connection, now: datetime, reason: str) -> int:
    """Record the slots that are due by `now` as missed, for this reason, and go on with the next ones.

    Of a task with very many, only the first are listed. Return how many were recorded.
    """
    recorded = 0
    while tasks := due.lock_due(conn, now, BATCH, late=now):
        batch = FiringBatch(conn, now, _decide_nothing)
        for task in tasks:
            plan, terms = plan_or_stop(task, [], now, by_slot=False)
            batch.add(task, _leave_out(task, plan, now, reason), terms)
        recorded += batch.write().decided
    return recorded


def _decide_nothing(conn: Connection, tasks: Sequence[Any]) -> dict[int, PolicyDecision]:
    """Stands for the command policy: no slot runs."""
    return {}


def _leave_out(task: Task, plan: Plan, now: datetime, reason: str) -> Plan:
    """Return the plan with every slot missed, that goes on after `now`."""
    decisions = [_miss(decision, reason) for decision in plan.decisions]
    if plan.next_run is None or plan.next_run > now:
        return Plan(decisions, plan.next_run)
    last = decisions[-1]
    decisions[-1] = replace(last, reason=f"{last.reason or reason}{AND_MORE.format(until=now)}")
    return Plan(decisions, _find_first_after(DueTask.of(task, [], now), plan.next_run))


def _find_first_after(subject: DueTask, known: datetime) -> datetime | None:
    """Return when the first run is due after now. `known` is when an earlier one was."""
    schedule, since = subject.schedule, subject.now - subject.offset
    if schedule.kind == "every":
        step = timedelta(seconds=schedule.seconds)
        return known + step * ((subject.now - known) // step + 1)
    found = schedule.find_next(since)
    return None if found is None else found.at + subject.offset


def _miss(decision: SlotDecision, reason: str) -> SlotDecision:
    if decision.outcome in CERTAIN:
        return decision
    return replace(decision, outcome=SlotOutcome.MISSED, reason=reason, waits=False)
