"""The event stream: read in the order in which transactions became final, and removed from its old end.

On PostgreSQL a transaction may commit after one with a higher number, so events are read only up to the lowest number
that is still in use: nothing that commits later has a place among them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from operator import ge, gt, le, lt
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    func,
    literal,
    select,
    text,
    tuple_,
    union_all,
    update,
)

from db import rows
from db.event_filters import EventFilter, Scan, build_conditions, plan_scan
from db.event_models import Event
from db.page import Conditions

events = rows.get_table(Event)
PLACE = tuple_(events.c.xid, events.c.id)

Position = tuple[int, int]
"""A transaction's number (0 on SQLite) and an event's id: an event's place in the stream."""

START: Position = (0, 0)
# One read looks at about this many events where a condition has to be checked on each.
MOST_SCANNED = 5000
FEWEST_SCANNED = 200

STATE = {
    "sqlite": text(
        "SELECT 0, coalesce(seq.seq, 0), 0, coalesce(seq.seq, 0), removed.xid, removed.event_id"
        " FROM (SELECT 1) LEFT JOIN sqlite_sequence AS seq ON seq.name = 'events'"
        " LEFT JOIN events_removed AS removed ON true"
    ),
    "postgresql": text(
        "SELECT pg_snapshot_xmin(snapshot)::text::bigint, 0, pg_snapshot_xmax(snapshot)::text::bigint, 0,"
        " removed.xid, removed.event_id"
        " FROM pg_current_snapshot() AS snapshot LEFT JOIN events_removed AS removed ON true"
    ),
}
NOTE_REMOVED = (
    "INSERT INTO events_removed (id, xid, event_id) VALUES (1, :xid, :event_id)"
    " ON CONFLICT (id) DO UPDATE SET xid = excluded.xid, event_id = excluded.event_id"
)
NOTE_REMOVED_FURTHER = text(
    f"{NOTE_REMOVED} WHERE (events_removed.xid, events_removed.event_id) < (excluded.xid, excluded.event_id)"
)
FIND_RESTORED = text(
    "SELECT pg_current_xact_id()::text::bigint"
    " WHERE (SELECT max(xid) FROM events) >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
)


@dataclass(frozen=True, slots=True)
class EventRange:
    """The first `limit` events after `after` and before `before`; with `backward`, the last ones."""

    limit: int
    after: Position = START
    before: Position | None = None
    backward: bool = False


@dataclass(frozen=True, slots=True)
class EventsFound:
    """Events in the order of the stream. `more` follow beyond `edge`, or may: the position up to which was looked."""

    rows: list[Event]
    more: bool
    edge: Position


@dataclass(frozen=True, slots=True)
class Expired:
    """What was asked for is not known any more: events up to `removed` were removed, or the position is not ours."""

    removed: Position


@dataclass(frozen=True, slots=True)
class StreamState:
    """`reached`: all events up to there are final. `newest`: no cursor is beyond. `removed`: the last one removed."""

    reached: Position
    newest: Position
    removed: Position


def _load_state(conn: Connection) -> StreamState:
    xid, id, newest_xid, newest_id, removed_xid, removed_id = conn.execute(STATE[conn.dialect.name]).one()
    return StreamState((xid, id), (newest_xid, newest_id), (removed_xid or 0, removed_id or 0))


def find_end(conn: Connection) -> Position:
    """Return the position after which all events come that are not final yet."""
    return _load_state(conn).reached


def find_newest(conn: Connection) -> Position:
    """Return a position that all events of transactions which have ended are at or before."""
    return _load_state(conn).newest


def read(conn: Connection, filter: EventFilter, window: EventRange) -> EventsFound | Expired:
    """Return matching events, in a bounded number of reads of an index however few events match."""
    state = _load_state(conn)
    for position in (window.after, window.before):
        if position not in (None, START) and not state.removed <= position <= state.newest:
            return Expired(state.removed)
    if window.after >= state.reached:
        return EventsFound([], more=False, edge=window.after)
    within = [_compare(conn, le, state.reached)]
    if window.after != START:
        within.append(_compare(conn, gt, window.after))
    if window.before is not None:
        within.append(_compare(conn, lt, window.before))
    ends = (START if window.after == START else window.after) if window.backward else state.reached
    return _read_scan(conn, plan_scan(conn, filter), window, within, ends)


def _read_scan(conn: Connection, scan: Scan, window: EventRange, within: Conditions, end: Position) -> EventsFound:
    """Read the events; `end` is how far one has looked if nothing is left out."""
    if not scan.branches:
        return EventsFound([], more=False, edge=end)
    frontier = _find_frontier(conn, scan, within, backward=window.backward) if scan.rest else None
    if frontier is not None:
        within = [*within, _compare(conn, ge if window.backward else le, frontier)]
    found = _load_nearest(conn, scan, within, window)
    more = len(found) > window.limit
    shown = found[: window.limit]
    edge = (shown[-1].xid, shown[-1].id) if more else frontier or end
    return EventsFound(shown[::-1] if window.backward else shown, more or frontier is not None, edge)


def _find_frontier(conn: Connection, scan: Scan, within: Conditions, *, backward: bool) -> Position | None:
    """Return the position up to which one read looks; None if it can look at all that is there."""
    each = max(FEWEST_SCANNED, MOST_SCANNED // len(scan.branches))
    parts = [
        select(events.c.xid, events.c.id)
        .where(*branch, *within)
        .order_by(*_build_order(events.c, backward))
        .limit(1)
        .offset(each - 1)
        .subquery()
        for branch in scan.branches
    ]
    found = [(row.xid, row.id) for row in conn.execute(union_all(*(select(part) for part in parts)))]
    return (max(found) if backward else min(found)) if found else None


def _load_nearest(conn: Connection, scan: Scan, within: Conditions, window: EventRange) -> list[Event]:
    """Return up to limit + 1 events, the nearest to where the range begins first."""
    most = window.limit + 1
    parts = [
        select(events)
        .where(*branch, *within, *scan.rest)
        .order_by(*_build_order(events.c, window.backward))
        .limit(most)
        .subquery()
        for branch in scan.branches
    ]
    if len(parts) == 1:
        return rows.load_all(conn, select(parts[0]).order_by(*_build_order(parts[0].c, window.backward)), Event)
    joined = union_all(*(select(part) for part in parts)).subquery()
    return rows.load_all(conn, select(joined).order_by(*_build_order(joined.c, window.backward)).limit(most), Event)


def _build_order(columns: Any, backward: bool) -> Sequence[ColumnElement[Any]]:
    return [columns.xid.desc(), columns.id.desc()] if backward else [columns.xid, columns.id]


def _compare(conn: Connection, how: Callable[..., Any], position: Position) -> ColumnElement[bool]:
    """Build the condition that an event is `how` (before, after) a position.

    SQLite would use only one comparison of two columns for its index; there, the number of the transaction is always 0.
    """
    if conn.dialect.name == "sqlite":
        return and_(events.c.xid == 0, how(events.c.id, position[1]))
    found: ColumnElement[bool] = how(PLACE, tuple_(*(literal(value, events.c.xid.type) for value in position)))
    return found


def count(conn: Connection, filter: EventFilter) -> int:
    final = _compare(conn, le, _load_state(conn).reached)
    return int(conn.scalar(select(func.count()).select_from(events).where(final, *build_conditions(filter))) or 0)


def prune(conn: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` events before `before` from the beginning of the stream, and note the last one.

    An event stays while one before it in the stream does. Returns how many were deleted.
    """
    first = (
        select(events.c.xid, events.c.id, events.c.at)
        .where(_compare(conn, le, _load_state(conn).reached))
        .order_by(events.c.xid, events.c.id)
        .limit(limit)
    )
    old = list(takewhile(lambda row: row.at < before, conn.execute(first)))
    if not old:
        return 0
    last = (old[-1].xid, old[-1].id)
    removed = conn.execute(delete(events).where(_compare(conn, le, last))).rowcount
    conn.execute(NOTE_REMOVED_FURTHER, {"xid": last[0], "event_id": last[1]})
    return removed


def renumber_restored(conn: Connection) -> int:
    """Give all events this transaction's number if some have one that this PostgreSQL server has not come to yet.

    That is so in a restored database, where those events would never be final. Cursors from before it are expired.
    Returns how many events were changed.
    """
    if conn.dialect.name != "postgresql":
        return 0
    xid = conn.scalar(FIND_RESTORED)
    if xid is None:
        return 0
    changed = conn.execute(update(events).values(xid=xid)).rowcount
    conn.execute(text(NOTE_REMOVED), {"xid": xid, "event_id": 0})
    return changed
