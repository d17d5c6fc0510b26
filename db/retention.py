"""Delete finished executions with their output, and finished fleet runs, oldest first."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import Connection, delete, exists, select

from db import fleet_output, rows, stdin
from db.fleet_models import FleetMember, FleetRun
from db.models import ScheduleSlot, TaskExecution
from db.output_models import OutputChunk

chunks = rows.get_table(OutputChunk)
executions = rows.get_table(TaskExecution)
slots = rows.get_table(ScheduleSlot)
fleet_runs = rows.get_table(FleetRun)
members = rows.get_table(FleetMember)
MOST_BYTES = 64 * 1024 * 1024
MOST_MEMBERS = 10_000


def prune(conn: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` executions that ended before `before`: at least one, and about 64 MiB of output at most.

    An execution stays while its slot may still be retried. Slots stay in the ledger. Returns how many were deleted.
    """
    size = (executions.c.stdout_bytes + executions.c.stderr_bytes).label("size")
    followed = exists().where(slots.c.execution_id == executions.c.id, slots.c.open)
    old = (
        select(executions.c.id, size)
        .where(executions.c.end_time < before, ~followed)
        .order_by(executions.c.end_time, executions.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(_limit_by_size(((row.id, row.size) for row in conn.execute(old)), MOST_BYTES))
    stdin.remove(conn, ids)
    fleet_output.remove(conn, ids)
    conn.execute(delete(chunks).where(chunks.c.execution_id.in_(ids)))
    return conn.execute(delete(executions).where(executions.c.id.in_(ids))).rowcount


def prune_fleet_runs(conn: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` fleet runs that ended before `before`: at least one, and about 10,000 members at most.

    A fleet run stays while it has an execution, and while its slot may still be retried. Returns how many were deleted.
    """
    has_execution = exists().where(executions.c.fleet_run_id == fleet_runs.c.id)
    followed = exists().where(slots.c.fleet_run_id == fleet_runs.c.id, slots.c.open)
    # What ended before a moment was created before it: there is an index by that.
    ended = (fleet_runs.c.created_at < before, fleet_runs.c.end_time < before)
    old = (
        select(fleet_runs.c.id, fleet_runs.c.size)
        .where(*ended, ~has_execution, ~followed)
        .order_by(fleet_runs.c.created_at, fleet_runs.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(_limit_by_size(((row.id, row.size) for row in conn.execute(old)), MOST_MEMBERS))
    conn.execute(delete(members).where(members.c.fleet_run_id.in_(ids)))
    return conn.execute(delete(fleet_runs).where(fleet_runs.c.id.in_(ids))).rowcount


def _limit_by_size(sized_ids: Iterable[tuple[int, int]], room: int) -> Iterator[int]:
    """Yield the first ids until their sizes reach `room`, so that the transaction stays short."""
    for id, size in sized_ids:
        if room <= 0:
            return
        room -= size
        yield id
