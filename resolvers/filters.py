"""Check the filters of lists, so that the database gets no value that it cannot take."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from db.executions import ExecutionFilter
from db.servers import ServerFilter
from db.slots import SlotFilter
from db.tasks import TaskFilter
from db.values import State, Trigger
from resolvers import validation
from resolvers.context import Context

Filter = TypeVar("Filter", TaskFilter, ExecutionFilter, ServerFilter, SlotFilter)
Rule = Callable[[str, Any], Any]


def _check_states(field: str, value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(validation.check_one_of(field, state, State) for state in value)


RULES: Mapping[str, Rule] = {
    "server_id": validation.check_id,
    "task_id": validation.check_id,
    "created_by": validation.check_id,
    "name_contains": validation.check_name_part,
    "tag": validation.check_name_part,
    "states": _check_states,
    "trigger": lambda field, value: validation.check_one_of(field, value, Trigger),
    "last_run_from": validation.check_time,
    "last_run_to": validation.check_time,
    "created_from": validation.check_time,
    "created_to": validation.check_time,
}


def check(ctx: Context, filter: Filter) -> Filter:
    """Return the filter limited to what the viewer may see. Invalid names a value that no row can match."""
    visibility = ctx.visibility
    values = {item.name: getattr(filter, item.name) for item in fields(filter)}
    checked = {name: RULES[name](name, value) for name, value in values.items() if value is not None and name in RULES}
    return replace(filter, **checked, visibility=visibility)
