"""A service with two servers: one that is granted to a user of each role, and one that must stay hidden from them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from db import executions, grants, output, policies, rows, servers, slots, tasks, transitions, users
from db.models import TaskExecution, User
from db.output import NewChunk
from db.values import FleetState, Mode, Role, State, Stream
from resolvers import sign_in
from resolvers.context import Context
from runner.fleet import messages
from schema.build import build_schema
from schema.engine import Answer, Engine
from schema.limits import Limits
from schema.operation import Operation
from schema.request import GraphQLRequest
from tests.support.listed_rows import execution_values, task_values
from tests.support.rows import fleet_run, join, members
from tests.support.service import Running, running

WIDE = Limits(**dict.fromkeys(Limits.__dataclass_fields__, 10**9))
# The hidden server's objects are known by these ids, and by the word "veiled" in all of their texts.
SERVER, TASK, RUN, ADHOC, SLOT, USER, MOVED, FLEET = range(880_001, 880_009)
# A fleet run on both servers, which ended with the execution of each.
SHARED = 770_001


@dataclass(slots=True)
class Granted:
    """`shown` holds the ids of the granted server's objects by their kind, `hidden` those of the other's."""

    api: Running
    engine: Engine
    shown: dict[str, int]
    hidden: dict[str, int]
    users: dict[Role, User]

    async def ask(self, user: User, query: str) -> Answer:
        """Through the engine that every transport uses, with limits that are out of the way."""
        found = await self._run(user, query)
        if isinstance(found, Answer):
            return found
        first: Answer = await anext(found)
        await found.aclose()
        return first

    async def follow(self, user: User, query: str) -> list[Any]:
        """What a subscription tells until it ends: the value of its field each time, or of a refused one the code."""
        found = await self._run(user, query)
        if isinstance(found, Answer):
            return [found.code]
        return [answer.code or next(iter((answer.data or {}).values())) async for answer in found]

    async def _run(self, user: User, query: str) -> Any:
        token = self.api.service.tokens.access(user)
        ctx = Context(self.api.service, await sign_in.authenticate_token(self.api.service, token))
        return await self.engine.run(GraphQLRequest(query), Operation(ctx))

    async def fresh(self) -> tuple[dict[str, int], dict[str, int]]:
        """New tasks, waiting runs and fleet runs on both servers, for what changes them."""

        def add(conn: Connection, server_id: int) -> dict[str, int]:
            task = tasks.insert(conn, task_values(self.api, 1, {"server_id": server_id}))
            waits = {"server_id": server_id, "state": State.PENDING, "reason": None, "end_time": None}
            run = executions.insert(conn, execution_values(self.api, 1, waits))
            fleet = fleet_run(conn, [server_id], created_by=USER)
            return {"server": server_id, "task": task.id, "execution": run.id, "fleetrun": fleet.id}

        return await self.api.service.store.run(lambda conn: (add(conn, self.shown["server"]), add(conn, SERVER)))


def hide(conn: Connection, api: Running, shown_task: int) -> None:
    """The hidden server with all that there can be on one; a task of the other one has run there once."""
    user = {"id": USER, "name": "veiled.user", "password_hash": "x", "role": Role.ADMIN, "disabled": False}
    rows.add(conn, User, user | {"token_version": 0} | stamps(api))
    given: dict[str, Any] = {"id": SERVER, "name": "veiled server", "host": "veiled.example", "username": "veiled"}
    given |= {"host_keys": ["ssh-ed25519 veiled"], "tags": ["veiled-tag"], "credential": b"", "port": 22}
    given |= {"credential_kind": "key", "max_parallel": 1, "run_mode": Mode.DURABLE, "enabled": True}
    given["blackouts"] = [{"days": ["MON"], "start": "22:00", "end": "23:00", "timezone": "UTC", "reason": "veiled"}]
    servers.insert(conn, given | {"created_by": USER} | stamps(api))
    at = {"server_id": SERVER, "command": "echo veiled", "working_dir": "/veiled", "created_by": USER}
    tasks.insert(conn, task_values(api, 1, at | {"id": TASK, "name": "veiled task", "updated_by": USER}))
    for id, task in ((RUN, TASK), (ADHOC, None)):
        running = {"id": id, "task_id": task, "message": "veiled", "state": State.RUNNING, "fleet_run_id": FLEET}
        executions.insert(conn, execution_values(api, 1, at | running))
        output.append(conn, [NewChunk(id, 0, Stream.STDOUT, 0, api.service.clock(), b"veiled output")])
    moved = {"id": MOVED, "task_id": shown_task, "message": "veiled", "fleet_run_id": SHARED}
    executions.insert(conn, execution_values(api, 1, at | moved))
    fleet: dict[str, Any] = {"id": FLEET, "task_id": TASK, "command": "echo veiled", "created_by": USER}
    fleet |= {"selector": {"name_contains": "veiled"}, "plan_digest": "veiled", "cancelled_by": USER}
    fleet_run(conn, [SERVER], **fleet | {"created_at": api.service.clock()})
    slot = {"id": SLOT, "task_id": TASK, "slot": api.service.clock(), "outcome": "missed", "reason": "veiled"}
    slots.record(conn, [slot | {"decided_at": api.service.clock(), "execution_id": RUN}])
    policy: dict[str, Any] = {
        "server_id": SERVER,
        "task_id": None,
        "subject": None,
        "mode": "strict",
        "allow": [],
        "commands": [],
    }
    policies.insert(
        conn,
        policy | {"extra": "# veiled", "created_by": USER, "created_at": api.service.clock()},
    )


def show(conn: Connection, api: Running) -> dict[str, int]:
    """Objects on the other server."""
    task = tasks.insert(conn, task_values(api, 1, {"name": "shown task"}))
    run = executions.insert(conn, execution_values(api, 1, {"task_id": task.id, "fleet_run_id": SHARED}))
    line = {"task_id": task.id, "slot": api.service.clock(), "outcome": "fired", "execution_id": run.id}
    slots.record(conn, [line | {"decided_at": api.service.clock()}])
    return {"server": api.server.id, "task": task.id, "execution": run.id}


def share(conn: Connection, api: Running, shown: dict[str, int]) -> None:
    """The fleet run of the shown task on both servers: each has an execution with output."""
    ended = {"state": FleetState.SUCCESS, "created_at": api.service.clock(), "end_time": api.service.clock()}
    fleet_run(conn, [api.server.id, SERVER], id=SHARED, task_id=shown["task"], created_by=1, **ended)
    for id, text in ((shown["execution"], b"shown output"), (MOVED, b"veiled output")):
        row = executions.by_id(conn, id)
        assert row is not None
        join(conn, row)
        rows.change(conn, TaskExecution, {"state": State.RUNNING}, executions.executions.c.id == id)
        output.append(conn, [NewChunk(id, 0, Stream.STDOUT, 0, api.service.clock(), text)])
        transitions.finish(conn, id, 0, {"state": State.SUCCESS, "end_time": api.service.clock()})
    hidden = (members.c.fleet_run_id == SHARED, members.c.server_id == SERVER)
    conn.execute(update(members).where(*hidden).values(message=messages.pack("veiled", "veiled")))


def stamps(api: Running) -> dict[str, Any]:
    return {"created_at": api.service.clock(), "updated_at": api.service.clock()}


def given_to(conn: Connection, api: Running, role: Role) -> User:
    """A user who has nothing but this role on the shown server; with none, nothing at all."""
    at = api.service.clock()
    user = users.insert(conn, name=f"granted.{role}", password_hash="x", role=Role.NONE, at=at)
    values = {"user_id": user.id, "server_id": api.server.id, "tag": None, "role": role}
    if role is not Role.NONE:
        grants.insert(conn, values | {"created_by": None, "created_at": at})
    return user


@pytest.fixture(params=[True, False], ids=["by plans", "by graphql-core"])
async def granted(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Granted]:
    async with running(tmp_path) as api:
        run = api.service.store.run
        found = {role: await run(given_to, api, role) for role in Role}
        shown = await run(show, api)
        await run(hide, api, shown["task"])
        await run(share, api, shown)
        hidden = {"server": SERVER, "task": TASK, "execution": RUN, "user": USER}
        yield Granted(api, Engine(build_schema(), WIDE, compiling=request.param), shown, hidden, found)
