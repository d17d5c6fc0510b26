"""What lists can be narrowed by; the parts combine with AND."""

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


@strawberry.input(name="TaskFilter", description="Which tasks. What is absent or null filters nothing.")
class TaskFilterInput:
    server_id: ID | None = strawberry.field(default=None, description="Those of this server.")
    enabled: bool | None = strawberry.field(default=None, description="Those that are switched on, or off.")
    name_contains: str | None = strawberry.field(
        default=None, description="Those with this in their names, in capitals or not."
    )
    last_run_from: datetime | None = strawberry.field(default=None, description="Last started then or later.")
    last_run_to: datetime | None = strawberry.field(default=None, description="Last started then or earlier.")
    created_by: ID | None = strawberry.field(
        default=None, name="createdById", description="Those that this user created."
    )


@strawberry.input(name="ServerFilter", description="Which servers. What is absent or null filters nothing.")
class ServerFilterInput:
    name_contains: str | None = strawberry.field(
        default=None, description="Those with this in their names, in capitals or not."
    )
    enabled: bool | None = strawberry.field(default=None, description="Those that are switched on, or off.")
    tag: str | None = strawberry.field(default=None, description="Those that have this tag.")


@strawberry.input(name="TaskExecutionFilter", description="Which executions. What is absent or null filters nothing.")
class ExecutionFilterInput:
    states: list[State] | None = strawberry.field(default=None, description="Those in one of these states.")
    server_id: ID | None = strawberry.field(default=None, description="Those on this server.")
    task_id: ID | None = strawberry.field(default=None, description="Those of this task.")
    trigger: Trigger | None = strawberry.field(default=None, description="Those that this made.")
    created_by: ID | None = strawberry.field(
        default=None, name="createdById", description="Those that this user asked for."
    )
    created_from: datetime | None = strawberry.field(default=None, description="Asked for then or later.")
    created_to: datetime | None = strawberry.field(default=None, description="Asked for then or earlier.")
    has_findings: bool | None = strawberry.field(
        default=None, description="Those of which the command policy found something, or nothing."
    )


@strawberry.input(name="ScheduleSlotFilter", description="Which slots. What is absent or null filters nothing.")
class SlotFilterInput:
    task_id: ID | None = strawberry.field(default=None, description="Those of this task.")
    server_id: ID | None = strawberry.field(default=None, description="Those of tasks that run on this server now.")
    outcomes: list[SlotOutcome] | None = strawberry.field(default=None, description="Those with one of these.")
    slot_from: datetime | None = strawberry.field(default=None, description="Due then or later.")
    slot_to: datetime | None = strawberry.field(default=None, description="Due then or earlier.")


Tasks = Annotated[TaskFilterInput | None, strawberry.argument(description="Which tasks; all if it is absent.")]
Servers = Annotated[ServerFilterInput | None, strawberry.argument(description="Which servers; all if it is absent.")]
Executions = Annotated[
    ExecutionFilterInput | None, strawberry.argument(description="Which executions; all if it is absent.")
]

Slots = Annotated[SlotFilterInput | None, strawberry.argument(description="Which slots; all if it is absent.")]


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
    """An empty one filters nothing."""
    return _check_filter_text("name_contains", value, LONGEST) if value else None


def _check_filter_text(name: str, value: str, longest: int) -> str:
    try:
        return check_text(name, value, longest=longest)
    except Invalid as error:
        error.field = ("filter", name)
        raise
