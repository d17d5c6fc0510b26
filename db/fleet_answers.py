"""What the executions of a fleet run have answered: their ends, and their output for those who compare it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Row, case, select

from db import fleets, rows
from db.models import Server, TaskExecution
from db.output_models import OutputChunk
from db.page import Conditions
from db.visibility import VisibilityScope

chunks = rows.get_table(OutputChunk)
executions = rows.get_table(TaskExecution)
servers = rows.get_table(Server)

MOST_CHUNKS = 1024


@dataclass(frozen=True, slots=True)
class Wanted:
    """The output of an execution from the byte `start` of both streams on."""

    execution_id: int
    start: int


def list_ends(conn: Connection, fleet_run_id: int, visibility: VisibilityScope) -> list[Row[Any]] | None:
    """Return the state, exit code and stored bytes of each visible execution, with its server's name and host.

    In order of their ids. None if the fleet run does not exist or none of it is visible.
    """
    if fleets.by_id(conn, fleet_run_id, visibility) is None:
        return None
    stored = (executions.c.stdout_bytes + executions.c.stderr_bytes).label("stored")
    query = (
        select(
            *(executions.c.id, executions.c.state, executions.c.exit_code, stored, servers.c.name, servers.c.host),
        )
        .join(servers, servers.c.id == executions.c.server_id)
        .where(executions.c.fleet_run_id == fleet_run_id, *visibility.restrict(executions.c.server_id))
    )
    return list(conn.execute(query.order_by(executions.c.id)))


def list_chunks(conn: Connection, wanted: Sequence[Wanted]) -> list[Row[Any]]:
    """Return the chunks of these outputs, by the executions' ids and in order: MOST_CHUNKS at most."""
    ids = [each.execution_id for each in wanted]
    where: Conditions = [chunks.c.execution_id.in_(ids)]
    begun = {each.execution_id: each.start for each in wanted if each.start}
    if begun:
        start = case(begun, value=chunks.c.execution_id, else_=0)
        where.append(chunks.c.position >= cast(Any, start))
    columns = (chunks.c.execution_id, chunks.c.position, chunks.c.size, chunks.c.stream, chunks.c.data)
    query = select(*columns).where(*where).order_by(chunks.c.execution_id, chunks.c.position)
    return list(conn.execute(query.limit(MOST_CHUNKS)))
