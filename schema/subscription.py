"""The subscriptions: each is one of the resolvers' generators, for as long as the viewer may watch."""

from typing import Annotated, Any

import strawberry
from strawberry import ID

from resolvers import audit, cursor, output, slots, updates
from resolvers.decoding import Decoders
from schema.audit import AfterId, AuditEvent
from schema.authorized import while_authorized
from schema.events import OutputEvent, convert_events
from schema.fields import typed_subscription
from schema.filters import Executions, Slots, build_execution_filter, build_slot_filter
from schema.ids import parse_id, parse_optional_id
from schema.objects import Execution, Slot
from schema.operation import Info

ExecutionId = Annotated[ID, strawberry.argument(description="The execution.")]
AfterEvent = Annotated[
    str | None, strawberry.argument(description="Only what comes after this event's cursor; else from the beginning.")
]


@strawberry.type(description="What can be watched.")
class Subscription:
    @typed_subscription(
        OutputEvent,
        "An execution's output, from its beginning or from a cursor, live until it ends.",
    )
    async def execution_output(self, info: Info, execution_id: ExecutionId, after: AfterEvent = None) -> Any:
        ctx = info.context.ctx
        id = parse_id("execution_id", execution_id)
        decoders = Decoders(await output.load_lead_bytes(ctx, id, after), cursor.count_rests_told(after) or 0)
        return convert_events(while_authorized(ctx, output.follow(ctx, id, after)), decoders)

    @typed_subscription(Execution, "Executions, each time one comes into being or changes its state, from now on.")
    async def execution_updates(self, info: Info, filter: Executions = None) -> Any:
        ctx = info.context.ctx
        return while_authorized(ctx, updates.follow(ctx, build_execution_filter(filter)))

    @typed_subscription(
        Slot, "Slots of schedules, each time one is decided, or decided anew after it waited, from now on."
    )
    async def schedule_events(self, info: Info, filter: Slots = None) -> Any:
        ctx = info.context.ctx
        return while_authorized(ctx, slots.follow(ctx, build_slot_filter(filter)))

    @typed_subscription(
        AuditEvent, "Events of the audit as they are written, each once and in their order. For admins."
    )
    async def audit_trail(self, info: Info, after: AfterId = None) -> Any:
        ctx = info.context.ctx
        return while_authorized(ctx, audit.follow(ctx, parse_optional_id("after", after)))
