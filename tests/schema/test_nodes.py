"""`nodeId` and `node`: every object of the service by one id, for those who see it by the query of its own type."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from graphql import GraphQLObjectType

from db.values import Role
from schema.build import build_schema
from schema.node_ids import format_node_id
from schema.nodes import FINDERS
from tests.support.listed_rows import add_history
from tests.support.service import Running

pytestmark = pytest.mark.anyio

SCHEMA = build_schema()._schema
NODE: Any = SCHEMA.type_map["Node"]
MAKE = """mutation {
  createTask(input: {name: "nightly", command: "df", serverId: "1", cronExpr: "@once"}) { task { id } }
  createSecret(input: {name: "prod-db", value: "a secret"}) { secret { id } }
  setServerPolicy(input: {id: "1", mode: STRICT}) { policy { id } }
  grantRole(input: {userId: "2", serverId: "1", role: VIEWER}) { grant { id } }
  createPersonalToken(input: {name: "a token", scope: READ}) { personalToken { id } }
  startFleetRun(input: {work: {command: {command: "df"}}, selector: {ids: ["1"]}}) { fleetRun { id } } }"""
LISTED = """{ me { ...N } personalTokens { ...N } users { nodes { ...N grants { ...N } } } tasks { nodes { ...N } }
  servers { nodes { ...N } } executions { nodes { ...N } } scheduleLedger { nodes { ...N } }
  fleetRuns { nodes { ...N } } secrets { nodes { ...N } } commandPolicies { nodes { ...N } }
  auditEvents { nodes { ...N } } } fragment N on Node { __typename nodeId ... on Node { nodeId } }"""
# Whom the queries of a type refuse; other users get null for what they may not see.
REFUSED = {
    "User": {Role.NONE, Role.VIEWER, Role.OPERATOR},
    "AuditEvent": {Role.NONE, Role.VIEWER, Role.OPERATOR},
    "CommandPolicy": {Role.NONE, Role.VIEWER, Role.OPERATOR},
    "Secret": {Role.NONE, Role.VIEWER},
}
# What belongs to the admin who made it, and a grant of the viewer.
OWNED = {"PersonalToken": {Role.ADMIN}, "Grant": {Role.VIEWER, Role.ADMIN}}
ADMIN_ID = 4
ALL = ["Server", "Task", "TaskExecution", "ScheduleSlot", "FleetRun"]


def list_nodes(value: Any) -> list[dict[str, str]]:
    """Every object of an answer that has a nodeId."""
    if isinstance(value, list):
        return [node for each in value for node in list_nodes(each)]
    if not isinstance(value, dict):
        return []
    own = [{"__typename": value["__typename"], "nodeId": value["nodeId"]}] if "nodeId" in value else []
    return own + [node for each in value.values() for node in list_nodes(each)]


@pytest.fixture
async def made(fresh: Running) -> Running:
    """A service with an object of every type."""
    await fresh.data(MAKE, "admin")
    await add_history(fresh, 1, 1)
    return fresh


async def find(api: Running, node_id: str, role: str = "admin") -> dict[str, Any]:
    query = "query($id: ID!) { node(nodeId: $id) { __typename nodeId } }"
    return await api.graphql(query, role, id=node_id)


@pytest.mark.parametrize("fresh", [True, False], ids=["by plans", "by graphql-core"], indirect=True)
async def test_every_object_is_found_by_the_node_id_that_it_shows(made: Running) -> None:
    nodes = list_nodes(await made.data(LISTED, "admin"))
    assert {node["__typename"] for node in nodes} == {kind.name for kind in SCHEMA.get_possible_types(NODE)}
    for node in nodes:
        assert (await find(made, node["nodeId"]))["data"] == {"node": node}
    distinct = {(node["__typename"], node["nodeId"]) for node in nodes}
    assert len({node_id for _, node_id in distinct}) == len(distinct)


async def test_a_node_shows_the_fields_of_its_type(made: Running) -> None:
    query = """query($task: ID!, $server: ID!) {
      a: node(nodeId: $task) { ... on Task { id name server { nodeId } } ... on Server { host } }
      b: node(nodeId: $server) { id: nodeId ... on Server { name tasks { nodes { name } } } } }"""
    ids = {"task": format_node_id("Task", 1), "server": format_node_id("Server", 1)}
    found = await made.data(query, "viewer", **ids)
    assert found["a"] == {"id": "1", "name": "nightly", "server": {"nodeId": ids["server"]}}
    assert found["b"] == {"id": ids["server"], "name": "a server", "tasks": {"nodes": [{"name": "nightly"}]}}


@pytest.mark.parametrize("role", list(Role))
async def test_who_gets_an_object_is_who_gets_it_by_the_query_of_its_type(made: Running, role: Role) -> None:
    for name in FINDERS:
        body = await find(made, format_node_id(name, ADMIN_ID if name == "User" else 1), role)
        codes = [error["extensions"]["code"] for error in body.get("errors", [])]
        assert codes == (["FORBIDDEN"] if role in REFUSED.get(name, ()) else []), name
        is_seen = role in OWNED.get(name, set(Role) - REFUSED.get(name, set()))
        is_seen = is_seen and (name not in ALL or role is not Role.NONE)
        assert (body["data"]["node"] is not None) == is_seen, name


async def test_users_who_are_no_admins_find_themselves_and_nobody_else(made: Running) -> None:
    own = made.users["viewer"].id
    found = await find(made, format_node_id("User", own), "viewer")
    assert found["data"]["node"]["__typename"] == "User"
    other = await find(made, format_node_id("User", own + 1), "viewer")
    assert [error["extensions"]["code"] for error in other["errors"]] == ["FORBIDDEN"]


@pytest.mark.parametrize("name", sorted(FINDERS))
async def test_what_is_not_there_is_null(api: Running, name: str) -> None:
    body = await find(api, format_node_id(name, 999_999))
    assert ("errors" in body, body["data"]) == (False, {"node": None})


def encode(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


BAD = ["", "1", "VGFzazox=", "VGFzazox\n", " VGFzazox", "VGFzazoy!", "\u7548", "A" * 10_000, "VGFzazoxA"]
BAD += [
    encode(text) for text in ("Task", "Task:", "Task:0", "Task:01", "Task:-1", "Task:x", "task:1", "Query:1", "Node:1")
]
BAD += [encode(text) for text in ("Task:9223372036854775808", "Task:1:1", "Task: 1", ":1", "Event:1", "Task:\u0661")]


@pytest.mark.parametrize("node_id", BAD)
async def test_what_is_no_node_id_is_refused_by_its_name(api: Running, node_id: str) -> None:
    body = await find(api, node_id)
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID", ["nodeId"])
    assert error["message"] == "nodeId is not a nodeId: take it from an object's nodeId."
    assert body["data"] == {"node": None}


def test_nodes_are_executed_by_plans_like_other_objects() -> None:
    assert [kind.name for kind in SCHEMA.get_possible_types(NODE) if kind.is_type_of is not None] == []


def test_every_type_with_an_id_of_its_own_is_a_node_that_can_be_found() -> None:
    kinds = [kind for kind in SCHEMA.type_map.values() if isinstance(kind, GraphQLObjectType)]
    with_id = {kind.name for kind in kinds if "id" in kind.fields and str(kind.fields["id"].type) == "ID!"}
    assert with_id == {kind.name for kind in SCHEMA.get_possible_types(NODE)} == set(FINDERS)
