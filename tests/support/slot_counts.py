"""The slots that many schedules must have had, and what the ledger and the executions tell of them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from db.models import ScheduleSlot, Task, TaskExecution
from db.rows import get_table
from db.values import Missed
from runner.cron import schedule as cron_schedule
from runner.cron.schedule import Dst
from runner.scheduling.terms import Terms
from tests.support.ledger import at

EXPRESSIONS = ("* * * * * *", "*/3 * * * * *", "0,7,30 * * * * *", "@every 5s", "* * * * *", "*/2 0-59 12-13 * * *")
ALL = Terms(missed=Missed.ALL, missed_cap=1000)


def list_slots(task: Task, now: datetime) -> Iterator[datetime]:
    schedule, moment = cron_schedule.parse_stored(task.cron_expr, "UTC", Dst.VIXIE), at(0)
    while (due := schedule.find_next(moment)) is not None and due.at <= now:
        yield due.at
        moment = due.at


def load_slots_and_runs(conn: Connection) -> dict[str, Any]:
    lines, runs = get_table(ScheduleSlot), get_table(TaskExecution)
    linked = select(lines.c.id).join(
        runs, (runs.c.id == lines.c.execution_id) & (runs.c.slot == lines.c.slot) & (runs.c.task_id == lines.c.task_id)
    )
    return {
        "lines": [tuple(row) for row in conn.execute(select(lines.c.task_id, lines.c.slot, lines.c.outcome))],
        "runs": [tuple(row) for row in conn.execute(select(runs.c.task_id, runs.c.slot))],
        "linked": len(conn.execute(linked).all()),
    }
