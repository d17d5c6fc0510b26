"""Follow changes of executions, with one generator for GraphQL, REST and the CLI.

Each poll reads the status of all open executions and compares it with the last one, so that no change is missed,
whichever process made it and whatever its clock says.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from db import executions
from db.executions import ExecutionFilter, RunStatus
from db.models import TaskExecution
from db.values import State
from resolvers import filters
from resolvers.context import Context
from runner import bus

POLL_SECONDS = 1.0
# The pause between polls: several changes share one, and with a long queue polling takes at most a fifth of the time.
PAUSE_SECONDS = 0.05
PAUSE_SHARE = 4
# Ids are assigned before their transactions commit: this many below the newest may still appear.
LATE_IDS = 100


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """The statuses at one poll: of open executions, the newest ones, and those open at the poll before."""

    newest: int
    statuses: dict[int, RunStatus] = field(default_factory=dict)


async def follow(ctx: Context, filter: ExecutionFilter) -> AsyncGenerator[TaskExecution, None]:
    """Yield matching executions from now on, each time one is created or changes its state.

    A state that lasted for less than the time between two polls is not reported, but the state after it is.
    """
    read, loop = ctx.service.store.read, asyncio.get_running_loop()
    with ctx.reserve_stream(), ctx.service.bus.watch(bus.EXECUTIONS) as watch:
        filter = filters.check(ctx, filter)
        seen = await read(_take_snapshot, filter, None)
        while True:
            await watch.wait(POLL_SECONDS)
            watch.clear()
            started = loop.time()
            seen, changed = await read(_load_changes, filter, seen)
            took = loop.time() - started
            for row in changed:
                if executions.has_outcome(filter, row):
                    yield row
            await asyncio.sleep(max(PAUSE_SECONDS, PAUSE_SHARE * took))


def _load_changes(
    conn: Connection, filter: ExecutionFilter, seen: StatusSnapshot
) -> tuple[StatusSnapshot, list[TaskExecution]]:
    """Return the current snapshot, and the executions whose status differs from `seen`, in order of ids."""
    now = _take_snapshot(conn, filter, seen)
    changed = [id for id, standing in now.statuses.items() if seen.statuses.get(id) != standing]
    return now, sorted(executions.by_ids(conn, changed, filter.visibility), key=lambda row: row.id)


def _take_snapshot(conn: Connection, filter: ExecutionFilter, seen: StatusSnapshot | None) -> StatusSnapshot:
    newest = executions.find_newest_id(conn)
    before = StatusSnapshot(newest) if seen is None else seen
    found = executions.load_statuses(conn, filter, before.newest - LATE_IDS)
    gone = [id for id, (state, _) in before.statuses.items() if id not in found and not State(state).is_final]
    ended = {row.id: (row.state, row.cancel_at is not None) for row in executions.by_ids(conn, gone, filter.visibility)}
    return StatusSnapshot(newest, found | ended)
