"""What a stranger relies on: arguments in one order, and no member of an interface that never comes."""

from typing import Any

import pytest
from graphql import (
    FieldDefinitionNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    is_required_argument,
    visit,
)
from graphql import parse as parse_sdl
from graphql.language import Visitor

from schema.build import build_schema, format_schema
from tests.support.service import Running

pytestmark = pytest.mark.anyio

SCHEMA = build_schema()._schema
ORDER = ("first", "after", "last", "before", "filter", "orderBy", "page", "pageSize")


def rank(name: str, *, required: bool) -> int:
    """The place of an argument: what is required, what pages, then all else."""
    if required:
        return -1
    return ORDER.index(name) if name in ORDER else len(ORDER)


def test_arguments_are_in_one_order_in_introspection() -> None:
    for kind in SCHEMA.type_map.values():
        fields = kind.fields if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) else {}
        for name, field in fields.items():
            ranks = [rank(arg, required=is_required_argument(item)) for arg, item in field.args.items()]
            assert kind.name.startswith("__") or ranks == sorted(ranks), f"{kind.name}.{name}"


def test_the_printed_schema_has_the_same_order() -> None:
    printed: dict[str, list[str]] = {}

    class Reader(Visitor):
        def enter_field_definition(self, node: FieldDefinitionNode, *_: Any) -> None:
            if any(argument.name.value == "first" for argument in node.arguments or ()):
                printed[node.name.value] = [argument.name.value for argument in node.arguments or ()]

    visit(parse_sdl(format_schema()), Reader())
    assert printed["tasks"][:6] == ["first", "after", "last", "before", "filter", "orderBy"]
    assert printed["searchOutput"][:4] == ["pattern", "first", "after", "filter"]


def list_members(name: str) -> set[str]:
    kind: Any = SCHEMA.type_map[name]
    return {member.name for member in SCHEMA.get_possible_types(kind)}


def test_these_are_all_interfaces_and_unions() -> None:
    abstract = GraphQLInterfaceType | GraphQLUnionType
    found = {name for name, kind in SCHEMA.type_map.items() if isinstance(kind, abstract)}
    assert found == {"Event", "Node", "OutputEvent", "UserError"}, (
        "test here, or in test_nodes.py, that each member comes"
    )


MISTAKES = {
    "InputInvalid": 'runCommand(input: {serverId: "1", command: ""})',
    "ObjectNotFound": 'runCommand(input: {serverId: "999999", command: "df"})',
    "ObjectConflict": 'createUser(input: {name: "the.viewer", password: "correct horse battery"})',
    "ServerUnreachable": 'scanHostKeys(input: {host: "127.0.0.1", port: 1})',
    "SignInRefused": 'login(input: {username: "the.viewer", password: "wrong"})',
    "ScheduleInvalid": 'createTask(input: {name: "a", command: "df", serverId: "1", cronExpr: "0 25 * * *"})',
    "CommandRefused": 'runCommand(input: {serverId: "1", command: "sudo reboot"})',
    "ServersRefused": 'startFleetRun(input: {work: {command: {command: "df"}}, selector: {nameContains: "off duty"}})',
}


@pytest.fixture(scope="module")
async def off_duty(live: Running) -> None:
    """A disabled server."""
    created: dict[str, Any] = {
        "name": "off duty",
        "host": "off.example",
        "username": "me",
        "hostKeys": live.server.host_keys,
    }
    created |= {"enabled": False, "credential": {"password": "x"}}
    query = "mutation($input: CreateServerInput!) { createServer(input: $input) { errors { message } } }"
    assert (await live.data(query, "admin", input=created))["createServer"]["errors"] == []


@pytest.mark.usefixtures("off_duty")
@pytest.mark.parametrize("name", sorted(list_members("UserError")))
async def test_each_kind_of_mistake_can_be_made(live: Running, name: str) -> None:
    found = await live.data(f"mutation {{ {MISTAKES[name]} {{ errors {{ __typename }} }} }}", "admin")
    assert [payload["errors"] for payload in found.values()] == [[{"__typename": name}]]


async def test_each_event_of_an_output_comes(live: Running) -> None:
    run = 'mutation { runCommand(input: {serverId: "1", command: "echo x"}) { execution { id } } }'
    id = (await live.data(run))["runCommand"]["execution"]["id"]
    async with live.socket() as socket:
        follow = socket.follow("subscription($id: ID!) { executionOutput(executionId: $id) { __typename } }", id=id)
        found = {event["data"]["executionOutput"]["__typename"] async for event in follow}
    assert found == list_members("OutputEvent")


async def test_each_event_of_the_stream_comes(live: Running) -> None:
    await live.data(
        """mutation {
          createTask(input: {name: "shape", command: "df", serverId: "1", cronExpr: "@once"}) { task { id } }
          startFleetRun(input: {work: {command: {command: "df"}}, selector: {ids: ["1"]}}) { fleetRun { id } }
          updateServer(input: {id: "1", maxParallel: 11}) { server { id } } }""",
        "admin",
    )
    found = await live.data("{ events(last: 100) { nodes { __typename } } }", "admin")
    assert {event["__typename"] for event in found["events"]["nodes"]} == list_members("Event")
