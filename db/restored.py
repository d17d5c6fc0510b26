"""What is changed in a database that was restored from a backup, before a service starts on it.

The real service went on after the backup: what waited or ran then may have run and ended since. None of it may be
started a second time, and nothing may be told that is not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, not_, select, text, update

from db import ended_runs, rows, stdin
from db.access_models import PersonalToken, Session, SignInCode
from db.columns import format_time
from db.event_models import Event
from db.fleet_models import FleetMember, FleetRun
from db.models import ScheduleSlot, Server, Task, TaskExecution, User
from db.runner_models import Runner
from db.values import FleetReason, FleetState, MemberState, Mode, Reason, SlotOutcome, State

executions = rows.get_table(TaskExecution)
slots = rows.get_table(ScheduleSlot)
fleet_runs = rows.get_table(FleetRun)
members = rows.get_table(FleetMember)
users = rows.get_table(User)
servers = rows.get_table(Server)
tasks = rows.get_table(Task)
sessions = rows.get_table(Session)
tokens = rows.get_table(PersonalToken)
runners = rows.get_table(Runner)
events = rows.get_table(Event)

WAITED = "it waited for a runner when the backup of {taken_at} was made that this service was restored from"
RAN = "it ran when the backup of {taken_at} was made that this service was restored from"
UNKNOWN = "whether it ran since, and how it ended, is unknown"
SLOT = "it was decided for a backup of {taken_at}, from which this service was restored: what became of it is unknown"
EVENT_GAP = 1_000_000


@dataclass(frozen=True, slots=True)
class Restored:
    """When the backup was made, and when the database was restored from it."""

    taken_at: datetime
    at: datetime

    def explain(self, words: str) -> str:
        return words.format(taken_at=format_time(self.taken_at.replace(microsecond=0)))


@dataclass(frozen=True, slots=True)
class Contents:
    """The numbers of users, of servers and tasks that are not deleted, and of executions."""

    users: int
    servers: int
    tasks: int
    executions: int


def count_contents(conn: Connection) -> Contents:
    kept = (users, None), (servers, servers.c.deleted_at), (tasks, tasks.c.deleted_at), (executions, None)
    numbers = []
    for table, deleted_at in kept:
        query = select(func.count()).select_from(table)
        numbers.append(conn.scalar(query if deleted_at is None else query.where(deleted_at.is_(None))))
    return Contents(*(int(number or 0) for number in numbers))


def lose_unfinished(conn: Connection, restored: Restored) -> int:
    """End what waited for a runner, and what ran without files on its target that tell its end. Return how many."""
    is_durable = and_(executions.c.mode == Mode.DURABLE, executions.c.remote.is_not(None))
    pending = executions.c.state == State.PENDING
    ended = _lose(conn, restored, WAITED, pending)
    return ended + _lose(
        conn, restored, RAN, executions.c.state == State.RUNNING, not_(func.coalesce(is_durable, False))
    )


def _lose(conn: Connection, restored: Restored, words: str, *which: ColumnElement[bool]) -> int:
    values = {
        "state": State.FAILED,
        "reason": Reason.LOST,
        "message": f"{restored.explain(words)}: {UNKNOWN}",
        "end_time": restored.at,
        "sealed_env": None,
        "fence": executions.c.fence + 1,
    }
    lost = ended_runs.end(conn, values, *which)
    for start in range(0, len(lost), rows.MOST_IDS):
        stdin.remove(conn, lost[start : start + rows.MOST_IDS])
    return len(lost)


def mark_known(conn: Connection, restored: Restored) -> int:
    """Mark the runs whose files may be on their targets: they are looked for there, and never started. Return how many.

    The mark also says that files which are gone prove nothing: the real service removes them once it knows the end.
    """
    query = select(executions.c.id, executions.c.remote).where(executions.c.state == State.RUNNING)
    found = conn.execute(query).all()
    for row in found:
        remote = row.remote | {"known": True, "restored": format_time(restored.taken_at.replace(microsecond=0))}
        conn.execute(update(executions).where(executions.c.id == row.id).values(remote=remote))
    return len(found)


def close_slots(conn: Connection, restored: Restored) -> int:
    """Let nothing more come of slots that were decided: no waiting run, no retry. Return how many were open."""
    waiting = slots.c.outcome == SlotOutcome.WAITING
    missed = {"outcome": SlotOutcome.MISSED, "reason": restored.explain(SLOT), "decided_at": restored.at}
    closed: dict[str, Any] = {"open": False, "becomes": None, "retries_left": 0, "retry_at": None}
    waited = conn.execute(update(slots).where(slots.c.open, waiting).values(**closed, **missed)).rowcount
    return waited + conn.execute(update(slots).where(slots.c.open).values(**closed)).rowcount


def stop_fleet_runs(conn: Connection, restored: Restored, message: str) -> int:
    """Let unfinished fleet runs start nothing more. Return how many had something left to start.

    They end when their executions have; those with nothing left to start end as what those came to.
    """
    running = fleet_runs.c.state == FleetState.RUNNING
    theirs = select(fleet_runs.c.id).where(running)
    waiting = (members.c.state == MemberState.WAITING, members.c.fleet_run_id.in_(theirs))
    left = set(conn.scalars(select(members.c.fleet_run_id).where(*waiting).distinct()))
    conn.execute(update(members).where(*waiting).values(state=MemberState.NOT_STARTED, message=message))
    values = {"reason": FleetReason.CANCELLED, "cancel_at": restored.at, "next_start_at": None}
    for id in left:
        conn.execute(update(fleet_runs).where(fleet_runs.c.id == id, running).values(**values))
    return len(left)


def end_sessions(conn: Connection, at: datetime) -> int:
    """End every sign-in: those that were ended since the backup must not be valid again. Return how many."""
    ended = conn.execute(update(sessions).where(sessions.c.ended_at.is_(None)).values(ended_at=at)).rowcount
    conn.execute(update(users).values(token_version=users.c.token_version + 1))
    conn.execute(delete(rows.get_table(SignInCode)))
    return ended


def revoke_personal_tokens(conn: Connection, at: datetime) -> int:
    """Revoke every personal access token. Return how many."""
    return conn.execute(update(tokens).where(tokens.c.revoked_at.is_(None)).values(revoked_at=at)).rowcount


def count_personal_tokens(conn: Connection, at: datetime) -> int:
    """Return how many personal access tokens are valid."""
    valid = (tokens.c.revoked_at.is_(None), tokens.c.expires_at > at)
    return int(conn.scalar(select(func.count()).select_from(tokens).where(*valid)) or 0)


def forget_runners(conn: Connection) -> None:
    """Delete the leases of the runners that worked when the backup was made."""
    conn.execute(delete(runners))


def list_live_runners(conn: Connection) -> Sequence[str]:
    """Return the ids of runners on this database whose lease has not ended, by the database's clock."""
    if conn.dialect.name != "postgresql":
        return []
    now = func.clock_timestamp()
    return list(conn.scalars(select(runners.c.id).where(runners.c.lease_until > now)))


def leave_event_numbers(conn: Connection) -> None:
    """Number events anew after a gap, so that a cursor of after the backup misses none of those to come.

    PostgreSQL's numbers are those of its transactions, see `db.events.renumber_restored`.
    """
    if conn.dialect.name == "sqlite":
        conn.execute(text("UPDATE sqlite_sequence SET seq = seq + :gap WHERE name = 'events'"), {"gap": EVENT_GAP})


def find_newest_change(conn: Connection) -> datetime | None:
    """Return when the newest event was written, or else the newest execution was made; None if there is neither."""
    found = [conn.scalar(select(func.max(column))) for column in (events.c.at, executions.c.created_at)]
    return max((each for each in found if each is not None), default=None)
