"""Changes of a fleet run's state and of its members. Each is one guarded statement, whatever the number of members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, literal, null, select, update

from db import ended_runs, rows
from db.executions import DEFAULTS
from db.fleet_models import FleetMember, FleetRun
from db.models import Server, TaskExecution
from db.values import FleetReason, FleetState, MemberState, State

runs = rows.get_table(FleetRun)
members = rows.get_table(FleetMember)
executions = rows.get_table(TaskExecution)
servers = rows.get_table(Server)

OWN = {"created_at", "server_id", "fleet_run_id"}
SHARED = ("task_id", "slot", "command", "sealed_env", "trigger", "created_by")
"""The columns that an execution has from its fleet run's columns of the same names; others are in `work`."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a fleet run is: its executions by state, its members by state, and when the last execution ended."""

    executions: Mapping[str, int]
    members: Mapping[str, int]
    last_end: datetime | None

    @property
    def open(self) -> int:
        return self.executions.get(State.PENDING, 0) + self.executions.get(State.RUNNING, 0)

    @property
    def failures(self) -> int:
        return self.executions.get(State.FAILED, 0) + self.executions.get(State.TIMEOUT, 0)

    @property
    def waiting(self) -> int:
        return self.members.get(MemberState.WAITING, 0)


def lock_open(conn: Connection, id: int) -> FleetRun | None:
    """Return the fleet run, locked until the transaction ends; None if it has ended or another one has locked it."""
    query = select(runs).where(runs.c.id == id, runs.c.state == FleetState.RUNNING).with_for_update(skip_locked=True)
    return next(iter(rows.load_all(conn, query, FleetRun)), None)


def load_tally(conn: Connection, id: int) -> Tally:
    of_run = executions.c.fleet_run_id == id
    query = select(executions.c.state, func.count(), func.max(executions.c.end_time)).where(of_run)
    found = conn.execute(query.group_by(executions.c.state)).all()
    ends = [end for _, _, end in found if end is not None]
    of_members = select(members.c.state, func.count().label("number")).where(members.c.fleet_run_id == id)
    counted = {row.state: row.number for row in conn.execute(of_members.group_by(members.c.state))}
    return Tally({state: number for state, number, _ in found}, counted, max(ends, default=None))


def list_next(conn: Connection, run: FleetRun, limit: int) -> list[Row[Any]]:
    """Return up to `limit` waiting members (position, server_id), each with what its server is like now."""
    columns = (members.c.position, members.c.server_id, servers.c.enabled, servers.c.deleted_at, servers.c.blackouts)
    waiting = (members.c.fleet_run_id == run.id, members.c.position >= run.started)
    joined = members.join(servers, servers.c.id == members.c.server_id)
    query = select(*columns).select_from(joined).where(*waiting, members.c.state == MemberState.WAITING)
    return list(conn.execute(query.order_by(members.c.position).limit(limit)))


def refuse_members(conn: Connection, id: int, refused: Sequence[Mapping[str, Any]]) -> None:
    """Refuse waiting members: each is given as `place`, `refusal` and `message`."""
    if refused:
        change = update(members).where(
            members.c.fleet_run_id == id,
            members.c.position == bindparam("place"),
            members.c.state == MemberState.WAITING,
        )
        new: dict[str, Any] = {"refusal": bindparam("refusal"), "message": bindparam("message")}
        conn.execute(change.values(state=MemberState.REFUSED, **new), list(refused))


def start_members(conn: Connection, run: FleetRun, until: int, at: datetime) -> list[int]:
    """Insert a pending execution for each waiting member before the position `until`. Return the executions' ids."""
    shared = {name: getattr(run, name) for name in SHARED} | run.work
    values = DEFAULTS | {name: value for name, value in shared.items() if name in executions.c} | {"created_at": at}
    names = list(values)
    shown = [null() if values[name] is None else literal(values[name], executions.c[name].type) for name in names]
    chosen = (members.c.fleet_run_id == run.id, members.c.position < until, members.c.state == MemberState.WAITING)
    source = select(*shown, members.c.server_id, members.c.fleet_run_id).where(*chosen).order_by(members.c.position)
    made = insert(executions).from_select([*names, "server_id", "fleet_run_id"], source)
    started = conn.execute(made.returning(executions.c.id, executions.c.server_id)).all()
    if started:
        mark = update(members).where(members.c.fleet_run_id == run.id, members.c.server_id == bindparam("server"))
        new = {"state": MemberState.STARTED, "execution_id": bindparam("execution")}
        conn.execute(mark.values(**new), [{"server": row.server_id, "execution": row.id} for row in started])
    rows.change(conn, FleetRun, {"started": until, "next_start_at": None}, runs.c.id == run.id)
    return [row.id for row in started]


def delay_next(conn: Connection, id: int, until: datetime) -> bool:
    """Set when the next batch starts, if that is not set yet."""
    return rows.change(conn, FleetRun, {"next_start_at": until}, runs.c.id == id, runs.c.next_start_at.is_(None))


def request_cancel(conn: Connection, id: int, at: datetime, by: int) -> bool:
    """Note that the fleet run is to be cancelled. Return False if it has ended, or that was noted already."""
    values = {"cancel_at": at, "cancelled_by": by, "reason": FleetReason.CANCELLED}
    open = (runs.c.id == id, runs.c.state == FleetState.RUNNING, runs.c.cancel_at.is_(None))
    return rows.change(conn, FleetRun, values, *open)


def note_stop(conn: Connection, id: int, reason: FleetReason) -> bool:
    """Note why the fleet run starts no more. Return False if it has ended, or that was noted already."""
    open = (runs.c.id == id, runs.c.state == FleetState.RUNNING, runs.c.reason.is_(None))
    return rows.change(conn, FleetRun, {"reason": reason}, *open)


def leave_waiting(conn: Connection, id: int) -> int:
    """Set the waiting members to NOT_STARTED. Return their number."""
    waiting = (members.c.fleet_run_id == id, members.c.state == MemberState.WAITING)
    return conn.execute(update(members).where(*waiting).values(state=MemberState.NOT_STARTED)).rowcount


def cancel_pending(conn: Connection, id: int, at: datetime, message: str, by: int | None = None) -> list[int]:
    """Cancel the fleet run's executions that no runner has claimed yet. Return their ids."""
    return ended_runs.cancel_pending(conn, at, message, by, executions.c.fleet_run_id == id)


def leave_cancelled(conn: Connection, id: int) -> int:
    """Set members whose execution was cancelled before a runner claimed it to NOT_STARTED. Return their number."""
    unclaimed = select(executions.c.id).where(
        executions.c.fleet_run_id == id, executions.c.state == State.CANCELLED, executions.c.start_time.is_(None)
    )
    never = (
        members.c.fleet_run_id == id,
        members.c.state == MemberState.STARTED,
        members.c.execution_id.in_(unclaimed),
    )
    return conn.execute(update(members).where(*never).values(state=MemberState.NOT_STARTED)).rowcount


def request_stops(conn: Connection, id: int, at: datetime, by: int) -> list[int]:
    """Request that the fleet run's running executions stop. Return the ids of those not asked before."""
    running = (executions.c.fleet_run_id == id, executions.c.state == State.RUNNING, executions.c.cancel_at.is_(None))
    asked = update(executions).where(*running).values(cancel_at=at, cancelled_by=by)
    return list(conn.scalars(asked.returning(executions.c.id)))


def end(conn: Connection, id: int, state: FleetState, at: datetime) -> bool:
    """Set the final state and forget what was sealed. Return False if it has ended."""
    values = {"state": state, "end_time": at, "sealed_env": None, "sealed_stdin": None, "next_start_at": None}
    return rows.change(conn, FleetRun, values, runs.c.id == id, runs.c.state == FleetState.RUNNING)


def store_sealed(conn: Connection, id: int, values: Mapping[str, Any]) -> bool:
    """Write sealed values of a fleet run that has not ended."""
    return rows.change(conn, FleetRun, values, runs.c.id == id, runs.c.state == FleetState.RUNNING)
