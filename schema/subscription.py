"""The subscriptions: each runs one of the resolvers' generators as long as the viewer may watch."""

from typing import Annotated, Any

import strawberry
from strawberry import ID

from resolvers import audit, cursor, output, slots, updates
from resolvers.decoding import Decoders
from resolvers.streaming import while_authorized
from schema.audit import AfterId, AuditEvent
from schema.events import OutputEvent, convert_events
from schema.fields import typed_subscription
from schema.filters import Executions, Slots, build_execution_filter, build_slot_filter
from schema.ids import parse_id, parse_optional_id
from schema.objects import Execution, Slot
from schema.operation import Info

ExecutionId = Annotated[ID, strawberry.argument(description="The execution.")]
AfterEvent = Annotated[
    str | None,
    strawberry.argument(description="Start after the event with this cursor; without it, from the beginning."),
]


@strawberry.type(description="The events that can be followed live.")
class Subscription:
    @typed_subscription(
        OutputEvent,
        "Follow an execution's output, from the beginning or from a cursor, live until it ends.",
    )
    async def execution_output(self, info: Info, execution_id: ExecutionId, after: AfterEvent = None) -> Any:
        ctx = info.context.ctx
        id = parse_id("execution_id", execution_id)
        decoders = Decoders(await output.load_lead_bytes(ctx, id, after), cursor.count_rests_told(after) or 0)
        return convert_events(while_authorized(ctx, output.follow(ctx, id, after)), decoders)

    @typed_subscription(Execution, "Get each execution that is created or changes its state, from now on.")
    async def execution_updates(self, info: Info, filter: Executions = None) -> Any:
        ctx = info.context.ctx
        return while_authorized(ctx, updates.follow(ctx, build_execution_filter(filter)))

    @typed_subscription(
        Slot,
        "Get each slot of a schedule when its outcome is decided, and again when a waiting one changes, from now on.",
    )
    async def schedule_events(self, info: Info, filter: Slots = None) -> Any:
        ctx = info.context.ctx
        return while_authorized(ctx, slots.follow(ctx, build_slot_filter(filter)))

    @typed_subscription(AuditEvent, "Get each audit event as it is written, once and in order. For admins.")
    async def audit_trail(self, info: Info, after: AfterId = None) -> Any:
        ctx = info.context.ctx
        return while_authorized(ctx, audit.follow(ctx, parse_optional_id("after", after)))
