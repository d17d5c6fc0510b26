"""What the start of a run reads: the policies before the decision, and the standing of its server as it is written.

Each is one statement that is built once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select, true

from db import jumps, rows
from db.executions import FIRST_WAITING, compute_span
from db.models import Server, Task
from db.policy_models import PolicyVersion
from db.prepared import Prepared

servers = rows.get_table(Server)
tasks = rows.get_table(Task)
versions = rows.get_table(PolicyVersion)


def _select_newest(owner: ColumnElement[Any], id: ColumnElement[Any]) -> ColumnElement[Any]:
    return select(func.max(versions.c.id)).where(owner == id).scalar_subquery()


WAITING = FIRST_WAITING.subquery("waiting")
WAITING_COLUMNS = (
    WAITING.c.state.label("waiting_state"),
    WAITING.c.id.label("waiting_id"),
    WAITING.c.newest.label("waiting_newest"),
)
SERVER_COLUMNS = (
    servers.c.name.label("server_name"),
    servers.c.enabled.label("server_enabled"),
    jumps.build_cut_off(servers).label("server_cut_off"),
)
OF_SERVER: Select[Any] = (
    select(*SERVER_COLUMNS, *WAITING_COLUMNS)
    .select_from(servers.outerjoin(WAITING, true()))
    .where(servers.c.id == bindparam("server"), servers.c.deleted_at.is_(None))
)
PRESENT = (tasks.c.id == bindparam("task"), tasks.c.deleted_at.is_(None))
OF_TASK: Select[Any] = (
    select(*tasks.c, servers.c.deleted_at.label("server_deleted_at"), *SERVER_COLUMNS, *WAITING_COLUMNS)
    .select_from(tasks.join(servers, servers.c.id == tasks.c.server_id).outerjoin(WAITING, true()))
    .where(*PRESENT)
)
TASK_WITH_POLICIES: Select[Any] = select(
    *tasks.c,
    _select_newest(versions.c.server_id, tasks.c.server_id).label("server_policy_id"),
    _select_newest(versions.c.task_id, tasks.c.id).label("task_policy_id"),
).where(*PRESENT)
POLICIES_OF_SERVER: Select[Any] = select(
    select(func.max(versions.c.id)).where(versions.c.server_id == bindparam("server")).scalar_subquery()
)
LOAD_SERVER, LOAD_TASK = Prepared(OF_SERVER), Prepared(OF_TASK)
LOAD_TASK_WITH_POLICIES, FIND_POLICIES = Prepared(TASK_WITH_POLICIES), Prepared(POLICIES_OF_SERVER)


@dataclass(frozen=True, slots=True)
class ServerStanding:
    """A server that is not deleted, as a run's start finds it. `waiting`: at most so many executions are pending.

    `cut_off`: one of the jump servers on the way to it is disabled.
    """

    name: str
    enabled: bool
    waiting: int
    cut_off: bool = False


def load_server(conn: Connection, server_id: int) -> ServerStanding | None:
    """Return the server's standing; None if there is no such server, or it is deleted."""
    row = LOAD_SERVER.find_first(conn, {"server": server_id})
    return None if row is None else _build_standing(row)


def load_task(conn: Connection, task_id: int) -> tuple[Task, ServerStanding | None] | None:
    """Return the task and its server's standing (None: deleted); None if the task is not there."""
    row = LOAD_TASK.find_first(conn, {"task": task_id})
    if row is None:
        return None
    return row, (_build_standing(row) if row.server_deleted_at is None else None)


def load_task_with_policies(conn: Connection, task_id: int) -> tuple[Task, Sequence[int]] | None:
    """Return the task, and the ids of the newest policies of its server and of itself, as far as there are any."""
    row = LOAD_TASK_WITH_POLICIES.find_first(conn, {"task": task_id})
    if row is None:
        return None
    return row, [id for id in (row.server_policy_id, row.task_policy_id) if id is not None]


def find_policies_of_server(conn: Connection, server_id: int) -> Sequence[int]:
    """Return the id of the server's newest policy, if it has one."""
    found = FIND_POLICIES.find_value(conn, {"server": server_id})
    return [] if found is None else [found]


def _build_standing(row: Any) -> ServerStanding:
    span = compute_span(row.waiting_state, row.waiting_id, row.waiting_newest)
    return ServerStanding(row.server_name, row.server_enabled, span, row.server_cut_off)
