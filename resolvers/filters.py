"""Check the filters of lists, so that the database gets no value that it cannot take."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from db.executions import ExecutionFilter
from db.servers import ServerFilter
from db.slots import SlotFilter
from db.tasks import TaskFilter
from db.values import Reason, State, Trigger
from resolvers import validation
from resolvers.context import Context
from resolvers.errors import Invalid
from resolvers.paging import PageRequest

Filter = TypeVar("Filter", TaskFilter, ExecutionFilter, ServerFilter, SlotFilter)
Rule = Callable[[str, Any], Any]
MOST_VALUES = 32
LONGEST_PART = 1000


def _check_states(field: str, value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(validation.check_one_of(field, state, State) for state in value)


def _check_reasons(field: str, value: tuple[str, ...]) -> tuple[str, ...]:
    checked = _check_count(field, value, len(Reason))
    return tuple(sorted({validation.check_one_of(field, reason, Reason) for reason in checked}))


def _check_exit_codes(field: str, value: tuple[int, ...]) -> tuple[int, ...]:
    checked = _check_count(field, value, MOST_VALUES)
    return tuple(sorted({validation.check_between(field, code, 0, validation.MAX_ID) for code in checked}))


def _check_tags(field: str, value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({validation.check_tag(field, tag) for tag in _check_count(field, value, MOST_VALUES)}))


def _check_count(field: str, value: tuple[Any, ...], most: int) -> tuple[Any, ...]:
    if not 1 <= len(value) <= most:
        raise Invalid(
            field,
            f"must hold 1 to {most} values: leave it out, so that it does not filter.",
            f"须包含 1 到 {most} 个值：如不筛选，请省略此字段。",
        )
    return value


def _check_name(field: str, value: str) -> str:
    return validation.check_text(field, value, longest=validation.LONGEST_NAME)


def _check_part(field: str, value: str) -> str:
    if not 1 <= len(value) <= LONGEST_PART or "\0" in value:
        raise Invalid(
            field,
            f"must be 1 to {LONGEST_PART} characters without NUL.",
            f"长度须为 1 到 {LONGEST_PART} 个字符，且不含 NUL。",
        )
    return validation.check_encodable(field, value)


def _check_milliseconds(field: str, value: int) -> int:
    return validation.check_between(field, value, 0, validation.MAX_ID)


RULES: Mapping[str, Rule] = {
    "server_id": validation.check_id,
    "task_id": validation.check_id,
    "fleet_run_id": validation.check_id,
    "created_by": validation.check_id,
    "name": _check_name,
    "name_contains": validation.check_name_part,
    "tag": validation.check_name_part,
    "states": _check_states,
    "trigger": lambda field, value: validation.check_one_of(field, value, Trigger),
    "last_run_from": validation.check_time,
    "last_run_to": validation.check_time,
    "created_from": validation.check_time,
    "created_to": validation.check_time,
    "start_time_from": validation.check_time,
    "start_time_to": validation.check_time,
    "end_time_from": validation.check_time,
    "end_time_to": validation.check_time,
    "duration_ms_from": _check_milliseconds,
    "duration_ms_to": _check_milliseconds,
    "reasons": _check_reasons,
    "exit_codes": _check_exit_codes,
    "command_contains": _check_part,
    "tags_all": _check_tags,
    "tags_any": _check_tags,
    "tags_none": _check_tags,
}
ORDERED = ("start_time", "end_time", "duration_ms")
# Those that only GraphQL has, whose errors name the argument too.
NESTED = (
    *(f"{name}_{end}" for name in ORDERED for end in ("from", "to")),
    *("reasons", "exit_codes", "name", "command_contains", "tags_all", "tags_any", "tags_none"),
)


def check(ctx: Context, filter: Filter) -> Filter:
    """Return the filter limited to what the viewer may see. Invalid names a value that no row can match.

    Unauthenticated without a viewer, whatever the filter holds.
    """
    visibility = ctx.visibility
    values = {item.name: getattr(filter, item.name) for item in fields(filter)}
    checked = {name: _check_value(name, value) for name, value in values.items() if value is not None and name in RULES}
    for name in ORDERED:
        low, high = checked.get(f"{name}_from"), checked.get(f"{name}_to")
        if low is not None and high is not None and low > high:
            raise Invalid(
                ("filter", f"{name}_from"), "must not be above the other end of the range.", "不能大于范围的另一端。"
            )
    return replace(filter, **checked, visibility=visibility)


def _check_value(name: str, value: Any) -> Any:
    try:
        return RULES[name](name, value)
    except Invalid as error:
        if name in NESTED:
            error.field = ("filter", name)
        raise


def refuse_numbered_scan(filter: ExecutionFilter, request: PageRequest) -> None:
    """Raise Invalid if a page is asked for by number that may end before it is full, since it looks at so many rows."""
    if filter.command_contains is not None and (request.page is not None or request.page_size is not None):
        raise Invalid(
            "page",
            "cannot be combined with a filter by a part of the command: use first and after.",
            "不能与按命令内容的筛选同时使用：请用 first 和 after。",
        )
