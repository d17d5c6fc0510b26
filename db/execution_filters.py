"""Filters of executions, and their conditions, each written for an index or not as `db.execution_plans` plans it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Boolean, ColumnElement, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from db import rows, tags
from db.models import Task, TaskExecution
from db.page import Conditions
from db.values import State
from db.visibility import EVERYTHING, VisibilityScope

executions = rows.get_table(TaskExecution)
tasks = rows.get_table(Task)
OPEN = (State.PENDING, State.RUNNING)
EQUAL = ("server_id", "task_id", "fleet_run_id", "trigger", "created_by")
RANGES = {
    "created_at": ("created_from", "created_to"),
    "start_time": ("start_time_from", "start_time_to"),
    "end_time": ("end_time_from", "end_time_to"),
    "duration_ms": ("duration_ms_from", "duration_ms_to"),
}
OUTCOME = ("reason", "exit_code", "start_time", "end_time", "duration_ms")
"""Columns that are set while an execution goes on."""


class _HasPart(FunctionElement[bool]):
    """Whether a text holds another one, in upper and lower case as it is written, without special characters."""

    name = "has_part"
    type = Boolean()
    inherit_cache = True


@compiles(_HasPart)
def _compile_for_postgresql(element: _HasPart, compiler: Any, **words: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **words)}) > 0"


@compiles(_HasPart, "sqlite")
def _compile_for_sqlite(element: _HasPart, compiler: Any, **words: Any) -> str:
    return f"instr({compiler.process(element.clauses, **words)}) > 0"


class _Unindexed(FunctionElement[Any]):
    """A column in a form that no index of SQLite matches. PostgreSQL chooses by its statistics."""

    name = "unindexed"
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(_Unindexed)
def _compile_plainly(element: _Unindexed, compiler: Any, **words: Any) -> str:
    return str(compiler.process(element.clauses, **words))


@compiles(_Unindexed, "sqlite")
def _compile_unindexed(element: _Unindexed, compiler: Any, **words: Any) -> str:
    return f"+{compiler.process(element.clauses, **words)}"


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """How a page is read. `rare`: the column whose condition is rare. `indexed`: the columns whose index may be used.

    `reach`: the column whose range says where among the ids to begin; `upwards`: in ascending order.
    """

    rare: str | None = None
    indexed: frozenset[str] = frozenset()
    reach: str | None = None
    upwards: bool = False


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Conditions on executions; None means no condition. Ranges include both ends; durations are in milliseconds.

    `non_zero`: whether the exit code is another one than 0; executions without an exit code match neither. The tags are
    those that the server has now. `command_contains` is a part of the command as it is written, upper and lower case.
    `visibility` limits the result to servers that it covers; with `task_id`, to tasks that it covers. `plan` is set by
    `plan_page` only.
    """

    states: tuple[str, ...] | None = None
    server_id: int | None = None
    task_id: int | None = None
    fleet_run_id: int | None = None
    trigger: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    created_by: int | None = None
    has_findings: bool | None = None
    reasons: tuple[str, ...] | None = None
    exit_codes: tuple[int, ...] | None = None
    non_zero: bool | None = None
    command_contains: str | None = None
    start_time_from: datetime | None = None
    start_time_to: datetime | None = None
    end_time_from: datetime | None = None
    end_time_to: datetime | None = None
    duration_ms_from: int | None = None
    duration_ms_to: int | None = None
    tags_all: tuple[str, ...] | None = None
    tags_any: tuple[str, ...] | None = None
    tags_none: tuple[str, ...] | None = None
    visibility: VisibilityScope = EVERYTHING
    plan: ReadingPlan | None = None

    @property
    def is_open_only(self) -> bool:
        """Whether only executions match that have not ended: few, whatever the history."""
        return self.states is not None and all(state in OPEN for state in self.states)

    @property
    def has_owner(self) -> bool:
        return not self.server_id is self.task_id is self.fleet_run_id is None

    @property
    def is_narrow(self) -> bool:
        """Whether one query is enough, without going server by server."""
        everywhere = self.visibility.is_unrestricted and not tags.has_tags(self)
        rare = self.plan is not None and self.plan.rare is not None
        return everywhere or self.has_owner or self.is_open_only or rare

    @property
    def has_shape(self) -> bool:
        """Whether it has no lists or texts of any value, so that statements of its kind are few."""
        return self.exit_codes is None and self.command_contains is None and not tags.has_tags(self)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a column that has an index with the id: on the column itself, or on what is made of it."""

    column: str
    build: Callable[[Any], Conditions]


def list_conditions(filter: ExecutionFilter) -> list[Condition]:
    """Return the conditions on columns that have an index."""
    found = []
    if filter.states is not None:
        found.append(Condition("state", lambda column: [column.in_(filter.states)]))
    for name in EQUAL:
        if getattr(filter, name) is not None:
            found.append(Condition(name, partial(_match_value, getattr(filter, name))))
    if filter.reasons is not None:
        found.append(Condition("reason", lambda column: [_match_any(column, filter.reasons)]))
    if filter.exit_codes is not None or filter.non_zero is not None:
        found.append(Condition("exit_code", partial(_match_exit_code, filter)))
    for name, ends in RANGES.items():
        low, high = (getattr(filter, end) for end in ends)
        if low is not None or high is not None:
            found.append(Condition(name, partial(_match_range, low, high)))
    return found


def _match_value(value: Any, column: Any) -> Conditions:
    return [column == value]


def _match_any(column: Any, values: Any) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column == values[0] if len(values) == 1 else column.in_(values)
    return found


def _match_exit_code(filter: ExecutionFilter, column: Any) -> Conditions:
    """Match exit codes, which are never below zero."""
    found = [] if filter.exit_codes is None else [_match_any(column, filter.exit_codes)]
    if filter.non_zero is not None:
        found.append(column > 0 if filter.non_zero else column == 0)
    return found


def _match_range(low: Any, high: Any, column: Any) -> Conditions:
    return [*([] if low is None else [column >= low]), *([] if high is None else [column <= high])]


def build_conditions(filter: ExecutionFilter, columns: Any = executions.c) -> Conditions:
    """Return all conditions but those of visibility and tags."""
    plan, found = filter.plan, []
    for condition in list_conditions(filter):
        column = columns[condition.column]
        if plan is not None and condition.column == plan.rare:
            found.append(columns.id.in_(_select_ids(condition)))
        elif plan is not None and condition.column not in plan.indexed:
            found += condition.build(_hide(column))
        else:
            found += condition.build(column)
        if plan is not None and condition.column == plan.reach:
            found.append(_match_reach(condition, columns.id, plan.upwards))
    if filter.has_findings is not None:
        found.append(columns.findings.is_not(None) if filter.has_findings else columns.findings.is_(None))
    if filter.command_contains is not None:
        found.append(_HasPart(columns.command, filter.command_contains))
    return found


def _hide(column: Any) -> Any:
    """Return the column's value in a form that no index matches."""
    return _Unindexed(column) if column.name in OUTCOME else func.coalesce(column, column)


def _select_ids(condition: Condition) -> Any:
    inner = executions.alias()
    return select(inner.c.id).where(*condition.build(inner.c[condition.column]))


def _match_reach(condition: Condition, id: Any, upwards: bool) -> ColumnElement[bool]:
    """Match ids from the first one in the condition's range on, found in its index without a look at the rows."""
    inner = executions.alias()
    edge = func.min(inner.c.id + 0) if upwards else func.max(inner.c.id + 0)  # + 0: or the rows are walked by id
    first = select(edge).where(*condition.build(inner.c[condition.column])).scalar_subquery()
    found: ColumnElement[bool] = id >= first if upwards else id <= first
    return found


def build_visibility_conditions(filter: ExecutionFilter, columns: Any = executions.c) -> Conditions:
    """Limit rows to visible servers with these tags. With `task_id`, the task is checked once, not with each row."""
    found = filter.visibility.restrict(columns.server_id)
    if found and filter.task_id is not None:
        task = select(tasks.c.id).where(tasks.c.id == filter.task_id, *filter.visibility.restrict(tasks.c.server_id))
        found.append(columns.task_id == task.scalar_subquery())
    return [*found, *tags.restrict_row(filter, columns.server_id)]


def build_all_conditions(filter: ExecutionFilter) -> Conditions:
    return [*build_conditions(filter), *build_visibility_conditions(filter)]


def forget_outcome(filter: ExecutionFilter) -> ExecutionFilter:
    """Return the filter without the conditions on what changes while an execution goes on, and on the command."""
    ranges: dict[str, Any] = {end: None for name in OUTCOME if name in RANGES for end in RANGES[name]}
    return replace(filter, states=None, reasons=None, exit_codes=None, non_zero=None, command_contains=None, **ranges)


def has_outcome(filter: ExecutionFilter, row: TaskExecution) -> bool:
    """Return whether the row now matches the conditions that `forget_outcome` leaves out."""
    lists = ((filter.states, row.state), (filter.reasons, row.reason), (filter.exit_codes, row.exit_code))
    if any(wanted is not None and value not in wanted for wanted, value in lists):
        return False
    if filter.non_zero is not None and (row.exit_code is None or (row.exit_code != 0) is not filter.non_zero):
        return False
    if filter.command_contains is not None and filter.command_contains not in row.command:
        return False
    ranges = ((getattr(row, name), *(getattr(filter, end) for end in RANGES[name])) for name in OUTCOME[2:])
    return all(_is_within(*each) for each in ranges)


def _is_within(value: Any, low: Any, high: Any) -> bool:
    if value is None:
        return low is None and high is None
    return (low is None or value >= low) and (high is None or value <= high)
