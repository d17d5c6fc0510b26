"""The subscriptions: each runs one of the resolvers' generators as long as the viewer may watch."""

from typing import Annotated, Any

import strawberry
from strawberry import ID

from resolvers import audit, events, output, output_slices, slots, updates
from resolvers.streaming import while_authorized
from schema.audit import AfterId, AuditEvent
from schema.event_stream import Event, Events, build_event_filter
from schema.events import OutputEvent, convert_events
from schema.fields import typed_subscription
from schema.filters import Executions, Slots, build_execution_filter, build_slot_filter
from schema.fleet_streams import FleetSubscriptions, convert_rows
from schema.ids import parse_id, parse_optional_id
from schema.objects import Execution, Slot
from schema.operation import Info

ExecutionId = Annotated[ID, strawberry.argument(description="The execution.")]
AfterEvent = Annotated[
    str | None,
    strawberry.argument(description="Start after the event with this cursor; without it, from the beginning."),
]


AfterPlace = Annotated[
    str | None,
    strawberry.argument(description="Start after this cursor of the event stream; without it, from now on."),
]
OLD = "Use `events`, which loses nothing while you are away. It works until 2027-06-30."


TailLines = Annotated[
    int | None,
    strawberry.argument(
        description="Start with this many of the newest lines, at most the newest MiB; not with `after`."
    ),
]


@strawberry.type(description="The events that can be followed live.")
class Subscription(FleetSubscriptions):
    @typed_subscription(
        OutputEvent,
        "Follow an execution's output, from the beginning, from a cursor or from its newest lines, live until it ends.",
    )
    async def execution_output(
        self, info: Info, execution_id: ExecutionId, after: AfterEvent = None, last_lines: TailLines = None
    ) -> Any:
        ctx = info.context.ctx
        id = parse_id("execution_id", execution_id)
        after = await output_slices.find_start(ctx, id, after, last_lines)
        decoders = await output.load_decoders(ctx, id, after)
        return convert_events(while_authorized(ctx, output.follow(ctx, id, after)), decoders)

    @typed_subscription(
        Execution, "Get each execution that is created or changes its state, from now on.", deprecated=OLD
    )
    async def execution_updates(self, info: Info, filter: Executions = None) -> Any:
        ctx = info.context.ctx
        return while_authorized(ctx, updates.follow(ctx, build_execution_filter(filter)))

    @typed_subscription(
        Slot,
        "Get each slot of a schedule when its outcome is decided, and again when a waiting one changes, from now on.",
        deprecated=OLD,
    )
    async def schedule_events(self, info: Info, filter: Slots = None) -> Any:
        ctx = info.context.ctx
        return while_authorized(ctx, slots.follow(ctx, build_slot_filter(filter)))

    @typed_subscription(
        Event,
        "Get each event of the stream once and in order: those after a cursor, then live. Fails with CURSOR_EXPIRED if "
        "some were removed that you have not had.",
    )
    async def events(self, info: Info, after: AfterPlace = None, filter: Events = None) -> Any:
        ctx = info.context.ctx
        found = while_authorized(ctx, events.follow(ctx, build_event_filter(filter), after))
        return convert_rows(found)

    @typed_subscription(AuditEvent, "Get each audit event as it is written, once and in order. For admins.")
    async def audit_trail(self, info: Info, after: AfterId = None) -> Any:
        ctx = info.context.ctx
        return while_authorized(ctx, audit.follow(ctx, parse_optional_id("after", after)))
