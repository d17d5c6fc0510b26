"""Delete finished executions and their output, oldest first."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import Connection, delete, exists, select

from db import fleet_output, rows, stdin
from db.models import ScheduleSlot, TaskExecution
from db.output_models import OutputChunk

chunks = rows.get_table(OutputChunk)
executions = rows.get_table(TaskExecution)
slots = rows.get_table(ScheduleSlot)
MOST_BYTES = 64 * 1024 * 1024


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
    ids = list(_limit_by_size((row.id, row.size) for row in conn.execute(old)))
    stdin.remove(conn, ids)
    fleet_output.remove(conn, ids)
    conn.execute(delete(chunks).where(chunks.c.execution_id.in_(ids)))
    return conn.execute(delete(executions).where(executions.c.id.in_(ids))).rowcount


def _limit_by_size(sized_ids: Iterable[tuple[int, int]]) -> Iterator[int]:
    """Yield the first ids until their sizes reach MOST_BYTES, so that the transaction stays short."""
    room = MOST_BYTES
    for id, size in sized_ids:
        if room <= 0:
            return
        room -= size
        yield id
