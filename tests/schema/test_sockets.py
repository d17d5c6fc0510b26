"""GraphQL over WebSocket: graphql-transport-ws, with a client that speaks it message by message."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from db.values import Role
from sshcast.graphql import sockets
from tests.support.service import PROTOCOL, Running, Socket

pytestmark = pytest.mark.anyio

DEEP = "[" * 40 + "]" * 40
UPDATES = "subscription { executionUpdates { id state } }"


async def ended(socket: Socket) -> tuple[int | None, str | None]:
    """How the other side closes the socket."""
    return await socket.closed()


async def test_queries_and_mutations_run_over_a_socket_too(api: Running) -> None:
    async with api.socket("viewer") as socket:
        (found,) = [payload async for payload in socket.follow("{ me { name } }")]
        assert found["data"] == {"me": {"name": "the.viewer"}}
        mutation = 'mutation { deleteTask(input: {id: "1"}) { task { id } } }'
        (refused,) = [payload async for payload in socket.follow(mutation)]
        assert refused["data"] == {"deleteTask": None}
        assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("query", "code"),
    [("{", "DOCUMENT_INVALID"), ("{ nothing }", "DOCUMENT_INVALID"), ("", "INVALID"), ("{ me { nam } }", None)],
)
async def test_a_bad_document_ends_its_operation_and_not_the_socket(api: Running, query: str, code: str | None) -> None:
    async with api.socket("viewer") as socket:
        id = await socket.subscribe(query)
        message = await socket.receive()
        assert (message["id"], message["type"]) == (id, "error")
        assert message["payload"][0]["extensions"]["code"] == code or "DOCUMENT_INVALID"
        (found,) = [payload async for payload in socket.follow("{ __typename }")]
        assert found["data"] == {"__typename": "Query"}


async def test_too_complex_a_document_is_refused_over_a_socket_too(api: Running) -> None:
    async with api.socket("viewer") as socket:
        await socket.subscribe("{ " + "__typename " * 201 + "}")
        message = await socket.receive()
        assert message["payload"][0]["extensions"]["code"] == "TOO_COMPLEX"


@pytest.mark.parametrize(
    "payload", [{}, {"authorization": "nonsense"}, {"Authorization": "Bearer nonsense"}, {"authorization": 5}]
)
async def test_a_socket_without_a_good_token_is_closed_with_4401(api: Running, payload: dict[str, Any]) -> None:
    async with api.socket(None) as socket:
        await socket.send(type="connection_init", payload=payload)
        assert (await ended(socket))[0] == 4401


async def test_an_expired_token_does_not_open_a_socket(api: Running) -> None:
    stale = api.service.tokens.access(api.users["viewer"], seconds=-60)
    async with api.socket(None) as socket:
        await socket.send(type="connection_init", payload={"authorization": f"Bearer {stale}"})
        assert (await ended(socket))[0] == 4401


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
async def test_the_token_comes_with_connection_init(api: Running, name: str) -> None:
    async with api.socket(None) as socket:
        await socket.begin({name: f"Bearer {api.token('viewer')}"})


async def test_a_client_that_is_no_browser_may_send_its_token_with_the_handshake(api: Running) -> None:
    url = api.url.replace("http", "ws") + "/graphql"
    headers = api.as_user("viewer") | {"Accept-Language": "zh"}
    async with connect(url, subprotocols=[PROTOCOL], additional_headers=headers, proxy=None) as connection:
        socket = Socket(connection)
        await socket.begin({})
        (found,) = [payload async for payload in socket.follow("{ tasks(first: 0) { totalCount } }")]
        assert found["errors"][0]["message"] == "first 须在 1 到 100 之间。"


async def test_the_language_may_come_with_connection_init(api: Running) -> None:
    async with api.socket("viewer", **{"Accept-Language": "zh-CN"}) as socket:
        (found,) = [payload async for payload in socket.follow("{ tasks(first: 0) { totalCount } }")]
        assert found["errors"][0]["message"] == "first 须在 1 到 100 之间。"


async def test_what_comes_before_connection_init_closes_the_socket(api: Running) -> None:
    async with api.socket(None) as socket:
        await socket.subscribe("{ __typename }")
        assert (await ended(socket))[0] == 4401


async def test_a_second_connection_init_closes_the_socket(api: Running) -> None:
    async with api.socket("viewer") as socket:
        await socket.send(type="connection_init", payload=api.as_user("viewer"))
        assert (await ended(socket))[0] == 4429


async def test_a_socket_that_says_nothing_is_closed(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sockets.INIT_WAIT.total_seconds() == 5
    monkeypatch.setattr(sockets, "INIT_WAIT", sockets.INIT_WAIT / 50)
    async with api.socket(None) as socket:
        assert (await ended(socket))[0] == 4408


@pytest.mark.parametrize("protocol", ["graphql-ws", "something"])
async def test_no_other_protocol_is_spoken(api: Running, protocol: str) -> None:
    url = api.url.replace("http", "ws") + "/graphql"
    async with connect(url, subprotocols=[Subprotocol(protocol)], proxy=None) as connection:
        await connection.wait_closed()
        assert connection.close_code == 4406


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"type": 5}',
        '{"type": "dance"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ me { id } }"}}',
        '{"type": "subscribe", "id": ["a"], "payload": {"query": "{ me { id } }"}}',
        '{"type": "subscribe", "id": "1", "payload": []}',
        '{"type": "subscribe", "id": "1", "payload": {}}',
        '{"type": "subscribe", "id": "' + "x" * 200 + '", "payload": {"query": "{ me { id } }"}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ me { id } }", "variables": '
        + "[" * 40
        + "]" * 40
        + "}}",
    ],
    ids=lambda text: text[:45],
)
async def test_a_message_that_is_none_closes_the_socket_with_4400(api: Running, text: str) -> None:
    async with api.socket("viewer") as socket:
        await socket.connection.send(text)
        assert (await ended(socket))[0] == 4400


async def test_a_message_of_bytes_closes_the_socket(api: Running) -> None:
    async with api.socket("viewer") as socket:
        await socket.connection.send(json.dumps({"type": "ping"}).encode())
        assert (await ended(socket))[0] == 4400


async def test_a_message_of_more_than_64_kib_closes_the_socket(api: Running) -> None:
    async with api.socket("viewer") as socket:
        await socket.subscribe("{ me { id } }" + " " * 65_536)
        assert (await ended(socket))[0] == 1009


@pytest.mark.parametrize(
    "payload", [{"query": 1}, {"query": None}, {"query": "{ me { id } }", "variables": []}], ids=str
)
async def test_a_wrong_type_in_a_payload_ends_its_operation_alone(api: Running, payload: dict[str, Any]) -> None:
    async with api.socket("viewer") as socket:
        await socket.send(id="1", type="subscribe", payload=payload)
        message = await socket.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"][0]["extensions"]["code"] == "INVALID"


async def test_a_ping_is_answered(api: Running) -> None:
    async with api.socket("viewer") as socket:
        await socket.send(type="ping")
        assert (await socket.receive())["type"] == "pong"


async def test_an_id_in_use_cannot_be_used_again(api: Running) -> None:
    async with api.socket("viewer") as socket:
        for _ in range(2):
            await socket.send(id="1", type="subscribe", payload={"query": UPDATES})
        assert (await ended(socket))[0] == 4409


async def test_a_socket_has_at_most_20_operations_and_the_others_go_on(api: Running) -> None:
    async with api.socket("viewer") as socket:
        for _ in range(20):
            await socket.subscribe(UPDATES)
        id = await socket.subscribe("{ me { name } }")
        message = await socket.receive()
        assert (message["id"], message["type"]) == (id, "error")
        assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        await socket.send(id="1", type="complete")
        (found,) = [payload async for payload in socket.follow("{ me { name } }")]
        assert found["data"] == {"me": {"name": "the.viewer"}}


async def test_a_browser_page_of_another_site_gets_no_socket(api: Running) -> None:
    url = api.url.replace("http", "ws") + "/graphql"
    for origin in ("https://evil.example", "null", api.url + ".evil.example"):
        with pytest.raises(InvalidStatus) as refusal:
            await connect(url, subprotocols=[PROTOCOL], origin=origin, proxy=None)  # type: ignore[arg-type]
        assert refusal.value.response.status_code == 403
    async with connect(url, subprotocols=[PROTOCOL], origin=api.url, proxy=None):  # type: ignore[arg-type]
        pass


async def test_rights_are_looked_at_again_for_each_operation(fresh: Running) -> None:
    delete = 'mutation { deleteTask(input: {id: "1"}) { errors { code } } }'
    async with fresh.socket("operator") as socket:
        (found,) = [payload async for payload in socket.follow(delete)]
        assert found["data"]["deleteTask"]["errors"] == [{"code": "NOT_FOUND"}]
        await fresh.change_user("operator", role=Role.VIEWER)
        (found,) = [payload async for payload in socket.follow(delete)]
        assert found["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        await fresh.change_user("operator", disabled=True)
        await socket.subscribe("{ me { name } }")
        assert await ended(socket) == (4403, "Sign in first: the token is absent, expired or not valid.")


async def test_each_operation_sees_what_is_so_at_its_time(fresh: Running) -> None:
    query = "query($id: ID!) { task(id: $id) { server { name } } }"
    create = """mutation($s: ID!) { createTask(input: {name: "t", command: "w", serverId: $s, cronExpr: "@manual"}) {
      task { id } } }"""
    rename = 'mutation($s: ID!) { updateServer(input: {id: $s, name: "renamed"}) { errors { code } } }'
    server = str(fresh.server.id)
    id = (await fresh.data(create, s=server))["createTask"]["task"]["id"]
    async with fresh.socket("admin") as socket:
        assert (await first(socket.follow(query, id=id)))["data"] == {"task": {"server": {"name": "a server"}}}
        await first(socket.follow(rename, s=server))
        assert (await first(socket.follow(query, id=id)))["data"] == {"task": {"server": {"name": "renamed"}}}


async def test_each_event_sees_what_is_so_at_its_time(fresh: Running) -> None:
    query = "subscription { executionUpdates { id state server { name } } }"
    rename = 'mutation($s: ID!) { updateServer(input: {id: $s, name: "renamed"}) { errors { code } } }'
    run = await fresh.run()
    async with fresh.socket("admin") as socket:
        events = socket.follow(query)
        assert (await begun(fresh, events))["server"] == {"name": "a server"}
        await fresh.data(rename, "admin", s=str(fresh.server.id))
        await run.end()
        fresh.service.bus.hint("executions")
        async for event in events:
            found = event["data"]["executionUpdates"]
            if found["id"] == str(run.id):
                assert (found["state"], found["server"]) == ("SUCCESS", {"name": "renamed"})
                return


async def begun(api: Running, events: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    """The first update that a new watcher is told; runs are started until there is one."""
    watching: asyncio.Future[dict[str, Any]] = asyncio.ensure_future(anext(events))
    while not watching.done():
        await api.run()
        api.service.bus.hint("executions")
        await asyncio.wait([watching], timeout=0.1)
    found: dict[str, Any] = watching.result()["data"]["executionUpdates"]
    return found


async def first(payloads: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [payload async for payload in payloads]
    return found
