"""The filters of lists. An object must match all parts of a filter."""

from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry import ID

from db.executions import ExecutionFilter
from db.servers import ServerFilter
from db.slots import SlotFilter
from db.tasks import TaskFilter
from resolvers.errors import Invalid
from resolvers.validation import check_text
from schema.enums import Reason, State, Trigger
from schema.ids import parse_optional_id
from schema.scalars import Long
from schema.schedule_words import ScheduleMode, SlotOutcome

LONGEST = 100


@strawberry.input(name="TaskFilter", description="Selects tasks. Fields that are absent or null do not filter.")
class TaskFilterInput:
    server_id: ID | None = strawberry.field(default=None, description="Only tasks of this server.")
    enabled: bool | None = strawberry.field(
        default=None, description="true: only those that are enabled; false: only those that are disabled."
    )
    schedule_mode: ScheduleMode | None = strawberry.field(default=None, description="Only tasks in this mode.")
    name: str | None = strawberry.field(default=None, description="Only tasks with exactly this name.")
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
    tags_all: list[str] | None = strawberry.field(
        default=None, description="Only tasks of servers with every one of these tags."
    )
    tags_any: list[str] | None = strawberry.field(
        default=None, description="Only tasks of servers with one of these tags."
    )
    tags_none: list[str] | None = strawberry.field(
        default=None, description="Only tasks of servers with none of these tags."
    )


@strawberry.input(name="ServerFilter", description="Selects servers. Fields that are absent or null do not filter.")
class ServerFilterInput:
    name: str | None = strawberry.field(default=None, description="Only the server with exactly this name.")
    name_contains: str | None = strawberry.field(
        default=None, description="Only those whose name contains this text, in upper or lower case."
    )
    enabled: bool | None = strawberry.field(
        default=None, description="true: only those that are enabled; false: only those that are disabled."
    )
    tag: str | None = strawberry.field(default=None, description="Only servers with this tag.")
    tags_all: list[str] | None = strawberry.field(
        default=None, description="Only servers with every one of these tags."
    )
    tags_any: list[str] | None = strawberry.field(default=None, description="Only servers with one of these tags.")
    tags_none: list[str] | None = strawberry.field(default=None, description="Only servers with none of these tags.")


@strawberry.input(
    name="TaskExecutionFilter", description="Selects executions. Fields that are absent or null do not filter."
)
class ExecutionFilterInput:
    states: list[State] | None = strawberry.field(default=None, description="Only executions in one of these states.")
    server_id: ID | None = strawberry.field(default=None, description="Only executions on this server.")
    task_id: ID | None = strawberry.field(default=None, description="Only those of this task.")
    fleet_run_id: ID | None = strawberry.field(default=None, description="Only those of this fleet run.")
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
    reasons: list[Reason] | None = strawberry.field(
        default=None, description="Only executions that ended for one of these reasons."
    )
    exit_codes: list[Long] | None = strawberry.field(
        default=None, description="Only executions whose command ended with one of these exit codes."
    )
    exit_code_non_zero: bool | None = strawberry.field(
        default=None,
        description="true: only executions whose command ended with another exit code than 0; false: only those with "
        "0. Executions without an exit code are neither.",
    )
    command_contains: str | None = strawberry.field(
        default=None,
        description="Only those whose command contains this text, in upper and lower case as it is written here. A "
        "page looks at 10,000 executions at most, so it may have fewer objects than asked for, or none, although "
        "there are more: as long as `hasNextPage` is true, go on with `endCursor`.",
    )
    start_time_from: datetime | None = strawberry.field(
        default=None, description="Only executions started at this time or later."
    )
    start_time_to: datetime | None = strawberry.field(
        default=None, description="Only executions started at this time or earlier."
    )
    end_time_from: datetime | None = strawberry.field(
        default=None, description="Only executions that ended at this time or later."
    )
    end_time_to: datetime | None = strawberry.field(
        default=None, description="Only executions that ended at this time or earlier."
    )
    duration_ms_from: Long | None = strawberry.field(
        default=None, description="Only executions that took this many milliseconds or more."
    )
    duration_ms_to: Long | None = strawberry.field(
        default=None, description="Only executions that took this many milliseconds or less."
    )
    tags_all: list[str] | None = strawberry.field(
        default=None, description="Only executions on servers with every one of these tags."
    )
    tags_any: list[str] | None = strawberry.field(
        default=None, description="Only executions on servers with one of these tags."
    )
    tags_none: list[str] | None = strawberry.field(
        default=None, description="Only executions on servers with none of these tags."
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
        schedule_mode=given.schedule_mode,
        name=given.name,
        name_contains=_read_name_filter(given.name_contains),
        last_run_from=given.last_run_from,
        last_run_to=given.last_run_to,
        created_by=parse_optional_id(("filter", "created_by"), given.created_by),
        tags_all=_freeze(given.tags_all),
        tags_any=_freeze(given.tags_any),
        tags_none=_freeze(given.tags_none),
    )


def build_server_filter(given: ServerFilterInput | None) -> ServerFilter:
    if given is None:
        return ServerFilter()
    return ServerFilter(
        name=given.name,
        name_contains=_read_name_filter(given.name_contains),
        enabled=given.enabled,
        tag=given.tag if given.tag is None else _check_filter_text("tag", given.tag, 64),
        tags_all=_freeze(given.tags_all),
        tags_any=_freeze(given.tags_any),
        tags_none=_freeze(given.tags_none),
    )


def build_execution_filter(given: ExecutionFilterInput | None) -> ExecutionFilter:
    if given is None:
        return ExecutionFilter()
    return ExecutionFilter(
        states=None if given.states is None else tuple(given.states),
        server_id=parse_optional_id(("filter", "server_id"), given.server_id),
        task_id=parse_optional_id(("filter", "task_id"), given.task_id),
        fleet_run_id=parse_optional_id(("filter", "fleet_run_id"), given.fleet_run_id),
        trigger=given.trigger,
        created_from=given.created_from,
        created_to=given.created_to,
        created_by=parse_optional_id(("filter", "created_by"), given.created_by),
        has_findings=given.has_findings,
        reasons=_freeze(given.reasons),
        exit_codes=_freeze(given.exit_codes),
        non_zero=given.exit_code_non_zero,
        command_contains=given.command_contains,
        start_time_from=given.start_time_from,
        start_time_to=given.start_time_to,
        end_time_from=given.end_time_from,
        end_time_to=given.end_time_to,
        duration_ms_from=given.duration_ms_from,
        duration_ms_to=given.duration_ms_to,
        tags_all=_freeze(given.tags_all),
        tags_any=_freeze(given.tags_any),
        tags_none=_freeze(given.tags_none),
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


def _freeze(values: list[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)


def _read_name_filter(value: str | None) -> str | None:
    """Return the filter's text; None for an empty one, which does not filter."""
    return _check_filter_text("name_contains", value, LONGEST) if value else None


def _check_filter_text(name: str, value: str, longest: int) -> str:
    try:
        return check_text(name, value, longest=longest)
    except Invalid as error:
        error.field = ("filter", name)
        raise
