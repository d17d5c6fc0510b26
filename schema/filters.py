"""The filters of lists. An object must match all parts of a filter."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID

from db.executions import ExecutionFilter
from db.servers import ServerFilter
from db.slots import SlotFilter
from db.tasks import TaskFilter
from resolvers.errors import Invalid
from resolvers.validation import check_text
from schema.enums import State, Trigger
from schema.ids import parse_optional_id
from schema.schedule_words import SlotOutcome

LONGEST = 100


@strawberry.input(name="TaskFilter", description="Selects tasks. Fields that are absent or null do not filter.")
class TaskFilterInput:
    server_id: ID | None = strawberry.field(default=None, description="Only tasks of this server.")
    enabled: bool | None = strawberry.field(
        default=None, description="true: only those that are enabled; false: only those that are disabled."
    )
    name_contains: str | None = strawberry.field(
        default=None, description="Only those whose name contains this text, in upper or lower case."
    )
    last_run_from: datetime | None = strawberry.field(
        default=None, description="Only tasks last started at this time or later."
    )
    last_run_to: datetime | None = strawberry.field(
        default=None, description="Only tasks last started at this time or earlier."
    )
    created_by: ID | None = strawberry.field(
        default=None, name="createdById", description="Only tasks that this user created."
    )


@strawberry.input(name="ServerFilter", description="Selects servers. Fields that are absent or null do not filter.")
class ServerFilterInput:
    name_contains: str | None = strawberry.field(
        default=None, description="Only those whose name contains this text, in upper or lower case."
    )
    enabled: bool | None = strawberry.field(
        default=None, description="true: only those that are enabled; false: only those that are disabled."
    )
    tag: str | None = strawberry.field(default=None, description="Only servers with this tag.")


@strawberry.input(
    name="TaskExecutionFilter", description="Selects executions. Fields that are absent or null do not filter."
)
class ExecutionFilterInput:
    states: list[State] | None = strawberry.field(default=None, description="Only executions in one of these states.")
    server_id: ID | None = strawberry.field(default=None, description="Only executions on this server.")
    task_id: ID | None = strawberry.field(default=None, description="Only those of this task.")
    trigger: Trigger | None = strawberry.field(default=None, description="Only executions that came about in this way.")
    created_by: ID | None = strawberry.field(
        default=None, name="createdById", description="Only executions that this user requested."
    )
    created_from: datetime | None = strawberry.field(
        default=None, description="Only executions requested at this time or later."
    )
    created_to: datetime | None = strawberry.field(
        default=None, description="Only executions requested at this time or earlier."
    )
    has_findings: bool | None = strawberry.field(
        default=None,
        description="true: only executions with findings of the command policy; false: only those without.",
    )


@strawberry.input(name="ScheduleSlotFilter", description="Selects slots. Fields that are absent or null do not filter.")
class SlotFilterInput:
    task_id: ID | None = strawberry.field(default=None, description="Only those of this task.")
    server_id: ID | None = strawberry.field(
        default=None, description="Only slots of tasks that belong to this server now."
    )
    outcomes: list[SlotOutcome] | None = strawberry.field(
        default=None, description="Only slots with one of these outcomes."
    )
    slot_from: datetime | None = strawberry.field(default=None, description="Only slots due at this time or later.")
    slot_to: datetime | None = strawberry.field(default=None, description="Only slots due at this time or earlier.")


Tasks = Annotated[TaskFilterInput | None, strawberry.argument(description="Selects tasks; without it, all of them.")]
Servers = Annotated[
    ServerFilterInput | None, strawberry.argument(description="Selects servers; without it, all of them.")
]
Executions = Annotated[
    ExecutionFilterInput | None, strawberry.argument(description="Selects executions; without it, all of them.")
]

Slots = Annotated[SlotFilterInput | None, strawberry.argument(description="Selects slots; without it, all of them.")]


def build_task_filter(given: TaskFilterInput | None) -> TaskFilter:
    if given is None:
        return TaskFilter()
    return TaskFilter(
        server_id=parse_optional_id(("filter", "server_id"), given.server_id),
        enabled=given.enabled,
        name_contains=_read_name_filter(given.name_contains),
        last_run_from=given.last_run_from,
        last_run_to=given.last_run_to,
        created_by=parse_optional_id(("filter", "created_by"), given.created_by),
    )


def build_server_filter(given: ServerFilterInput | None) -> ServerFilter:
    if given is None:
        return ServerFilter()
    return ServerFilter(
        name_contains=_read_name_filter(given.name_contains),
        enabled=given.enabled,
        tag=given.tag if given.tag is None else _check_filter_text("tag", given.tag, 64),
    )


def build_execution_filter(given: ExecutionFilterInput | None) -> ExecutionFilter:
    if given is None:
        return ExecutionFilter()
    return ExecutionFilter(
        states=None if given.states is None else tuple(given.states),
        server_id=parse_optional_id(("filter", "server_id"), given.server_id),
        task_id=parse_optional_id(("filter", "task_id"), given.task_id),
        trigger=given.trigger,
        created_from=given.created_from,
        created_to=given.created_to,
        created_by=parse_optional_id(("filter", "created_by"), given.created_by),
        has_findings=given.has_findings,
    )


def build_slot_filter(given: SlotFilterInput | None) -> SlotFilter:
    if given is None:
        return SlotFilter()
    return SlotFilter(
        task_id=parse_optional_id(("filter", "task_id"), given.task_id),
        server_id=parse_optional_id(("filter", "server_id"), given.server_id),
        outcomes=None if given.outcomes is None else tuple(given.outcomes),
        slot_from=given.slot_from,
        slot_to=given.slot_to,
    )


def _read_name_filter(value: str | None) -> str | None:
    """Return the filter's text; None for an empty one, which does not filter."""
    return _check_filter_text("name_contains", value, LONGEST) if value else None


def _check_filter_text(name: str, value: str, longest: int) -> str:
    try:
        return check_text(name, value, longest=longest)
    except Invalid as error:
        error.field = ("filter", name)
        raise
