"""Check a task's schedule and compute its next runs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from db import servers
from db.models import Task
from resolvers import validation
from resolvers.context import Context, Limits
from resolvers.errors import Invalid, NotFound, ScheduleInvalid
from resolvers.inputs import PreviewSchedule
from runner.cron.describe import Words, describe
from runner.cron.schedule import YEARS, Dst, Due, Note, Schedule, ScheduleError, parse, parse_stored
from runner.scheduling import blackout
from runner.scheduling.slots import is_paused
from runner.scheduling.terms import Terms

ONCE = "once"
MOST_WINDOWS = 32
MOST_RUNS = 100


@dataclass(frozen=True, slots=True)
class UpcomingRun:
    """One time at which a schedule is due: `slot` is the moment of the schedule, `at` the time of the run.

    `local` is `at` in the schedule's zone. `blackout` is the server's blackout window that covers it, if any.
    """

    slot: datetime
    at: datetime
    local: datetime
    note: Note | None
    wanted: datetime | None
    blackout: blackout.Blackout | None


@dataclass(frozen=True, slots=True)
class SchedulePreview:
    """A schedule's description and its next runs."""

    words: Words
    runs: list[UpcomingRun]


def check(expr: str, timezone: str, limits: Limits, *, now: datetime, dst: Dst = Dst.VIXIE) -> Schedule:
    """Return the parsed schedule; ScheduleInvalid names the part that is wrong."""
    validation.check_timezone(timezone)
    with _translate_errors():
        try:
            schedule = parse(expr, timezone=timezone, floor_seconds=limits.cron_floor_seconds, dst=dst)
        except ScheduleError as error:
            if error.example.startswith("@at") and _is_past(parse(error.example), now):
                raise error.with_example(_tomorrow(now)) from error
            raise
        if _is_past(schedule, now):
            position = len(expr) - len(expr.split(maxsplit=1)[1])
            raise ScheduleError("time", position, "lies in the past", "已经过去", _tomorrow(now))
        return schedule


def is_once(expr: str) -> bool:
    return expr.strip().lower() == f"@{ONCE}"


def _is_past(schedule: Schedule, now: datetime) -> bool:
    return schedule.at is not None and schedule.at <= now


def _tomorrow(now: datetime) -> str:
    return f"@at {now + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"


def reparse(expr: str, timezone: str, dst: Dst) -> Schedule:
    """Parse a stored schedule again; ScheduleInvalid if this version cannot read it."""
    with _translate_errors():
        return parse_stored(expr, timezone, dst)


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise ScheduleInvalid instead of ScheduleError."""
    try:
        yield
    except ScheduleError as error:
        raise ScheduleInvalid(
            error.message_en, error.message_zh, field="cron_expr", position=error.position, example=error.example
        ) from error


def find_next(schedule: Schedule, now: datetime) -> datetime | None:
    """Return the next time after `now`; None if the schedule does not fire by itself (any more)."""
    due = schedule.find_next(now)
    return None if due is None else due.at


def find_search_start(schedule: Schedule, task: Task, moment: datetime) -> datetime:
    """Return where to search for the slot after `moment`; for `@every`, aligned with the task's earlier slots."""
    if schedule.kind != "every" or task.next_run is None:
        return moment
    return _align_to_interval(schedule, task.next_run - Terms.of(task.terms).offset(task.id), moment)


async def preview(ctx: Context, request: PreviewSchedule) -> SchedulePreview:
    """Return the description and next runs of a schedule, before a task is created."""
    ctx.require_viewer()
    limits, now = ctx.service.limits, ctx.service.clock()
    zone = limits.timezone if request.timezone is None else request.timezone
    start = now if request.start is None else request.start
    if start.tzinfo is None or start.year not in YEARS:
        raise Invalid(
            "from", "must be a time with its offset, of 1970 to 2199.", "须为 1970 至 2199 年间带时区的时间。"
        )
    schedule = check(request.cron_expr, zone, limits, now=min(start, now), dst=Dst(request.dst))
    windows = await _load_blackouts(ctx, request.server_id)
    count = validation.check_between("count", request.count, 1, MOST_RUNS)
    return SchedulePreview(describe(schedule), _list_upcoming(schedule, start, count, windows=windows))


async def _load_blackouts(ctx: Context, server_id: int | None) -> Sequence[Mapping[str, Any]]:
    if server_id is None:
        return ()
    server = await ctx.service.store.read(servers.by_id, validation.check_id("server_id", server_id), ctx.visibility)
    if server is None:
        missing = NotFound.for_object("server", server_id)
        raise NotFound(missing.en, missing.chinese, field=("server_id",))
    return server.blackouts


def list_next_runs(
    ctx: Context, task: Task, count: int, windows: Sequence[Mapping[str, Any]] = ()
) -> list[UpcomingRun]:
    """Return a task's next runs; none if it is disabled, deleted, paused without end or unreadable."""
    ctx.require_viewer()
    validation.check_between("count", count, 1, MOST_RUNS)
    now = ctx.service.clock()
    if task.next_run is None or not task.enabled or task.deleted_at is not None:
        return []
    if is_paused(task, now) and task.paused_until is None:
        return []
    terms = Terms.of(task.terms)
    offset = terms.offset(task.id)
    try:
        schedule = parse_stored(task.cron_expr, task.timezone, terms.dst)
    except ScheduleError:
        return []
    # The slot of `next_run` is due even if it is late; slots during a pause are not.
    start = task.next_run - offset - timedelta(microseconds=1)
    if task.paused_until is not None and is_paused(task, now):
        start = max(start, task.paused_until - timedelta(microseconds=1))
    return _list_upcoming(schedule, find_search_start(schedule, task, start), count, offset=offset, windows=windows)


def _align_to_interval(schedule: Schedule, slot: datetime, start: datetime) -> datetime:
    """Return the slot of `@every` right before the first one after `start`, counted from `slot`."""
    step = timedelta(seconds=schedule.seconds)
    return slot + ((start - slot) // step) * step


def _list_upcoming(
    schedule: Schedule,
    start: datetime,
    count: int,
    *,
    offset: timedelta = timedelta(),
    windows: Sequence[Mapping[str, Any]] = (),
) -> list[UpcomingRun]:
    return [_build_upcoming_run(schedule, due, offset, windows) for due in schedule.list_upcoming(start, count)]


def _build_upcoming_run(
    schedule: Schedule, due: Due, offset: timedelta, windows: Sequence[Mapping[str, Any]]
) -> UpcomingRun:
    at = due.at + offset
    covered = blackout.find_covering(windows, at)
    return UpcomingRun(due.at, at, at.astimezone(schedule.zone), due.note, due.wanted, covered)


def _describe_schedule(task: Task) -> Words:
    """Return the schedule in words; as written if this version cannot read it."""
    try:
        return describe(parse_stored(task.cron_expr, task.timezone, Dst.VIXIE))
    except ScheduleError:
        return Words(task.cron_expr, task.cron_expr)


def check_blackouts(windows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a server's blackout windows in their stored form."""
    if len(windows) > MOST_WINDOWS:
        raise Invalid("blackouts", f"must be at most {MOST_WINDOWS} windows.", f"最多 {MOST_WINDOWS} 个时间窗。")
    try:
        return [blackout.normalize_window(window) for window in windows]
    except blackout.BadBlackout as error:
        raise Invalid("blackouts", f"cannot be used: {error.message_en}.", f"无法使用：{error.message_zh}。") from error
