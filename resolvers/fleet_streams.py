"""Follow a fleet run: its events, or the output of all its executions, to its end and for those who may see it."""

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from db import events as event_table
from db import fleet_output, fleets
from db.event_filters import EventFilter
from db.event_models import Event
from db.events import EventRange, EventsFound, Expired, Position
from db.fleet_output import FleetChunk, FleetOutputFound, Place, UnknownPlace
from db.values import FleetState, Stream
from resolvers import decoding, events, validation
from resolvers.context import Context
from resolvers.decoding import Decoders
from resolvers.errors import CursorExpired, Invalid, NotFound
from runner import bus
from runner.bus import Watch

BATCH = 200
POLL_SECONDS = 1.0
# Changes that come at once share one read; on PostgreSQL a change may become final some time after the hint of it.
PAUSE_SECONDS = 0.05
CURSOR = re.compile(r"f(\d{1,19})-(\d{1,19})-(\d{1,10})", re.ASCII)


@dataclass(frozen=True, slots=True)
class EventsOfRun:
    """The next events. `until`: once the fleet run has ended, the position that its last event is at or before."""

    found: EventsFound | Expired
    until: Position | None


@dataclass(frozen=True, slots=True)
class OutputPiece:
    """Consecutive bytes of one stream of one execution, from its byte `offset` on, and their text."""

    execution_id: int
    server_id: int
    stream: Stream
    offset: int
    at: datetime
    data: bytes
    text: str
    cursor: str


@dataclass(slots=True)
class Pauses:
    """Waits for hints: shortly after one, and longer and longer while none comes."""

    watch: Watch
    seconds: float = POLL_SECONDS

    async def wait(self) -> None:
        await asyncio.sleep(PAUSE_SECONDS)
        await self.watch.wait(self.seconds)
        self.seconds = PAUSE_SECONDS if self.watch.is_set else min(2 * self.seconds, POLL_SECONDS)


async def follow_events(ctx: Context, id: int, after: str | None = None) -> AsyncGenerator[Event, None]:
    """Yield the events of the fleet run and its executions after the cursor (None: from its start), until its end.

    Raises NotFound when the viewer sees none of its servers, and CursorExpired as `events.follow` does.
    """
    filter = EventFilter(fleet_run_id=validation.check_id("id", id), visibility=ctx.visibility)
    position = events.decode_cursor("after", after) or event_table.START
    with ctx.reserve_stream(), ctx.service.bus.watch(bus.EXECUTIONS, bus.CANCELS) as watch:
        pauses = Pauses(watch)
        while True:
            watch.clear()
            read = await ctx.service.store.read(_read_events, filter, position)
            if read is None:
                raise NotFound.for_object("fleet run", id)
            found = events.require_kept(read.found)
            for row in found.rows:
                yield row
            position = found.edge
            if found.more:
                continue
            if read.until is not None and position >= read.until:
                return
            await pauses.wait()


def _read_events(conn: Connection, filter: EventFilter, position: Position) -> EventsOfRun | None:
    run = None if filter.fleet_run_id is None else fleets.by_id(conn, filter.fleet_run_id, filter.visibility)
    if run is None:
        return None
    found = event_table.read(conn, filter, EventRange(limit=BATCH, after=position))
    return EventsOfRun(found, event_table.find_newest(conn) if FleetState(run.state).is_final else None)


async def follow_output(ctx: Context, id: int, after: str | None = None) -> AsyncGenerator[OutputPiece, None]:
    """Yield the output of all executions after the cursor (None: from the start), as it was stored, until the end.

    Raises NotFound when the viewer sees none of its servers, and CursorExpired for a cursor from before a restore.
    """
    validation.check_id("id", id)
    place = _decode_cursor(after)
    texts = Texts(ctx, from_start=after is None)
    with ctx.reserve_stream(), ctx.service.bus.watch(bus.EXECUTIONS, bus.fleet_address(id)) as watch:
        pauses = Pauses(watch)
        while True:
            watch.clear()
            found = _require(await ctx.service.store.read(fleet_output.read, id, place, ctx.visibility), id)
            for chunk in found.rows:
                yield await texts.decode(chunk)
            place = found.edge
            if found.more:
                continue
            if found.ended:
                return
            await pauses.wait()


@dataclass(slots=True)
class Texts:
    """Makes text of chunks. A character that is split between two chunks of an execution is in the second one's text.

    Decoders are kept only of executions whose output ends within a character.
    """

    ctx: Context
    from_start: bool
    _begun: set[int] = field(default_factory=set)
    _pending: dict[int, Decoders] = field(default_factory=dict)

    async def decode(self, chunk: FleetChunk) -> OutputPiece:
        decoders = self._pending.pop(chunk.execution_id, None) or await self._begin(chunk)
        text = decoders.decode(chunk.stream, chunk.data, chunk.offset)
        if decoders.is_pending():
            self._pending[chunk.execution_id] = decoders
        return OutputPiece(
            execution_id=chunk.execution_id,
            server_id=chunk.server_id,
            stream=chunk.stream,
            offset=chunk.offset,
            at=chunk.at,
            data=chunk.data,
            text=text,
            cursor=_encode_cursor(chunk.place),
        )

    async def _begin(self, chunk: FleetChunk) -> Decoders:
        """After a cursor, the first chunk of an execution may begin within a character."""
        id = chunk.execution_id
        is_new = id not in self._begun
        self._begun.add(id)
        if self.from_start or not is_new or not chunk.position:
            return Decoders(chunk.encoding)
        return await self.ctx.service.store.read(decoding.load_decoders, id, chunk.position)


def _require(found: FleetOutputFound | UnknownPlace | None, id: int) -> FleetOutputFound:
    if found is None:
        raise NotFound.for_object("fleet run", id)
    if isinstance(found, UnknownPlace):
        if found.is_foreign:
            raise Invalid("after", "is a cursor of another fleet run's output.", "是另一次批量执行的输出游标。")
        raise CursorExpired(field=("after",))
    return found


def _encode_cursor(place: Place) -> str:
    return "f{}-{}-{}".format(*place)


def _decode_cursor(cursor: str | None) -> Place:
    if cursor is None:
        return fleet_output.START
    found = CURSOR.fullmatch(cursor)
    if found is None or max(map(int, found.groups())) > validation.MAX_ID:
        raise Invalid(
            "after",
            "is not a cursor of a fleet run's output: use one that `fleetRunOutput` gave.",
            "不是批量执行的输出游标：请使用 `fleetRunOutput` 给出的游标。",
        )
    return Place(*map(int, found.groups()))
