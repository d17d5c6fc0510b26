"""What an execution waits for."""

from datetime import datetime
from typing import Any

import strawberry

from db.values import MemberState, State
from resolvers import waiting
from resolvers.waiting import WaitReason
from schema.enums import register_enum
from schema.fields import typed_field
from schema.operation import Info

register_enum(
    WaitReason,
    "WaitReason",
    "What an execution, or a server of a fleet run, waits for.",
    {
        "RUNNER_CAPACITY": "A runner that has room for it.",
        "SERVER_LIMIT": "An execution on its server to end: as many run as its `maxParallel` allows.",
        "SERVER_UNREACHABLE": "A connection to its server, which has given none for some seconds.",
        "BATCH": "Its batch of the fleet run to start.",
        "BLACKOUT": "The end of a blackout window of its server.",
    },
)


@strawberry.type(description="What an execution waits for before it begins.")
class Waiting:
    reason: WaitReason = strawberry.field(description="What it waits for.")
    position: int | None = strawberry.field(
        description="Its place among the executions that wait for the same server, from 1; null if that is unknown."
    )
    until: datetime | None = strawberry.field(description="When the wait ends; null if that is unknown.")


@typed_field(
    Waiting | None,
    "What it waits for: a free runner, its server's limit, or a connection; null once it has begun.",
    reads=["id", "state", "remote"],
)
async def read_waiting(self: Any, info: Info) -> Any:
    if self.state not in (State.PENDING, State.RUNNING) or self.remote is not None:
        return None
    return await info.context.loaders.waits.load(self.id)


@typed_field(Waiting | None, "What it waits for while its batch has not started; null otherwise.")
async def read_member_waiting(self: Any, info: Info) -> Any:
    if self.state != MemberState.WAITING:
        return None
    run = await info.context.loaders.fleet_runs.load(self.fleet_run_id)
    return waiting.explain_member_wait(None if run is None else run.next_start_at)


@typed_field(
    Waiting | None,
    "What its retry waits for beyond its delay: the end of a blackout window; null otherwise.",
    reads=["retry_at", "task_id"],
)
async def read_retry_waiting(self: Any, info: Info) -> Any:
    if self.retry_at is None:
        return None
    task = await info.context.loaders.tasks.load(self.task_id)
    server = None if task is None or task.server_id is None else await info.context.loaders.servers.load(task.server_id)
    return None if server is None else waiting.explain_retry_wait(info.context.ctx, server.blackouts)
