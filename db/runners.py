"""Runner processes on one PostgreSQL: their leases, by the database's clock, and taking over from a dead one.

On SQLite there is one process, the lock of the data folder says that it lives, and none of this is used.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, func, literal_column, not_, select, text, update
from sqlalchemy.dialects import postgresql

from db import rows
from db.models import Runner, TaskExecution
from db.values import State

executions = rows.get_table(TaskExecution)
runners = rows.get_table(Runner)

LEASE_SECONDS = 10
MISSED_SECONDS = 4
TAKE_OVER_LOCK = 0x55C2
SESSION_LOCKS = 0x55C3
NOW: ColumnElement[Any] = func.clock_timestamp()


def heartbeat(conn: Connection, id: str) -> bool:
    """Hold the lease for LEASE_SECONDS from now. False when there was none: it had ended, or this is the first."""
    until = {"lease_until": NOW + _build_interval(LEASE_SECONDS)}
    if rows.change(conn, Runner, until, runners.c.id == id):
        return True
    conn.execute(postgresql.insert(runners).values(id=id, started_at=NOW, **until).on_conflict_do_nothing())
    return False


def release_lease(conn: Connection, id: str) -> None:
    """Give the lease up: what still runs is anybody's."""
    conn.execute(delete(runners).where(runners.c.id == id))


def take_over(conn: Connection, id: str) -> list[TaskExecution]:
    """Bury the dead, and own what runs and is nobody's, with a new fence. One runner at a time does this."""
    if not conn.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": TAKE_OVER_LOCK}):
        return []
    conn.execute(delete(runners).where(runners.c.id != id, _build_dead_condition()))
    nobodys = not_(exists().where(runners.c.id == executions.c.runner_id))
    taken = (
        update(executions)
        .where(executions.c.state == State.RUNNING, nobodys)
        .values(runner_id=id, fence=executions.c.fence + 1)
        .returning(*executions.c)
    )
    return rows.load_all(conn, taken, TaskExecution)


def list_execution_ids(conn: Connection, id: str) -> set[int]:
    """Ids of the running executions that are this runner's."""
    return set(
        conn.scalars(select(executions.c.id).where(executions.c.state == State.RUNNING, _build_owner_condition(id)))
    )


def _build_owner_condition(id: str) -> ColumnElement[bool]:
    return executions.c.runner_id == id


def _build_dead_condition() -> ColumnElement[bool]:
    """The lease has ended; or beats were missed and the session is gone too, which alone proves nothing: a restart of
    the database ends every session."""
    missed = runners.c.lease_until < NOW + _build_interval(LEASE_SECONDS - MISSED_SECONDS)
    return (runners.c.lease_until < NOW) | (missed & not_(_build_session_condition()))


def _build_session_condition() -> ColumnElement[bool]:
    """Whether some session holds the runner's lock, see `db.session_lock`."""
    condition: ColumnElement[bool] = literal_column(
        "EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objsubid = 2"
        f" AND l.classid = {SESSION_LOCKS} AND l.objid = hashtext(runners.id)::oid AND l.granted)"
    )
    return condition.is_(True)


def _build_interval(number: int) -> ColumnElement[Any]:
    return literal_column(f"interval '{number} seconds'")
