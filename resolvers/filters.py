"""What lists are narrowed by, checked: no filter reaches the database with a value that it cannot take."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from db.executions import ExecutionFilter
from db.servers import ServerFilter
from db.slots import SlotFilter
from db.tasks import TaskFilter
from db.values import State, Trigger
from resolvers import rules
from resolvers.context import Context

Filter = TypeVar("Filter", TaskFilter, ExecutionFilter, ServerFilter, SlotFilter)
Rule = Callable[[str, Any], Any]


def states(field: str, value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(rules.one_of(field, state, State) for state in value)


RULES: Mapping[str, Rule] = {
    "server_id": rules.identifier,
    "task_id": rules.identifier,
    "created_by": rules.identifier,
    "name_contains": rules.part_of_name,
    "tag": rules.part_of_name,
    "states": states,
    "trigger": lambda field, value: rules.one_of(field, value, Trigger),
    "last_run_from": rules.moment,
    "last_run_to": rules.moment,
    "created_from": rules.moment,
    "created_to": rules.moment,
}


def checked(ctx: Context, filter: Filter) -> Filter:
    """The same filter, for what the viewer may see; Invalid names the part that no row could ever match."""
    sight = ctx.sight
    given = {item.name: getattr(filter, item.name) for item in fields(filter)}
    kept = {name: RULES[name](name, value) for name, value in given.items() if value is not None and name in RULES}
    return replace(filter, **kept, sight=sight)
