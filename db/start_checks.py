"""The one query right before an execution starts: its server, its user's right there, its task, and what else to load.

Policies and secrets are few or none for most servers: the query says only whether there are any.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, not_, or_, select

from db import jumps, policies, rows, secrets, stdin
from db.access_models import Grant, ServerTag
from db.fleet_models import FleetRun
from db.models import Server, Task, TaskExecution, User
from db.policy_models import PolicyVersion
from db.prepared import Prepared
from db.secret_models import RegisteredSecret
from db.values import Role

servers = rows.get_table(Server)
tasks = rows.get_table(Task)
users = rows.get_table(User)
grants = rows.get_table(Grant)
server_tags = rows.get_table(ServerTag)
versions = rows.get_table(PolicyVersion)
registered = rows.get_table(RegisteredSecret)
fleet_runs = rows.get_table(FleetRun)

RUNNERS = Role.OPERATOR.and_above


@dataclass(frozen=True, slots=True)
class StartFacts:
    """What decides whether an execution may start.

    `server` is None if it is deleted. `allowed`: its user may sign in and is an operator on the server. `task_enabled`
    is None if the execution has no task or the task is deleted. `secrets` are those registered for runs on that server;
    `stdin` is the sealed standard input. `jumps`: its jump servers, from its own one to the one that we connect to.
    """

    server: Server | None
    allowed: bool
    task_enabled: bool | None
    policies: Sequence[PolicyVersion]
    secrets: list[RegisteredSecret]
    stdin: bytes | None
    jumps: Sequence[Server] = ()


def load(conn: Connection, row: TaskExecution) -> StartFacts:
    """Load the facts of an execution, in one query if it has no policy, secret, standard input or jump server."""
    (found,) = FACTS.find_all(conn, {"server": row.server_id, "user": row.created_by, "task": row.task_id})
    task_ids = () if row.task_id is None else (row.task_id,)
    return StartFacts(
        server=found if found.deleted_at is None else None,
        allowed=found.is_allowed,
        task_enabled=found.task_enabled,
        policies=policies.list_current(conn, (row.server_id,), task_ids) if found.has_policies else (),
        secrets=secrets.list_in_scope(conn, row.server_id) if found.has_secrets else [],
        stdin=_load_stdin(conn, row) if row.stdin_bytes else None,
        jumps=() if found.jump_server_id is None else jumps.load_chain(conn, found.jump_server_id),
    )


def _load_stdin(conn: Connection, row: TaskExecution) -> bytes | None:
    """Return the sealed standard input: the execution's own, or the one that its fleet run's executions share."""
    if row.fleet_run_id is None:
        return stdin.load_sealed(conn, row.id)
    query = select(fleet_runs.c.sealed_stdin).where(fleet_runs.c.id == row.fleet_run_id)
    found: bytes | None = conn.scalar(query)
    return found


def _match_operator() -> ColumnElement[bool]:
    """Match a user who may sign in and is an operator on the server, by their own role or by a grant."""
    tags = select(server_tags.c.tag).where(server_tags.c.server_id == bindparam("server"))
    granted = exists().where(
        grants.c.user_id == bindparam("user"),
        grants.c.role.in_(RUNNERS),
        or_(grants.c.server_id == bindparam("server"), grants.c.tag.in_(tags)),
    )
    return exists().where(
        and_(users.c.id == bindparam("user"), not_(users.c.disabled), or_(users.c.role.in_(RUNNERS), granted))
    )


FACTS = Prepared(
    select(
        *servers.c,
        _match_operator().label("is_allowed"),
        select(tasks.c.enabled)
        .where(tasks.c.id == bindparam("task"), tasks.c.deleted_at.is_(None))
        .scalar_subquery()
        .label("task_enabled"),
        exists()
        .where(or_(versions.c.server_id == bindparam("server"), versions.c.task_id == bindparam("task")))
        .label("has_policies"),
        exists()
        .where(or_(registered.c.server_id.is_(None), registered.c.server_id == bindparam("server")))
        .label("has_secrets"),
    ).where(servers.c.id == bindparam("server"))
)
