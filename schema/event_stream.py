"""The event stream: its events, their filter, and the page of them that `Query.events` gives."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry import ID

from db.event_filters import EventFilter
from db.values import EventKind
from resolvers import events
from schema.audit import AuditEvent
from schema.connection import After, Before, Connection, First, Last, PageArguments
from schema.enums import Reason, State, register_enum
from schema.fields import loaded_field, typed_field
from schema.fleet_enums import FleetState
from schema.fleets import FleetRun
from schema.ids import parse_optional_id
from schema.objects import Execution, Server, Slot, Task, User
from schema.operation import Info
from schema.schedule_words import SlotOutcome

register_enum(
    EventKind,
    "EventKind",
    "The kind of an event of the stream.",
    {
        "EXECUTION_CREATED": "An execution was requested, and waits for a runner.",
        "EXECUTION_STARTED": "A runner started on an execution.",
        "EXECUTION_CANCEL_REQUESTED": "A running execution is to be stopped.",
        "EXECUTION_ENDED": "An execution ended; its state is final.",
        "SLOT_DECIDED": "A schedule was due, and it was decided what happens.",
        "SLOT_CHANGED": "The outcome of a slot changed, such as that of one that waited.",
        "TASK_CREATED": "A task was created.",
        "TASK_UPDATED": "A task was changed.",
        "TASK_PAUSED": "A task's schedule was paused.",
        "TASK_RESUMED": "A task's paused schedule was resumed by a user.",
        "TASK_DELETED": "A task was deleted.",
        "TASK_POLICY_SET": "The command policy of a task was set.",
        "SERVER_CREATED": "A server was registered.",
        "SERVER_UPDATED": "A server was changed.",
        "SERVER_DELETED": "A server was deleted.",
        "SERVER_POLICY_SET": "The command policy of a server was set.",
        "FLEET_RUN_CREATED": "A fleet run was started.",
        "FLEET_RUN_CANCEL_REQUESTED": "A fleet run is to be cancelled.",
        "FLEET_RUN_ENDED": "A fleet run ended; its state is final.",
        "AUDIT_RECORDED": "An event was added to the audit. Only admins see this kind.",
    },
)


@strawberry.interface(
    description="Something that happened, recorded in the transaction that did it. Events are in the order in which "
    "they became final, and each has one place."
)
class Event:
    cursor: str = strawberry.field(description="The position after this event: pass it as `after` to go on from here.")
    at: datetime = strawberry.field(description="When it happened, by the clock of the process that did it.")
    kind: EventKind = strawberry.field(description="What happened.")
    actor_id: strawberry.Private[int | None]

    actor = loaded_field(
        User | None,
        "The user who did it; null where the service did, or a command on the machine that acts for no user.",
        loader="users",
        key="actor_id",
    )


@strawberry.type(description="An execution was created, started, is to be stopped, or ended.")
class ExecutionEvent(Event):
    execution_id: ID = strawberry.field(description="The execution's id.")
    state: State = strawberry.field(description="Its state as of this event.")
    reason: Reason | None = strawberry.field(description="Why it ended, as of this event; null until then.")

    execution = loaded_field(
        Execution | None,
        "The execution as it is now; null once retention has removed it.",
        loader="executions",
        key="execution_id",
    )


@strawberry.type(description="The outcome of a slot was decided, or changed.")
class SlotEvent(Event):
    slot_id: ID = strawberry.field(description="The slot's id.")
    task_id: ID = strawberry.field(description="The id of its task.")
    outcome: SlotOutcome = strawberry.field(description="Its outcome as of this event.")

    slot = loaded_field(
        Slot | None, "The slot as it is now; null once retention has removed it.", loader="slots", key="slot_id"
    )


@strawberry.type(description="A task was created, changed or deleted.")
class TaskEvent(Event):
    task_id: ID = strawberry.field(description="The task's id.")

    task = loaded_field(Task | None, "The task as it is now, even if it is deleted.", loader="tasks", key="task_id")


@strawberry.type(description="A server was registered, changed or deleted.")
class ServerEvent(Event):
    server_id: ID = strawberry.field(description="The server's id.")

    server = loaded_field(
        Server | None, "The server as it is now, even if it is deleted.", loader="servers", key="server_id"
    )


@strawberry.type(description="A fleet run was started, is to be cancelled, or ended.")
class FleetRunEvent(Event):
    fleet_run_id: ID = strawberry.field(description="The fleet run's id.")
    fleet_run_state: FleetState = strawberry.field(description="Its state as of this event.")

    fleet_run = loaded_field(FleetRun | None, "The fleet run as it is now.", loader="fleet_runs", key="fleet_run_id")


@strawberry.type(description="An event was added to the audit. For admins.")
class AuditRecorded(Event):
    audit_id: strawberry.Private[int]

    audit_event = loaded_field(AuditEvent | None, "The audit's event.", loader="audit_events", key="audit_id")


@strawberry.input(name="EventFilter", description="Selects events. Fields that are absent or null do not filter.")
class EventFilterInput:
    kinds: list[EventKind] | None = strawberry.field(default=None, description="Only events of one of these kinds.")
    execution_id: ID | None = strawberry.field(default=None, description="Only events of this execution.")
    task_id: ID | None = strawberry.field(
        default=None, description="Only events of this task, its executions and its slots."
    )
    server_id: ID | None = strawberry.field(
        default=None, description="Only events of this server, and of the tasks and executions on it at the time."
    )
    fleet_run_id: ID | None = strawberry.field(
        default=None, description="Only events of this fleet run and of its executions."
    )


Events = Annotated[EventFilterInput | None, strawberry.argument(description="Selects events; without it, all of them.")]


def build_event_filter(given: EventFilterInput | None) -> EventFilter:
    if given is None:
        return EventFilter()
    return EventFilter(
        kinds=None if given.kinds is None else tuple(given.kinds),
        execution_id=parse_optional_id(("filter", "execution_id"), given.execution_id),
        task_id=parse_optional_id(("filter", "task_id"), given.task_id),
        server_id=parse_optional_id(("filter", "server_id"), given.server_id),
        fleet_run_id=parse_optional_id(("filter", "fleet_run_id"), given.fleet_run_id),
    )


def build_event(row: Any) -> Event:
    """Return the event of a row of `db.event_models.Event`."""
    common: dict[str, Any] = {
        "cursor": events.encode_cursor(row),
        "at": row.at,
        "kind": EventKind(row.kind),
        "actor_id": row.actor_id,
    }
    subject = row.kind.partition("-")[0]
    if subject == "execution":
        reason = None if row.reason is None else Reason(row.reason)
        return ExecutionEvent(**common, execution_id=row.execution_id, state=State(row.state), reason=reason)
    if subject == "fleet":
        return FleetRunEvent(**common, fleet_run_id=row.fleet_run_id, fleet_run_state=FleetState(row.state))
    if subject == "slot":
        return SlotEvent(**common, slot_id=row.slot_id, task_id=row.task_id, outcome=SlotOutcome(row.state))
    if subject == "task":
        return TaskEvent(**common, task_id=row.task_id)
    if subject == "server":
        return ServerEvent(**common, server_id=row.server_id)
    return AuditRecorded(**common, audit_id=row.audit_id)


@typed_field(
    Connection[Event],
    "A page of the event stream, oldest first. `pageInfo.endCursor` may be passed as `after` even of an empty page, "
    "here and to the subscription. A page with fewer objects than were asked for may have a next one: a page looks at "
    "a bounded number of events.",
)
async def list_events(
    self: Any,
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    filter: Events = None,
) -> Any:
    request = PageArguments(first, after, last, before).build_ordered_request(None)
    found = await events.page(info.context.ctx, build_event_filter(filter), request)
    shown: list[Any] = [build_event(row) for row in found.rows]
    return Connection(found=replace(found, rows=shown))
