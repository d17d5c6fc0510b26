"""Slots of fleet tasks: each makes a fleet run, whose batches the fleet's controller starts."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from db import executions, fleet_selection, fleets, slots
from db.fleet_selection import MOST_SERVERS, ServerSelector
from db.models import Server, Task
from db.values import FleetState, MemberState, OnRefused, Trigger
from runner.admission.authorization import acting_for
from runner.scheduling import blackout

MOST_NAMES = 10
OWN_COLUMNS = ("task_id", "command", "sealed_env", "server_id")
"""The columns of an execution that its fleet run has itself or that each execution has for itself."""


@dataclass(frozen=True, slots=True)
class FleetStarted:
    """The fleet run that a slot made."""

    id: int


@dataclass(frozen=True, slots=True)
class FleetSkipped:
    """Why a slot made no fleet run."""

    reason: str


def load_unfinished(conn: Connection, tasks: Collection[Task]) -> dict[int, list[int]]:
    """Return what of each task is still open: ids of executions, and 0 for a fleet task's fleet run."""
    single = [task.id for task in tasks if task.selector is None]
    found = slots.list_open_executions(conn, single) if single else {}
    of_fleets = [task.id for task in tasks if task.selector is not None]
    return found | {id: [0] for id in (fleets.list_busy_tasks(conn, of_fleets) if of_fleets else ())}


def start_fleet_run(
    conn: Connection, task: Task, slot: datetime, now: datetime, judged: dict[str, Any]
) -> FleetStarted | FleetSkipped:
    """Insert the fleet run of a slot, with a member for each selected server; nothing of it has started then.

    `judged` has the columns of the policy's decision. Rights and the policies of the servers are checked as each
    execution starts, and whether a server may be used as its batch does.
    """
    servers = fleet_selection.list_selected(conn, _build_selector(task), MOST_SERVERS + 1)
    if why := _find_obstacle(task, servers, now):
        return FleetSkipped(why)
    run = fleets.insert_once(conn, _build_row(task, slot, now, judged, [row.id for row in servers]))
    assert run is not None  # without an idempotency key it is always new
    fleets.insert_members(conn, [_build_member(run.id, *each) for each in enumerate(servers)])
    return FleetStarted(run.id)


def _build_selector(task: Task) -> ServerSelector:
    stored: dict[str, Any] = {}
    for name, given in (task.selector or {}).items():
        stored[name] = tuple(given) if isinstance(given, list) else given
    return ServerSelector(**stored)


def _find_obstacle(task: Task, servers: Sequence[Server], now: datetime) -> str | None:
    """Return why the fleet run may not be made, in words."""
    if not servers:
        return "its selector selects no server"
    if len(servers) > MOST_SERVERS:
        return f"its selector selects more than {MOST_SERVERS} servers"
    unusable = [row.name for row in servers if not row.enabled or blackout.find_covering(row.blackouts, now)]
    if unusable and (task.fleet_terms["on_refused"] == OnRefused.FAIL_ALL or len(unusable) == len(servers)):
        named = ", ".join(unusable[:MOST_NAMES]) + (", …" if len(unusable) > MOST_NAMES else "")
        return f"{len(unusable)} of {len(servers)} servers are disabled or in a blackout window: {named}"
    return None


def _build_row(
    task: Task, slot: datetime, now: datetime, judged: dict[str, Any], server_ids: Sequence[int]
) -> dict[str, Any]:
    columns = executions.copy_from_task(task) | judged
    work = {name: value for name, value in columns.items() if name not in OWN_COLUMNS}
    planned = orjson.dumps([task.id, task.updated_at, server_ids])
    return {
        "task_id": task.id,
        "slot": slot,
        "trigger": Trigger.SCHEDULE,
        "command": task.command,
        "work": work,
        "sealed_env": columns.get("sealed_env"),
        "selector": task.selector,
        **task.fleet_terms,
        "plan_digest": hashlib.sha256(planned).hexdigest(),
        "size": len(server_ids),
        "started": 0,
        "state": FleetState.RUNNING,
        "created_at": now,
        "created_by": acting_for(task),
    }


def _build_member(id: int, position: int, server: Server) -> dict[str, Any]:
    member = {"fleet_run_id": id, "position": position, "server_id": server.id}
    return member | {"state": MemberState.WAITING, "refusal": None, "message": None}
