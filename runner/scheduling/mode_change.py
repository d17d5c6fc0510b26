"""Decides what was due before a task goes into shadow or out of it, so that each slot has one mode."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from db import due
from db.models import Task
from runner.admission.decision import Decider
from runner.scheduling.firing import fire_tasks
from runner.scheduling.terms import Terms

MOST_PIECES = 4


def settle_by_slot(conn: Connection, task_id: int, now: datetime, decider: Decider) -> bool:
    """Decide the slots of one task up to `now`, also those whose jitter is not over. Its row stays locked.

    cron knows of no jitter: it runs such a slot at the slot's own time, which is what counts.
    Return False if there are too many for one transaction: some are left.
    """
    for _ in range(MOST_PIECES):
        held = [task for task in due.lock_available(conn, [task_id]) if _has_slot_by(task, now)]
        if not held:
            return True
        fire_tasks(conn, held, now, decider, by_slot=True)
    return False


def _has_slot_by(task: Task, now: datetime) -> bool:
    """Return whether the task's next slot has come by `now`, jitter or not."""
    if not task.enabled or task.deleted_at is not None or task.next_run is None:
        return False
    return task.next_run - _find_offset(task) <= now


def _find_offset(task: Task) -> timedelta:
    """Return the task's jitter; none if this version cannot read its terms."""
    try:
        return Terms.of(task.terms).offset(task.id)
    except ValueError:
        return timedelta()
