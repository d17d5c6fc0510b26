"""Rows that the database's tests need: units of work that make one row each."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text, update
from sqlmodel import SQLModel

from db import executions, fleets, servers, tasks, users
from db.fleet_models import FleetMember, FleetRun
from db.models import Server, Task, TaskExecution, User
from db.rows import add, get_table
from db.values import FleetState, MemberState, Mode, OnRefused, Role, Trigger

members = get_table(FleetMember)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment `seconds` after noon."""
    return NOON + timedelta(seconds=seconds)


def user(conn: Connection, name: str = "ada") -> User:
    """The user called `name`, made if there is none."""
    known = users.by_name(conn, name)
    return known or users.insert(conn, name=name, password_hash="x", role=Role.OPERATOR, at=NOON)


def as_dict(row: SQLModel) -> dict[str, Any]:
    """Every column of a row that the store gave: such a row is a named tuple, typed as its model."""
    return dict(row._asdict())  # type: ignore[attr-defined]


def list_user_names(conn: Connection) -> list[str]:
    """In the order of their rows."""
    return list(conn.scalars(text("SELECT name FROM users ORDER BY id")))


def server(conn: Connection, /, **changes: Any) -> Server:
    values: dict[str, Any] = {
        "name": f"server {servers.count(conn, servers.ServerFilter())}",
        "host": "127.0.0.1",
        "port": 22,
        "username": "root",
        "host_keys": ["ssh-ed25519 AAAA"],
        "credential_kind": "password",
        "credential": b"sealed",
        "tags": [],
        "max_parallel": 10,
        "run_mode": Mode.DURABLE,
        "enabled": True,
        "created_by": user(conn).id,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return servers.insert(conn, values | changes)


def task(conn: Connection, /, **changes: Any) -> Task:
    values: dict[str, Any] = {
        "name": "a task",
        "command": "true",
        "server_id": changes.get("server_id") or server(conn).id,
        "cron_expr": "@manual",
        "timezone": "UTC",
        "enabled": True,
        "timeout_seconds": 300,
        "output_limit": 1_000_000,
        "env": {},
        "created_by": user(conn).id,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return tasks.insert(conn, values | changes)


def pending(conn: Connection, /, **changes: Any) -> TaskExecution:
    values: dict[str, Any] = {
        "task_id": None,
        "server_id": changes.get("server_id") or server(conn).id,
        "command": "true",
        "env": {},
        "working_dir": None,
        "timeout_seconds": 30,
        "output_limit": 1_000_000,
        "trigger": Trigger.API,
        "created_at": NOON,
        "created_by": changes.get("created_by") or user(conn).id,
    }
    return executions.insert(conn, values | changes)


def fleet_run(conn: Connection, server_ids: Sequence[int], /, **changes: Any) -> FleetRun:
    """A fleet run that has started its members, whose executions are to be made with its id and noted by `join`."""
    values: dict[str, Any] = {
        "trigger": Trigger.API,
        "command": "true",
        "work": {"env": {}, "secret_env": {}},
        "selector": {},
        "on_refused": OnRefused.SKIP,
        "plan_digest": "0" * 64,
        "size": len(server_ids),
        "started": len(server_ids),
        "state": FleetState.RUNNING,
        "created_at": NOON,
        "created_by": changes.get("created_by") or user(conn).id,
    }
    row = add(conn, FleetRun, values | changes)
    member = {"fleet_run_id": row.id, "state": MemberState.STARTED, "execution_id": None}
    found = [member | {"position": at, "server_id": id} for at, id in enumerate(server_ids)]
    if found:
        fleets.insert_members(conn, found)
    return row


def join(conn: Connection, execution: TaskExecution) -> None:
    """Note the execution of a fleet run's member."""
    of_server = members.c.fleet_run_id == execution.fleet_run_id, members.c.server_id == execution.server_id
    conn.execute(update(members).where(*of_server).values(execution_id=execution.id))
