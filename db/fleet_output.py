"""The output of a fleet run, in the order in which it was committed: each flush of each execution has its place.

As with events, PostgreSQL may commit a transaction after one with a higher number, so rows are read up to the lowest
number that is still in use. Once the fleet run has ended no row is added any more, and all are read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    insert,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)

from db import fleets, rows
from db.fleet_models import FleetOutput
from db.models import Server, TaskExecution
from db.output_models import OutputChunk
from db.page import Conditions
from db.prepared import Prepared
from db.values import FleetState, Stream
from db.visibility import VisibilityScope

flushes = rows.get_table(FleetOutput)
chunks = rows.get_table(OutputChunk)
executions = rows.get_table(TaskExecution)
servers = rows.get_table(Server)

# One read looks at so many rows of `fleet_output`, and returns about so many bytes in so many chunks at most.
MOST_FLUSHES = 1000
MOST_CHUNKS = 256
MOST_BYTES = 256 * 1024

XID: ColumnElement[int] = literal_column("pg_current_xact_id()::text::bigint")
NAMES = ("xid", "fleet_run_id", "execution_id", "position", "size")
INSERT = {
    "sqlite": Prepared(insert(flushes), names=NAMES),
    "postgresql": Prepared(insert(flushes).values(xid=XID)),
}
HORIZON = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
NEWEST = {
    "sqlite": text("SELECT 0, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'fleet_output'), 0)"),
    "postgresql": text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, 0"),
}
IS_RESTORED = text(
    "SELECT (SELECT max(xid) FROM fleet_output) >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
)


class Place(NamedTuple):
    """A position in a fleet run's output: behind the first `offset` bytes of the flush (`xid`, `id`)."""

    xid: int
    id: int
    offset: int


START = Place(0, 0, 0)


@dataclass(frozen=True, slots=True)
class FleetChunk:
    """Consecutive bytes of one stream of one execution. `place` is the position behind them."""

    place: Place
    execution_id: int
    server_id: int
    encoding: str
    position: int
    stream: Stream
    offset: int
    at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class FleetOutputFound:
    """Chunks in order. `edge` is how far one has looked; `more` may follow; `ended`: nothing is added any more."""

    rows: list[FleetChunk]
    edge: Place
    more: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class UnknownPlace:
    """The position is not one of this fleet run (`is_foreign`), or not one of this database as it is now."""

    is_foreign: bool


def add(conn: Connection, owners: Mapping[int, int | None], new_rows: Sequence[Mapping[str, Any]]) -> None:
    """Note the chunks of one flush. `owners` are the fleet runs of executions; those without one need no note."""
    noted: dict[int, dict[str, Any]] = {}
    for row in new_rows:
        id = row["execution_id"]
        if owners[id] is not None:
            first = {"xid": 0, "fleet_run_id": owners[id], "execution_id": id, "position": row["position"]}
            flush = noted.setdefault(id, first)
            flush["size"] = row["position"] + row["size"] - flush["position"]
    if noted:
        names = NAMES if conn.dialect.name == "sqlite" else NAMES[1:]
        INSERT[conn.dialect.name].change_each(conn, [{name: row[name] for name in names} for row in noted.values()])


def remove(conn: Connection, execution_ids: Sequence[int]) -> None:
    conn.execute(delete(flushes).where(flushes.c.execution_id.in_(execution_ids)))


def read(
    conn: Connection, fleet_run_id: int, after: Place, visibility: VisibilityScope
) -> FleetOutputFound | UnknownPlace | None:
    """Return the next chunks of visible servers; None if the fleet run does not exist or none of it is visible."""
    run = fleets.by_id(conn, fleet_run_id, visibility)
    if run is None:
        return None
    unknown = _check_place(conn, fleet_run_id, after)
    if unknown is not None:
        return unknown
    ended = FleetState(run.state).is_final
    found, more = _list_flushes(conn, fleet_run_id, after, _limit_to_final(conn, ended=ended))
    wanted = _keep_visible(conn, found, visibility)
    chosen = _choose(wanted, after)
    loaded = _load_chunks(conn, chosen, after) if chosen else []
    is_cut = len(chosen) < len(wanted)
    edge = _find_edge(found, is_cut, chosen, after)
    if len(loaded) == MOST_CHUNKS:
        edge, more = loaded[-1].place, True
    return FleetOutputFound(loaded, edge, more or is_cut, ended)


def _check_place(conn: Connection, fleet_run_id: int, after: Place) -> UnknownPlace | None:
    """A restored database may have other flushes under the same numbers, and retention removes flushes."""
    if after == START:
        return None
    query = select(flushes.c.xid, flushes.c.fleet_run_id, flushes.c.size).where(flushes.c.id == after.id)
    row = conn.execute(query).first()
    if row is not None:
        is_same = row.xid == after.xid and after.offset <= row.size
        is_foreign = row.fleet_run_id != fleet_run_id
        return UnknownPlace(is_foreign) if is_foreign or not is_same else None
    newest = tuple(conn.execute(NEWEST[conn.dialect.name]).one())
    return UnknownPlace(is_foreign=False) if (after.xid, after.id) > newest else None


def _limit_to_final(conn: Connection, *, ended: bool) -> Conditions:
    if ended or conn.dialect.name == "sqlite":
        return []
    return [flushes.c.xid < conn.scalar(HORIZON)]


def _list_flushes(conn: Connection, fleet_run_id: int, after: Place, final: Conditions) -> tuple[list[Row[Any]], bool]:
    """Return flushes from the place on, the first one only if something of it is left; and whether more may follow."""
    where = [flushes.c.fleet_run_id == fleet_run_id, _is_from(conn, after), *final]
    query = select(flushes).where(*where)
    found = list(conn.execute(query.order_by(flushes.c.xid, flushes.c.id).limit(MOST_FLUSHES)))
    is_done = found and found[0].id == after.id and found[0].size <= after.offset
    return found[1:] if is_done else found, len(found) == MOST_FLUSHES


def _is_from(conn: Connection, after: Place) -> ColumnElement[bool]:
    """SQLite would use only one comparison of two columns for its index; there, the number is always 0."""
    if conn.dialect.name == "sqlite":
        return and_(flushes.c.xid == 0, flushes.c.id >= after.id)
    given = tuple_(*(literal(value, flushes.c.id.type) for value in after[:2]))
    found: ColumnElement[bool] = tuple_(flushes.c.xid, flushes.c.id) >= given
    return found


def _keep_visible(conn: Connection, found: list[Row[Any]], visibility: VisibilityScope) -> list[Row[Any]]:
    seen = visibility.restrict(executions.c.server_id)
    if not seen:
        return found
    ids = {row.execution_id for row in found}
    visible = set(conn.scalars(select(executions.c.id).where(executions.c.id.in_(ids), *seen)))
    return [row for row in found if row.execution_id in visible]


def _choose(wanted: list[Row[Any]], after: Place) -> list[Row[Any]]:
    """Return the first flushes that have about MOST_BYTES in all: at least one."""
    room = MOST_BYTES
    for number, row in enumerate(wanted):
        if room <= 0:
            return wanted[:number]
        room -= row.size - (after.offset if row.id == after.id else 0)
    return wanted


def _find_edge(found: list[Row[Any]], is_cut: bool, chosen: list[Row[Any]], after: Place) -> Place:
    last = (chosen if is_cut else found)[-1:]
    return Place(last[0].xid, last[0].id, last[0].size) if last else after


def _load_chunks(conn: Connection, chosen: list[Row[Any]], after: Place) -> list[FleetChunk]:
    inside = and_(
        chunks.c.execution_id == flushes.c.execution_id,
        chunks.c.position >= flushes.c.position,
        chunks.c.position < flushes.c.position + flushes.c.size,
    )
    joined = flushes.join(chunks, inside).join(executions, executions.c.id == flushes.c.execution_id)
    query = (
        select(
            *(flushes.c.xid, flushes.c.id, flushes.c.execution_id, flushes.c.position.label("start")),
            *(executions.c.server_id, servers.c.output_encoding, chunks.c.position, chunks.c.size),
            *(chunks.c.stream, chunks.c.stream_offset, chunks.c.at, chunks.c.data),
        )
        .select_from(joined.join(servers, servers.c.id == executions.c.server_id))
        .where(flushes.c.id.in_([row.id for row in chosen]))
        .order_by(flushes.c.xid, flushes.c.id, chunks.c.position)
        .limit(MOST_CHUNKS)
    )
    begun = chosen[0]
    if begun.id == after.id:
        query = query.where(or_(flushes.c.id != begun.id, chunks.c.position >= begun.position + after.offset))
    return [_build_chunk(row) for row in conn.execute(query)]


def _build_chunk(row: Any) -> FleetChunk:
    return FleetChunk(
        place=Place(row.xid, row.id, row.position + row.size - row.start),
        execution_id=row.execution_id,
        server_id=row.server_id,
        encoding=row.output_encoding,
        position=row.position,
        stream=Stream(row.stream),
        offset=row.stream_offset,
        at=row.at,
        data=bytes(row.data),
    )


def renumber_restored(conn: Connection) -> int:
    """Give all flushes this transaction's number if some have one that PostgreSQL has not come to yet.

    See `db.events.renumber_restored`. Cursors from before are unknown afterwards.
    """
    if conn.dialect.name != "postgresql" or not conn.scalar(IS_RESTORED):
        return 0
    return conn.execute(update(flushes).values(xid=XID)).rowcount
