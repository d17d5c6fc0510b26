"""What the executions of a fleet run answer in tests: output that is stored, and ends, without any target."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection

from db import claims, output, transitions
from db.models import TaskExecution
from db.output import NewChunk
from db.values import Reason, State, Stream
from resolvers.context import Service
from runner.bus import EXECUTIONS, fleet_address
from runner.fleet.moves import advance


class Desk(Protocol):
    """A service without a runner."""

    service: Service


Answer = tuple[bytes, State, int]
Words = Callable[[TaskExecution], bytes | Answer]


async def claim_all(desk: Desk) -> list[TaskExecution]:
    """Claim everything that is pending, as a runner would; in order of ids."""
    claim = partial(claims.claim, runner_id="the test", at=desk.service.clock(), limit=1000)
    rows = await desk.service.store.run(claim)
    desk.service.bus.hint(EXECUTIONS)
    return sorted(rows, key=lambda row: row.id)


async def write_all(desk: Desk, parts: Sequence[tuple[TaskExecution, Stream, int, bytes]]) -> None:
    """Store this output in one flush: of each execution a stream, the offset there, and the bytes."""
    new = [NewChunk(row.id, row.fence, stream, at, desk.service.clock(), data) for row, stream, at, data in parts]
    assert not await desk.service.store.run(output.append, new)
    desk.service.bus.hint(*(fleet_address(row.fleet_run_id) for row, *_ in parts if row.fleet_run_id is not None))


async def answer_all(desk: Desk, rows: Sequence[TaskExecution], words: Words) -> None:
    """Let each execution write something and end: with success, unless `words` gives a state and an exit status."""
    given = {row.id: words(row) for row in rows}
    ends: dict[int, Answer] = {
        id: (each, State.SUCCESS, 0) if isinstance(each, bytes) else each for id, each in given.items()
    }
    await write_all(desk, [(row, Stream.STDOUT, 0, ends[row.id][0]) for row in rows if ends[row.id][0]])

    def finish_all(conn: Connection) -> None:
        for row in rows:
            _, state, exit_code = ends[row.id]
            values: dict[str, Any] = {"state": state, "reason": Reason.EXIT_STATUS, "exit_code": exit_code}
            assert transitions.finish(conn, row.id, row.fence, values | {"end_time": desk.service.clock()})

    await desk.service.store.run(finish_all)
    desk.service.bus.hint(EXECUTIONS)


async def end_run(desk: Desk, id: int) -> None:
    """Let the fleet run end, as a runner does once all its executions have."""
    await desk.service.store.run(advance, id, desk.service.clock())
    desk.service.bus.hint(EXECUTIONS)
