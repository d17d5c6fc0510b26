"""A task's schedule as the caller wrote it, checked, and when it is due next."""

from datetime import datetime

from resolvers.context import Limits
from resolvers.errors import ScheduleInvalid
from resolvers.rules import timezone as checked_timezone
from runner.cron import Schedule, ScheduleError, parse

ONCE = "once"


def checked(expr: str, timezone: str, limits: Limits) -> Schedule:
    """The schedule, or ScheduleInvalid that names the part that is wrong."""
    checked_timezone(timezone)
    try:
        return parse(expr, timezone=timezone, floor_seconds=limits.cron_floor_seconds)
    except ScheduleError as error:
        raise ScheduleInvalid(
            error.message_en, error.message_zh, field="cron_expr", position=error.position, example=error.example
        ) from error


def next_run(schedule: Schedule, now: datetime) -> datetime | None:
    """When it is due next after `now`; None for one that never fires by itself (any more)."""
    due = schedule.next_after(now)
    return None if due is None else due.at
