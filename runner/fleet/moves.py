"""Carries out the moves of a fleet run, each in one transaction, guarded by what it finds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from db import due, fleet_changes, fleets
from db.fleet_models import FleetRun
from db.values import FleetReason, FleetState, Refusal
from runner.fleet import messages
from runner.fleet.decision import Delay, End, StartBatch, Stop, Wait, decide
from runner.scheduling import blackout

STOPPED = "cancelled before it started: its fleet run stopped after too many failures"
# How many moves one transaction makes of a fleet run, one following from the other.
MOST_MOVES = 4


@dataclass(frozen=True, slots=True)
class Advance:
    """What became of a fleet run: the ids of the executions that were requested or ended, and if anything changed."""

    executions: list[int]
    moved: bool


def is_due(conn: Connection, id: int, now: datetime) -> bool:
    """Return whether `advance` would do something. It only reads."""
    run = fleets.by_id(conn, id)
    if run is None or FleetState(run.state).is_final:
        return False
    return not isinstance(decide(run, fleet_changes.load_tally(conn, id), now), Wait)


def advance(conn: Connection, id: int, now: datetime) -> Advance:
    """Make the moves of a fleet run that are due. Nothing, if it has ended or another runner is at it."""
    touched: list[int] = []
    for number in range(MOST_MOVES):
        run = fleet_changes.lock_open(conn, id)
        if run is None:
            return Advance(touched, moved=number > 0)
        move = decide(run, fleet_changes.load_tally(conn, id), now)
        if isinstance(move, Stop):
            touched += _stop(conn, run, move.reason, now)
        elif isinstance(move, Delay):
            fleet_changes.delay_next(conn, id, move.until)
        elif isinstance(move, StartBatch):
            touched += _start_batch(conn, run, move.limit, now)
        elif isinstance(move, End):
            fleet_changes.end(conn, id, move.state, now)
        else:
            return Advance(touched, moved=number > 0)
    return Advance(touched, moved=True)


def _stop(conn: Connection, run: FleetRun, reason: FleetReason, now: datetime) -> list[int]:
    """Start no more: what no runner has claimed yet is cancelled, what runs goes on."""
    fleet_changes.note_stop(conn, run.id, reason)
    fleet_changes.leave_waiting(conn, run.id)
    ended = fleet_changes.cancel_pending(conn, run.id, now, STOPPED)
    fleet_changes.leave_cancelled(conn, run.id)
    return ended


def _start_batch(conn: Connection, run: FleetRun, limit: int, now: datetime) -> list[int]:
    """Start the next members, but for those whose server may not be used any more."""
    if run.task_id is not None and due.standing(conn, run.task_id) is None:
        return _stop(conn, run, FleetReason.TASK_DELETED, now)
    chosen = fleet_changes.list_next(conn, run, limit)
    found = [(row.position, _find_refusal(row, now)) for row in chosen]
    refused = [{"place": place, "refusal": why[0], "message": why[1]} for place, why in found if why is not None]
    fleet_changes.refuse_members(conn, run.id, refused)
    until = chosen[-1].position + 1 if chosen else run.size
    return fleet_changes.start_members(conn, run, until, now)


def _find_refusal(row: Any, now: datetime) -> tuple[Refusal, str] | None:
    """Return why nothing is started on the server now, and the same in words of both languages."""
    if row.deleted_at is not None:
        return Refusal.DELETED, messages.pack("it was deleted before its batch started", "在其批次开始之前已被删除")
    if not row.enabled:
        return Refusal.DISABLED, messages.pack("it was disabled before its batch started", "在其批次开始之前已被停用")
    window = blackout.find_covering(row.blackouts, now)
    if window is not None:
        until = window.until.isoformat(timespec="minutes")
        words = (f"a blackout window covered it until {until}", f"其批次开始时处于停止窗口，直到 {until}")
        return Refusal.BLACKOUT, messages.pack(*words)
    return None
