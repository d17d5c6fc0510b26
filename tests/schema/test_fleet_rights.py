"""Of a fleet run, who has a role on one of its servers sees what concerns that server, and nothing of the others."""

import re
from typing import Any

import orjson
import pytest

from db.values import Role
from tests.support import granted as world
from tests.support.granted import Granted, granted

pytestmark = pytest.mark.anyio
__all__ = ["granted"]

SEEN = [role for role in Role if role is not Role.NONE]
WHOLE = """{ fleetRun(id: "%s") { id
  counts { size success removed }
  members { totalCount nodes { serverId message executionId execution { id message } server { name } } }
  executions { totalCount nodes { id serverId } }
  outputGroups { totalCount nodes { size text executions { totalCount nodes { id } } } } } }"""
EVENTS = """subscription { fleetRunEvents(id: "%s") { kind
  ... on ExecutionEvent { executionId } ... on FleetRunEvent { fleetRunId } } }"""
OUTPUT = 'subscription { fleetRunOutput(id: "%s") { executionId serverId text } }'


def list_hidden(found: Any) -> list[str]:
    return re.findall(r"veiled|8800\d\d", orjson.dumps(found).decode())


@pytest.mark.parametrize("role", SEEN)
async def test_counts_members_executions_and_groups_are_those_of_visible_servers(granted: Granted, role: Role) -> None:
    data: Any = (await granted.ask(granted.users[role], WHOLE % world.SHARED)).data
    assert not list_hidden(data)
    found, run = data["fleetRun"], str(granted.shown["execution"])
    assert found["counts"] == {"size": 1, "success": 1, "removed": 0}
    assert (
        found["members"]["totalCount"] == found["executions"]["totalCount"] == found["outputGroups"]["totalCount"] == 1
    )
    assert [each["executionId"] for each in found["members"]["nodes"]] == [run]
    assert [each["id"] for each in found["executions"]["nodes"]] == [run]
    (group,) = found["outputGroups"]["nodes"]
    assert (group["size"], group["text"], group["executions"]["totalCount"]) == (1, "shown output", 1)


async def test_who_sees_both_servers_sees_all_of_it(granted: Granted) -> None:
    found: Any = (await granted.ask(granted.api.users["viewer"], WHOLE % world.SHARED)).data
    assert found["fleetRun"]["counts"] == {"size": 2, "success": 2, "removed": 0}
    assert [each["text"] for each in found["fleetRun"]["outputGroups"]["nodes"]] == ["shown output", "veiled output"]
    assert len(await granted.follow(granted.api.users["viewer"], OUTPUT % world.SHARED)) == 2


@pytest.mark.parametrize("role", SEEN)
async def test_output_and_events_are_those_of_visible_servers(granted: Granted, role: Role) -> None:
    user, run = granted.users[role], str(granted.shown["execution"])
    told = await granted.follow(user, OUTPUT % world.SHARED)
    assert [(each["executionId"], each["text"]) for each in told] == [(run, "shown output")]
    events = await granted.follow(user, EVENTS % world.SHARED)
    assert {each.get("executionId") for each in events} == {run, None}
    assert {each.get("fleetRunId") for each in events} == {str(world.SHARED), None}
    assert not list_hidden(events)


async def test_a_fleet_run_on_hidden_servers_alone_is_not_there(granted: Granted) -> None:
    for role, user in granted.users.items():
        ids = (world.FLEET,) if role is not Role.NONE else (world.FLEET, world.SHARED)
        for id in ids:
            assert (await granted.ask(user, WHOLE % id)).data == {"fleetRun": None}
            for subscription in (OUTPUT, EVENTS):
                assert await granted.follow(user, subscription % id) == ["NOT_FOUND"], role
