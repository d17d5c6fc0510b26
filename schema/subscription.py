"""The subscriptions: each is one of the resolvers' generators, for as long as the viewer may watch."""

from typing import Annotated, Any

import strawberry
from strawberry import ID

from resolvers import audit, cursor, output, slots, updates
from resolvers.decoding import Decoders
from schema.audit import AfterId, AuditEvent
from schema.events import OutputEvent, told
from schema.fields import watched
from schema.filters import Executions, Slots, execution_filter, slot_filter
from schema.ids import number, optional_number
from schema.objects import Execution, Slot
from schema.operation import Info
from schema.standing import while_standing

ExecutionId = Annotated[ID, strawberry.argument(description="The execution.")]
AfterEvent = Annotated[
    str | None, strawberry.argument(description="Only what comes after this event's cursor; else from the beginning.")
]


@strawberry.type(description="What can be watched.")
class Subscription:
    @watched(
        OutputEvent,
        "An execution's output, from its beginning or from a cursor, live until it ends.",
    )
    async def execution_output(self, info: Info, execution_id: ExecutionId, after: AfterEvent = None) -> Any:
        ctx = info.context.ctx
        id = number("execution_id", execution_id)
        decoders = Decoders(await output.lead(ctx, id, after), cursor.count_rests_told(after) or 0)
        return told(while_standing(ctx, output.follow(ctx, id, after)), decoders)

    @watched(Execution, "Executions, each time one comes into being or changes its state, from now on.")
    async def execution_updates(self, info: Info, filter: Executions = None) -> Any:
        ctx = info.context.ctx
        return while_standing(ctx, updates.follow(ctx, execution_filter(filter)))

    @watched(Slot, "Slots of schedules, each time one is decided, or decided anew after it waited, from now on.")
    async def schedule_events(self, info: Info, filter: Slots = None) -> Any:
        ctx = info.context.ctx
        return while_standing(ctx, slots.follow(ctx, slot_filter(filter)))

    @watched(AuditEvent, "Events of the audit as they are written, each once and in their order. For admins.")
    async def audit_trail(self, info: Info, after: AfterId = None) -> Any:
        ctx = info.context.ctx
        return while_standing(ctx, audit.follow(ctx, optional_number("after", after)))
