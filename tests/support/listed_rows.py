"""Rows put straight into a running service's database."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from db import executions, tasks, users
from db.models import TaskExecution, User
from db.rows import get_table
from db.values import Reason, Role, State, Trigger
from tests.support.service import Running


async def add_tasks(api: Running, count: int, **values: Any) -> list[int]:
    """Ids of new tasks named `task 0`, `task 1` ..., each with its own creation time; a function gives each its own."""

    def add(conn: Connection) -> list[int]:
        return [tasks.insert(conn, task_values(api, number, values)).id for number in range(count)]

    return await api.service.store.run(add)


async def add_executions(api: Running, count: int, **values: Any) -> list[int]:
    def add(conn: Connection) -> list[int]:
        return [executions.insert(conn, execution_values(api, number, values)).id for number in range(count)]

    return await api.service.store.run(add)


async def add_history(api: Running, task_id: int, count: int) -> None:
    """Many executions of one task, in one statement."""
    rows = [execution_values(api, number, {"task_id": task_id}) for number in range(count)]
    await api.service.store.run(lambda conn: conn.execute(insert(get_table(TaskExecution)), rows) and None)


async def add_user(api: Running, name: str, role: Role) -> User:
    return await api.service.store.run(users.insert, name=name, password_hash="-", role=role, at=api.service.clock())


def own(values: dict[str, Any], number: int) -> dict[str, Any]:
    return {name: value(number) if callable(value) else value for name, value in values.items()}


def task_values(api: Running, number: int, values: dict[str, Any]) -> dict[str, Any]:
    at = moment(number)
    usual: dict[str, Any] = {
        "name": f"task {number}",
        "command": "df -h",
        "server_id": api.server.id,
        "cron_expr": "@manual",
        "timezone": "UTC",
        "enabled": True,
        "timeout_seconds": 300,
        "output_limit": 10_485_760,
        "env": {},
        "working_dir": None,
        "next_run": None,
        "last_run": None,
        "created_by": api.users["operator"].id,
        "created_at": at,
        "updated_at": at,
    }
    return usual | own(values, number)


def execution_values(api: Running, number: int, values: dict[str, Any]) -> dict[str, Any]:
    at = moment(number)
    usual: dict[str, Any] = {
        "task_id": None,
        "server_id": api.server.id,
        "command": "df -h",
        "env": {},
        "working_dir": None,
        "timeout_seconds": 300,
        "output_limit": 10_485_760,
        "trigger": Trigger.MANUAL,
        "attempt": 1,
        "fence": 0,
        "state": State.SUCCESS,
        "reason": Reason.EXIT_STATUS,
        "exit_code": 0,
        "created_at": at,
        "start_time": at,
        "end_time": at + timedelta(seconds=1),
        "duration_ms": 1000,
        "created_by": api.users["operator"].id,
    }
    return usual | own(values, number)


def moment(number: int) -> datetime:
    return datetime.fromisoformat("2026-01-01T00:00:00+00:00") + timedelta(minutes=number)
