"""What an execution waits for before it begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from db import waiting as table
from db.waiting import QueuedRun
from resolvers.context import Context
from runner.scheduling import blackout

SILENT = timedelta(seconds=5)
"""A server that has given no connection for so long counts as unreachable, while sshcast goes on trying."""


class WaitReason(StrEnum):
    """What an execution, or a server of a fleet run, waits for."""

    RUNNER_CAPACITY = "runner-capacity"
    SERVER_LIMIT = "server-limit"
    SERVER_UNREACHABLE = "server-unreachable"
    BATCH = "batch"
    BLACKOUT = "blackout"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is waited for. `position` counts the executions of the same server, from 1; `until` is None if unknown."""

    reason: WaitReason
    position: int | None = None
    until: datetime | None = None


async def load_waits(ctx: Context, execution_ids: Sequence[int]) -> list[Waiting | None]:
    """Return what each execution waits for, in the order of the ids; None for one that has begun."""
    silent_since = ctx.service.clock() - SILENT
    found = await ctx.service.store.read(table.load, execution_ids, silent_since, ctx.visibility)
    return [explain_wait(found[id]) if id in found else None for id in execution_ids]


def explain_wait(run: QueuedRun) -> Waiting:
    """Explain the wait of an execution that has not begun."""
    if run.is_claimed:
        return Waiting(WaitReason.SERVER_UNREACHABLE)
    position = run.ahead + 1 if run.ahead < table.MOST_AHEAD else None
    if run.is_silent:
        return Waiting(WaitReason.SERVER_UNREACHABLE, position)
    return Waiting(WaitReason.SERVER_LIMIT if run.is_full else WaitReason.RUNNER_CAPACITY, position)


def explain_member_wait(next_start_at: datetime | None) -> Waiting:
    """Explain the wait of a server of a fleet run whose batch has not started."""
    return Waiting(WaitReason.BATCH, until=next_start_at)


def explain_retry_wait(ctx: Context, windows: Sequence[Mapping[str, Any]]) -> Waiting | None:
    """Explain why a slot's retry waits for longer than its delay: a blackout window; None if none covers it now."""
    window = blackout.find_covering(windows, ctx.service.clock())
    return None if window is None else Waiting(WaitReason.BLACKOUT, until=window.until)
