"""Queries on `schedule_slots`, the ledger: each moment at which a schedule was due, and its outcome."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    text,
)

from db import ended_runs, rows
from db import page as pages
from db.columns import UtcTime
from db.fleet_models import FleetRun
from db.models import ScheduleSlot, Task, TaskExecution
from db.page import Owners, Window
from db.values import SlotOutcome, State
from db.visibility import EVERYTHING, VisibilityScope

slots = rows.get_table(ScheduleSlot)
tasks = rows.get_table(Task)
executions = rows.get_table(TaskExecution)
fleet_runs = rows.get_table(FleetRun)
# Worded exactly as in the partial indexes: SQLite uses them only then.
OPEN = text("schedule_slots.open")
FLEET_OPEN = text("fleet_runs.state = 'RUNNING'")
UNFINISHED = text("task_executions.state IN ('PENDING', 'RUNNING')")

SlotKey = tuple[int, datetime]
"""A task's id and the slot's time."""


@dataclass(frozen=True, slots=True)
class SlotFilter:
    """Conditions on slots; None means no condition. The range of slots includes both ends.

    `visibility` limits the result by the server that the task is on.
    """

    task_id: int | None = None
    server_id: int | None = None
    outcomes: tuple[str, ...] | None = None
    slot_from: datetime | None = None
    slot_to: datetime | None = None
    visibility: VisibilityScope = EVERYTHING


def _by_id(conn: Connection, id: int) -> ScheduleSlot | None:
    return rows.find_first(conn, ScheduleSlot, slots.c.id == id)


def by_ids(conn: Connection, ids: Sequence[int], visibility: VisibilityScope = EVERYTHING) -> list[ScheduleSlot]:
    """Return the visible ones of these slots, in no particular order."""
    return rows.by_ids(conn, ScheduleSlot, ids, *_build_visibility_conditions(SlotFilter(visibility=visibility)))


def page(conn: Connection, filter: SlotFilter, window: Window) -> list[ScheduleSlot]:
    """Return a page. For a viewer with grants it is read task by task: other tasks' slots cost nothing."""
    if filter.visibility.is_unrestricted or filter.task_id is not None:
        return pages.page(
            conn, ScheduleSlot, [*_build_conditions(filter), *_build_visibility_conditions(filter)], window
        )
    among = Owners(slots.c.task_id, _select_visible_tasks(filter), _build_visibility_conditions(filter))
    return pages.page_among(conn, ScheduleSlot, among, _build_conditions(filter), window)


def count(conn: Connection, filter: SlotFilter) -> int:
    if filter.visibility.is_unrestricted or filter.task_id is not None:
        return pages.count(conn, ScheduleSlot, [*_build_conditions(filter), *_build_visibility_conditions(filter)])
    return pages.count(
        conn, ScheduleSlot, [*_build_conditions(filter), slots.c.task_id.in_(_select_visible_tasks(filter))]
    )


def _select_visible_tasks(filter: SlotFilter) -> Select[Any]:
    """Select the ids of the tasks that the viewer's grants cover."""
    query = select(tasks.c.id).where(tasks.c.server_id.in_(filter.visibility.select_servers()))
    return query if filter.server_id is None else query.where(tasks.c.server_id == filter.server_id)


def _build_visibility_conditions(filter: SlotFilter) -> list[ColumnElement[bool]]:
    """Limit slots to visible tasks. With `task_id`, the task's visibility is checked once instead of for each slot."""
    by_server = filter.visibility.restrict(tasks.c.server_id)
    if not by_server:
        return []
    if filter.task_id is None:
        return [exists().where(tasks.c.id == slots.c.task_id, *by_server)]
    return [slots.c.task_id == select(tasks.c.id).where(tasks.c.id == filter.task_id, *by_server).scalar_subquery()]


def page_of_tasks(
    conn: Connection, task_ids: Sequence[int], filter: SlotFilter, window: Window
) -> dict[int, list[ScheduleSlot]]:
    return pages.page_each(
        conn,
        ScheduleSlot,
        slots.c.task_id,
        task_ids,
        [*_build_conditions(filter), *_build_visibility_conditions(filter)],
        window,
    )


def count_of_tasks(conn: Connection, task_ids: Sequence[int], filter: SlotFilter) -> dict[int, int]:
    return pages.count_each(
        conn,
        ScheduleSlot,
        slots.c.task_id,
        task_ids,
        [*_build_conditions(filter), *_build_visibility_conditions(filter)],
    )


def load_latest(conn: Connection, task_ids: Iterable[int]) -> dict[int, datetime]:
    """Return each task's latest slot in the ledger, by one index seek a task."""
    newest = select(slots.c.slot).where(slots.c.task_id == tasks.c.id).order_by(slots.c.slot.desc()).limit(1)
    query = select(tasks.c.id, newest.scalar_subquery().label("slot")).where(tasks.c.id.in_(set(task_ids)))
    return {row.id: row.slot for row in conn.execute(query) if row.slot is not None}


def list_between(conn: Connection, task_id: int, first: datetime, last: datetime) -> set[SlotKey]:
    """Return the task's slots in the ledger from `first` to `last`, both included."""
    query = select(slots.c.slot).where(slots.c.task_id == task_id, slots.c.slot.between(first, last))
    return {(task_id, slot) for slot in conn.scalars(query)}


def record(conn: Connection, decided: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows into the ledger, all with the same columns. IntegrityError if a slot is in it already."""
    if decided:
        conn.execute(insert(slots), list(decided))


def insert_executions(conn: Connection, pending: Sequence[Mapping[str, Any]]) -> dict[SlotKey, int]:
    """Insert pending executions for slots and return their ids."""
    if not pending:
        return {}
    columns = (executions.c.id, executions.c.task_id, executions.c.slot)
    made = conn.execute(insert(executions).returning(*columns), list(pending))
    return {(row.task_id, row.slot): row.id for row in made}


def update_open(conn: Connection, id: int, values: Mapping[str, Any]) -> bool:
    """Change a slot that is still open. Return False if it is closed."""
    return rows.change(conn, ScheduleSlot, values, slots.c.id == id, slots.c.open)


def list_open_executions(conn: Connection, task_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return the ids of each task's pending and running executions, whatever triggered them."""
    theirs = executions.c.task_id.in_(set(task_ids))
    query = select(executions.c.task_id, executions.c.id).where(UNFINISHED, theirs)
    return _group_by_owner(conn.execute(query.order_by(executions.c.id)))


def list_waiting(conn: Connection, task_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return the ids of each task's waiting slots, the earliest first."""
    query = select(slots.c.task_id, slots.c.id).where(
        OPEN, slots.c.task_id.in_(set(task_ids)), slots.c.outcome == SlotOutcome.WAITING
    )
    return _group_by_owner(conn.execute(query.order_by(slots.c.slot)))


def _group_by_owner(pairs: Iterable[Any]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for owner, id in pairs:
        found.setdefault(owner, []).append(id)
    return found


def list_actionable(conn: Connection, now: datetime, limit: int) -> list[ScheduleSlot]:
    """Return open slots that need an action: a run may start, has ended, is to be retried or is too late.

    The rows have no order: with one, SQLite would use the index of that order and scan the whole ledger.
    """
    found = conn.execute(_build_actionable_query(), {"now": now, "most": limit})
    return cast("list[ScheduleSlot]", list(found.all()))


@cache
def _build_actionable_query() -> Select[Any]:
    """Build the query and keep it: it runs every second, and after each run of a task."""
    now = bindparam("now", type_=UtcTime)
    # Not a correlated subquery: SQLite would scan all executions of the task for each slot.
    busy = select(executions.c.task_id).where(UNFINISHED, executions.c.task_id.is_not(None))
    busy_fleets = select(fleet_runs.c.task_id).where(FLEET_OPEN, fleet_runs.c.task_id.is_not(None))
    waits, run = slots.c.outcome == SlotOutcome.WAITING, executions.alias("run")
    ended = run.c.state.not_in((State.PENDING, State.RUNNING))
    return (
        select(slots)
        .outerjoin(run, run.c.id == slots.c.execution_id)
        .where(
            OPEN,
            or_(
                and_(
                    slots.c.outcome == SlotOutcome.WAITING,
                    or_(
                        and_(slots.c.task_id.not_in(busy), slots.c.task_id.not_in(busy_fleets)),
                        slots.c.start_by <= now,
                    ),
                ),
                and_(not_(waits), slots.c.retry_at.is_(None), or_(ended, run.c.id.is_(None))),
                slots.c.retry_at <= now,
                and_(slots.c.start_by <= now, run.c.state == State.PENDING),
            ),
        )
        .limit(bindparam("most", type_=Integer))
    )


def reload_open(conn: Connection, ids: Sequence[int]) -> list[ScheduleSlot]:
    """Read these slots again and return those that are still open, the earliest first."""
    query = select(slots).where(slots.c.id.in_(ids), slots.c.open).order_by(slots.c.slot, slots.c.id)
    return rows.load_all(conn, query, ScheduleSlot) if ids else []


def list_changes(conn: Connection, filter: SlotFilter, newest: int, known: Collection[int]) -> list[ScheduleSlot]:
    """Return the matching slots with an id above `newest` or among `known`, in order of ids."""
    where = [*_build_conditions(filter), *_build_visibility_conditions(filter)]
    newer = select(slots).where(slots.c.id > newest, *where).order_by(slots.c.id)
    again = select(slots).where(slots.c.id.in_(known), slots.c.id <= newest, *where).order_by(slots.c.id)
    return [*(rows.load_all(conn, again, ScheduleSlot) if known else ()), *rows.load_all(conn, newer, ScheduleSlot)]


def find_newest_id(conn: Connection) -> int:
    return int(conn.scalar(select(func.max(slots.c.id))) or 0)


def expire(conn: Connection, execution_id: int, values: Mapping[str, Any]) -> bool:
    """Set a pending execution to the final state in `values`. Return False if it is no longer pending."""
    return bool(ended_runs.end(conn, values, executions.c.id == execution_id, executions.c.state == State.PENDING))


def prune(conn: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` closed slots before `before`. Return how many."""
    old = select(slots.c.id).where(slots.c.slot < before, ~slots.c.open).order_by(slots.c.slot).limit(limit)
    return conn.execute(delete(slots).where(slots.c.id.in_(old))).rowcount


def _build_conditions(filter: SlotFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filter.task_id is not None:
        found.append(slots.c.task_id == filter.task_id)
    if filter.server_id is not None:
        found.append(slots.c.task_id.in_(select(tasks.c.id).where(tasks.c.server_id == filter.server_id)))
    if filter.outcomes is not None:
        found.append(slots.c.outcome.in_(filter.outcomes))
    if filter.slot_from is not None:
        found.append(slots.c.slot >= filter.slot_from)
    if filter.slot_to is not None:
        found.append(slots.c.slot <= filter.slot_to)
    return found
