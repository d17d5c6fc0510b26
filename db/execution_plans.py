"""How a page of executions is read: by which of its conditions.

SQLite has no statistics, and PostgreSQL does not know which conditions go together. So a page is planned here: the rows
of a rare condition are read by its index; otherwise the page is read in its order, and further conditions are written
so that no index matches them.
"""

from dataclasses import replace

from sqlalchemy import Connection, func, select

from db.execution_filters import (
    EQUAL,
    OUTCOME,
    RANGES,
    Condition,
    ExecutionFilter,
    ReadingPlan,
    executions,
    list_conditions,
)
from db.page import Conditions, Window

# A condition is rare if it matches at most as many rows: these are read, and put into order, for a page.
RARE = 10_000
EASY = frozenset(("state", *EQUAL, "created_at"))
"""Columns whose indexes the database chooses from, where nothing is known that is better."""


def plan_page(conn: Connection, filter: ExecutionFilter, window: Window) -> ExecutionFilter:
    """Return the filter with the plan of a page that is read by one query."""
    if filter.is_open_only:
        return replace(filter, plan=ReadingPlan(indexed=frozenset(("state",))))
    later = [each for each in list_conditions(filter) if each.column in OUTCOME or _may_be_rare(each, filter)]
    later = [each for each in later if each.column != window.order]
    ordered = frozenset((window.order,))
    if not later:
        return replace(filter, plan=ReadingPlan(indexed=EASY | ordered))
    alone = later[0] if _is_alone(filter, window) else None
    if alone is not None and _is_one_value(alone, filter):
        return replace(filter, plan=ReadingPlan(indexed=frozenset((alone.column,))))
    rare = _find_rarest(conn, later)
    if rare is not None:
        return replace(filter, plan=ReadingPlan(rare=rare.column))
    return replace(filter, plan=_plan_walk(filter, window, later))


def plan_by_owner(filter: ExecutionFilter) -> ExecutionFilter:
    """Return the filter with the plan of pages that are read server by server, or task by task."""
    return replace(filter, plan=ReadingPlan())


def plan_scan(filter: ExecutionFilter, window: Window) -> tuple[Conditions, ExecutionFilter]:
    """Return the conditions on the page's order, whose rows are looked at, and the filter to match those rows with."""
    among = [each.build(executions.c[each.column]) for each in list_conditions(filter) if each.column == window.order]
    ordered = replace(filter, plan=ReadingPlan(indexed=frozenset((window.order,))))
    return among[0] if among else [], ordered


def _is_alone(filter: ExecutionFilter, window: Window) -> bool:
    """Return whether there is one condition only, on a page in order of ids."""
    more = filter.command_contains is not None or not filter.is_narrow
    return window.order == "id" and len(list_conditions(filter)) == 1 and not more


def _is_one_value(condition: Condition, filter: ExecutionFilter) -> bool:
    """Return whether the index of the condition's column has the matching rows in order of ids."""
    if condition.column == "reason":
        return len(filter.reasons or ()) == 1
    return condition.column == "exit_code" and (
        filter.non_zero is False if filter.exit_codes is None else len(filter.exit_codes) == 1
    )


def _may_be_rare(condition: Condition, filter: ExecutionFilter) -> bool:
    """Return whether a condition that is not on the outcome is worth a look: or else the order's index will do."""
    return filter.command_contains is not None or (condition.column == "created_at" and filter.created_to is not None)


def _find_rarest(conn: Connection, conditions: list[Condition]) -> Condition | None:
    """Return the condition that matches the fewest executions; None if each matches more than RARE."""
    counted = [(_count_few(conn, each), each) for each in conditions]
    few, rarest = min(counted, key=lambda pair: pair[0])
    return rarest if few <= RARE else None


def _count_few(conn: Connection, condition: Condition) -> int:
    """Return how many executions match, up to RARE + 1, by the index alone."""
    column = executions.c[condition.column]
    few = select(column).where(*condition.build(column)).order_by(column).limit(RARE + 1).subquery()
    return int(conn.scalar(select(func.count()).select_from(few)) or 0)


def _plan_walk(filter: ExecutionFilter, window: Window, later: list[Condition]) -> ReadingPlan:
    """Plan to read in the page's order, from where the first match may be."""
    indexed = EASY | {window.order}
    if window.order != "id":
        return ReadingPlan(indexed=indexed)
    single = next((each for each in later if _is_one_value(each, filter)), None)
    if single is not None and not filter.has_owner:
        return ReadingPlan(indexed=frozenset((single.column,)))
    begun = window.before if window.backward else window.after
    ranges = [each.column for each in later if each.column in RANGES and each.column != "duration_ms"]
    upwards = window.descending == window.backward
    reach = next((name for name in ranges if getattr(filter, RANGES[name][0 if upwards else 1]) is not None), None)
    return ReadingPlan(indexed=indexed - {"created_at"}, reach=None if begun else reach, upwards=upwards)
