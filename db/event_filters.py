"""What is asked of the event stream, as conditions of its queries, and by which index it is read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, and_, exists, or_

from db import rows
from db.event_models import Event
from db.fleet_models import FleetMember
from db.page import Conditions
from db.values import EventKind
from db.visibility import EVERYTHING, VisibilityScope

events = rows.get_table(Event)
members = rows.get_table(FleetMember)
# The stream of a viewer with grants on up to so many servers is read server by server.
MOST_SERVERS = 10
OF_FLEET_RUNS = (EventKind.FLEET_RUN_CREATED, EventKind.FLEET_RUN_CANCEL_REQUESTED, EventKind.FLEET_RUN_ENDED)
NARROW = ("execution_id", "fleet_run_id", "task_id", "server_id")


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Conditions on events; None means no condition. `with_audit`: the viewer may see that audit events were written.

    `visibility` limits the result by the event's server, and events of fleet runs by the servers of these.
    """

    kinds: tuple[str, ...] | None = None
    fleet_run_id: int | None = None
    execution_id: int | None = None
    task_id: int | None = None
    server_id: int | None = None
    with_audit: bool = False
    visibility: VisibilityScope = EVERYTHING


@dataclass(frozen=True, slots=True)
class Scan:
    """One index range for each of `branches`; `rest` has to be checked on each event of them."""

    branches: list[Conditions]
    rest: Conditions


def plan_scan(conn: Connection, filter: EventFilter) -> Scan:
    """Choose the index: that of the narrowest condition. The others are checked on each event of it."""
    for name in NARROW:
        value = getattr(filter, name)
        if value is not None:
            return Scan([[events.c[name] == value]], build_conditions(filter, without=name))
    if not filter.visibility.is_unrestricted:
        servers = filter.visibility.select_servers().distinct().limit(MOST_SERVERS + 1)
        ids = list(conn.scalars(servers))
        if len(ids) <= MOST_SERVERS:
            return _plan_scan_of_servers(filter, ids)
    if filter.kinds is not None:
        others = build_conditions(replace(filter, kinds=None, with_audit=True))
        return Scan([[events.c.kind == kind] for kind in _list_kinds(filter)], others)
    return Scan([[]], build_conditions(filter))


def _plan_scan_of_servers(filter: EventFilter, ids: Sequence[int]) -> Scan:
    """Read the events of each visible server, and those of fleet runs, which have no server."""
    others = build_conditions(replace(filter, visibility=EVERYTHING, with_audit=True))
    branches = [[events.c.server_id == id] for id in ids]
    if not ids or not (filter.kinds is None or set(filter.kinds).intersection(OF_FLEET_RUNS)):
        return Scan(branches, others)
    has_server = events.c.server_id.is_not(None)
    seen = or_(has_server, _match_fleet_run(filter.visibility))
    return Scan([*branches, *([events.c.kind == kind] for kind in OF_FLEET_RUNS)], [*others, seen])


def _match_fleet_run(visibility: VisibilityScope) -> ColumnElement[bool]:
    """Build the condition that the event is a fleet run's, of which a server is visible."""
    seen = visibility.restrict(members.c.server_id)
    is_seen = exists().where(members.c.fleet_run_id == events.c.fleet_run_id, *seen)
    return and_(events.c.kind.in_(OF_FLEET_RUNS), is_seen)


def _list_kinds(filter: EventFilter) -> list[str]:
    kinds = dict.fromkeys(filter.kinds or ())
    return [kind for kind in kinds if filter.with_audit or kind != EventKind.AUDIT_RECORDED]


def build_conditions(filter: EventFilter, without: str | None = None) -> Conditions:
    """Build the conditions of the filter, `without` that on a column which the index has by itself."""
    found = [
        events.c[name] == getattr(filter, name)
        for name in NARROW
        if getattr(filter, name) is not None and name != without
    ]
    if filter.kinds is not None:
        found.append(events.c.kind.in_(_list_kinds(filter)))
    elif not filter.with_audit and without is None:
        found.append(events.c.kind != EventKind.AUDIT_RECORDED)
    seen = filter.visibility.restrict(events.c.server_id)
    return [*found, or_(*seen, _match_fleet_run(filter.visibility))] if seen else found
