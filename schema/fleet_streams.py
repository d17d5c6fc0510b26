"""The subscriptions of fleet runs: the output of all executions, and their events."""

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any, cast

import strawberry
from strawberry import ID

from db.event_models import Event as Row
from resolvers import fleet_streams
from resolvers.fleet_streams import OutputPiece
from resolvers.streaming import while_authorized
from schema.enums import Stream
from schema.event_stream import Event, build_event
from schema.fields import loaded_field, typed_field, typed_subscription
from schema.ids import parse_id
from schema.objects import Execution, Server
from schema.operation import Info
from schema.scalars import Long

TheFleetRun = Annotated[ID, strawberry.argument(description="The fleet run.")]
AfterEvent = Annotated[
    str | None,
    strawberry.argument(description="Start after this cursor of the event stream; without it, from its start."),
]
AfterOutput = Annotated[
    str | None,
    strawberry.argument(description="Start after the chunk with this cursor; without it, from the beginning."),
]


@strawberry.type(description="A piece of the output of a fleet run: consecutive bytes of one stream of one execution.")
class FleetOutputChunk:
    cursor: str = strawberry.field(
        description="The position after it among the output of all executions: pass it as `after` to go on from here."
    )
    at: datetime = strawberry.field(description="When it was received.")
    execution_id: ID = strawberry.field(description="The execution's id.")
    server_id: ID = strawberry.field(description="The server's id.")
    stream: Stream = strawberry.field(description="Standard output or standard error.")
    offset: Long = strawberry.field(description="How many bytes of this stream of the execution come before it.")
    text: str = strawberry.field(
        description="The bytes decoded by the server's `outputEncoding`. A character that is split between two chunks "
        "is in the second one's text; bytes that are no character become U+FFFD. `base64` is exact."
    )
    data: strawberry.Private[bytes]

    execution = loaded_field(
        Execution | None,
        "The execution as it is now; null once retention has removed it.",
        loader="executions",
        key="execution_id",
    )
    server = loaded_field(Server | None, "The server as it is now.", loader="servers", key="server_id")

    @typed_field(str, "The exact bytes.")
    def base64(self) -> str:
        return base64.b64encode(self.data).decode()


@strawberry.type
class FleetSubscriptions:
    """The subscriptions to fleet runs."""

    @typed_subscription(
        Event,
        "Get the events of a fleet run and of its executions, each once and in order, until it has ended and all were "
        "told. Fails with CURSOR_EXPIRED if some were removed that you have not had.",
    )
    async def fleet_run_events(self, info: Info, id: TheFleetRun, after: AfterEvent = None) -> Any:
        ctx = info.context.ctx
        found = fleet_streams.follow_events(ctx, parse_id("id", id), after)
        return convert_rows(while_authorized(ctx, found))

    @typed_subscription(
        FleetOutputChunk,
        "Follow the output of all executions of a fleet run, in the order in which it was stored, live until the fleet "
        "run ends: of the servers that you may see.",
    )
    async def fleet_run_output(self, info: Info, id: TheFleetRun, after: AfterOutput = None) -> Any:
        ctx = info.context.ctx
        return _convert_output(while_authorized(ctx, fleet_streams.follow_output(ctx, parse_id("id", id), after)))


async def convert_rows(found: AsyncGenerator[Row, None]) -> AsyncGenerator[Event, None]:
    """Yield the events of rows."""
    async with aclosing(found):
        async for row in found:
            yield build_event(row)


async def _convert_output(found: AsyncGenerator[OutputPiece, None]) -> AsyncGenerator[FleetOutputChunk, None]:
    async with aclosing(found):
        async for piece in found:
            yield FleetOutputChunk(
                cursor=piece.cursor,
                at=piece.at,
                execution_id=cast(ID, piece.execution_id),
                server_id=cast(ID, piece.server_id),
                stream=piece.stream,
                offset=Long(piece.offset),
                text=piece.text,
                data=piece.data,
            )
