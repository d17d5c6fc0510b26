"""What executions, servers of fleet runs and retries wait for, as clients read it."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from db import servers
from runner.scheduling.blackout import normalize_window
from tests.support.service import Running

pytestmark = pytest.mark.anyio

RUN = """mutation ($server: ID!) { runCommand(input: {serverId: $server, command: "df -h"}) {
  execution { id waiting { reason position until } } errors { message } } }"""
SEE = "query ($id: ID!) { execution(id: $id) { state waiting { reason position } } }"
START = """mutation { startFleetRun(input: {
  work: {command: {command: "df -h"}}, selector: {nameContains: ""}, batchSize: {servers: 1}
}) { fleetRun { id members { nodes { state waiting { reason until } } } } errors { message } } }"""
TASK = """mutation ($server: ID!) { createTask(input: {
  name: "x", command: "df -h", serverId: $server, cronExpr: "@manual"}) { task { id } } }"""
SLOTS = "query ($id: ID!) { task(id: $id) { slots { nodes { waiting { reason until } } } } }"
ADD_SLOT = """INSERT INTO schedule_slots (task_id, slot, outcome, decided_at, open, retries_left, retry_at)
  VALUES (:task, :at, 'fired', :at, true, 1, :at)"""


async def test_a_run_that_no_runner_has_taken_yet(fresh: Running) -> None:
    found = [(await fresh.data(RUN, server=str(fresh.server.id)))["runCommand"]["execution"] for _ in range(2)]
    assert [each["waiting"] for each in found] == [
        {"reason": "RUNNER_CAPACITY", "position": position, "until": None} for position in (1, 2)
    ]
    cancel = "mutation ($id: ID!) { cancelExecution(input: {id: $id}) { errors { message } } }"
    await fresh.data(cancel, id=found[0]["id"])
    assert (await fresh.data(SEE, id=found[0]["id"]))["execution"] == {"state": "CANCELLED", "waiting": None}
    assert (await fresh.data(SEE, id=found[1]["id"]))["execution"]["waiting"]["position"] == 1


async def test_a_server_whose_batch_has_not_started(fresh: Running) -> None:
    await fresh.service.store.run(add_server, fresh.server.id)
    members = (await fresh.data(START))["startFleetRun"]["fleetRun"]["members"]["nodes"]
    assert [(each["state"], each["waiting"]) for each in members] == [
        ("STARTED", None),
        ("WAITING", {"reason": "BATCH", "until": None}),
    ]


async def test_a_retry_that_waits_for_the_end_of_a_blackout_window(fresh: Running) -> None:
    task = (await fresh.data(TASK, server=str(fresh.server.id)))["createTask"]["task"]["id"]
    now = fresh.service.clock()
    await fresh.service.store.run(add_slot, int(task), now)
    (free,) = (await fresh.data(SLOTS, id=task))["task"]["slots"]["nodes"]
    assert free["waiting"] is None
    window = normalize_window({"from": now - timedelta(hours=1), "until": now + timedelta(hours=1)})
    assert await fresh.service.store.run(servers.update, fresh.server.id, {"blackouts": [window]})
    (covered,) = (await fresh.data(SLOTS, id=task))["task"]["slots"]["nodes"]
    assert covered["waiting"]["reason"] == "BLACKOUT"
    assert covered["waiting"]["until"] > (now + timedelta(minutes=1)).isoformat()


def add_server(conn: Connection, like: int) -> None:
    (row,) = servers.by_ids(conn, [like])
    values = row._asdict() | {"name": "another"}  # type: ignore[attr-defined]
    servers.insert(conn, {name: value for name, value in values.items() if name not in ("id", "name_folded")})


def add_slot(conn: Connection, task_id: int, at: object) -> None:
    conn.execute(text(ADD_SLOT), {"task": task_id, "at": at})
