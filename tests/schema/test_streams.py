"""Subscriptions over HTTP: server-sent events (graphql-sse) and multipart (Apollo), and what ends them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from db.values import Role, State
from runner.bus import execution_address
from sshcast.graphql import streams
from tests.support.service import Running
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

OUTPUT = "subscription($id: ID!) { executionOutput(executionId: $id) { __typename ... on OutputChunk { text } } }"
SSE = {"Accept": "text/event-stream"}
MULTIPART = {"Accept": "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"}


def stream(api: Running, query: str, headers: dict[str, str], **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    return api.http.stream("POST", "/graphql", json=body, headers=api.as_user("viewer") | headers)


async def events(answer: httpx2.Response) -> AsyncIterator[tuple[str, str]]:
    """The events of a stream of server-sent events, as (name, data); a comment is ("", text)."""
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith(":"):
            yield "", line[1:]
        elif line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data:"):
            yield name, line.removeprefix("data:").strip()


async def finished_run(api: Running) -> int:
    run = await api.run()
    await run.write(b"one line\n")
    await run.end()
    return run.id


async def test_server_sent_events_are_next_and_then_complete(api: Running) -> None:
    async with stream(api, OUTPUT, SSE, id=await finished_run(api)) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        found = [event async for event in events(answer)]
    assert [name for name, _ in found] == ["next", "next", "next", "complete"]
    told = [json.loads(data)["data"]["executionOutput"] for _, data in found[:-1]]
    assert told[0] == {"__typename": "OutputChunk", "text": "one line\n"}
    assert found[-1] == ("complete", "")


async def test_a_subscription_may_be_asked_for_by_get(api: Running) -> None:
    params = {"query": OUTPUT, "variables": json.dumps({"id": str(await finished_run(api))})}
    headers = api.as_user("viewer") | SSE
    async with api.http.stream("GET", "/graphql", params=params, headers=headers) as answer:
        assert [name async for name, _ in events(answer)] == ["next", "next", "next", "complete"]


@pytest.mark.parametrize("query", ["{ me { name } }", OUTPUT], ids=["query", "subscription"])
async def test_who_comes_back_after_complete_is_sent_away(api: Running, query: str) -> None:
    """EventSource asks again after every end of an answer, unless that is a 204."""
    variables = {"id": await finished_run(api)} if query is OUTPUT else {}
    async with stream(api, query, SSE, **variables) as answer:
        lines = [line async for line in answer.aiter_lines()]
    (id,) = [line.removeprefix("id: ") for line in lines if line.startswith("id: ")]
    for method in ("GET", "POST"):
        given: dict[str, Any] = {"params": {"query": query}} if method == "GET" else {"json": {"query": query}}
        headers = api.as_user("viewer") | SSE | {"Last-Event-ID": id}
        done = await api.http.request(method, "/graphql", headers=headers, **given)
        assert (done.status_code, done.content) == (204, b"")


async def test_other_forms_and_other_ids_are_served_as_ever(api: Running) -> None:
    for headers in (SSE | {"Last-Event-ID": "7"}, MULTIPART | {"Last-Event-ID": "complete"}):
        async with stream(api, "{ me { name } }", headers) as answer:
            assert answer.status_code == 200
            assert b"the.viewer" in await answer.aread()


async def test_a_query_over_events_is_one_next_and_complete(api: Running) -> None:
    async with stream(api, "{ me { name } }", SSE) as answer:
        found = [event async for event in events(answer)]
    told = '{"data":{"me":{"name":"the.viewer"}},"extensions":{"cost":{"asked":1,"limit":10000,"left":9999}}}'
    assert found == [("next", told), ("complete", "")]


@pytest.mark.parametrize("headers", [SSE, MULTIPART], ids=["events", "multipart"])
async def test_a_subscription_that_cannot_begin_says_so_in_the_stream(api: Running, headers: dict[str, str]) -> None:
    async with stream(api, OUTPUT, headers, id="999999") as answer:
        assert answer.status_code == 200
        text = (await answer.aread()).decode()
    assert '"code":"NOT_FOUND"' in text
    assert text.endswith("event: complete\ndata: \n\n" if headers is SSE else "--graphql--\r\n")


@pytest.mark.parametrize("headers", [SSE, MULTIPART], ids=["events", "multipart"])
@pytest.mark.parametrize("query", ["subscription {", "subscription { nothing }"])
async def test_a_document_that_cannot_run_is_an_answer_and_no_stream(
    api: Running, headers: dict[str, str], query: str
) -> None:
    async with stream(api, query, headers) as answer:
        body = json.loads(await answer.aread())
    assert answer.headers["content-type"].startswith("application/json")
    assert body["errors"][0]["extensions"]["code"] == "DOCUMENT_INVALID"


async def test_multipart_is_as_apollos_clients_read_it(api: Running) -> None:
    async with stream(api, OUTPUT, MULTIPART, id=await finished_run(api)) as answer:
        assert answer.headers["content-type"] == 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
        text = (await answer.aread()).decode()
    start, *parts, end = text.split("--graphql")
    assert (start, end) == ("", "--\r\n")
    payloads = [json.loads(part.split("\r\n\r\n", 1)[1]) for part in parts]
    told = {"__typename": "OutputChunk", "text": "one line\n"}
    assert payloads[0] == {"payload": {"data": {"executionOutput": told}}}
    assert len(payloads) == 3


async def test_silence_is_filled_with_heartbeats(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert streams.HEARTBEAT_SECONDS <= 15
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.05)
    run = await api.run()
    async with stream(api, OUTPUT, SSE, id=run.id) as answer:
        found = []
        async for event in events(answer):
            found.append(event)
            if found.count(("", "")) == 2:
                break
    async with stream(api, OUTPUT, MULTIPART, id=run.id) as answer:
        received = ""
        async for text in answer.aiter_text():
            received += text
            if received.count("\r\n\r\n{}\r\n--graphql") == 2:
                break
    await run.end()


@pytest.mark.parametrize("headers", [SSE, MULTIPART], ids=["events", "multipart"])
async def test_a_reader_who_leaves_ends_the_watching(api: Running, headers: dict[str, str]) -> None:
    run = await api.run()
    watches = api.service.bus._watches
    async with stream(api, OUTPUT, headers, id=run.id) as answer:
        async for _ in answer.aiter_bytes():
            break
        assert execution_address(run.id) in watches
    await until(lambda: execution_address(run.id) not in watches)
    await run.end()


async def test_a_socket_that_is_cut_ends_the_watching(api: Running) -> None:
    run = await api.run()
    watches = api.service.bus._watches
    async with api.socket("viewer") as socket:
        await socket.subscribe(OUTPUT, id=run.id)
        assert (await socket.receive())["type"] == "next"
        assert execution_address(run.id) in watches
        await socket.send(id="1", type="complete")
        await until(lambda: execution_address(run.id) not in watches)
        await socket.subscribe(OUTPUT, id=run.id)
        assert (await socket.receive())["type"] == "next"
    await until(lambda: execution_address(run.id) not in watches)
    await run.end()


@pytest.mark.parametrize("change", [{"disabled": True}, {"token_version": 9}], ids=["disabled", "signed out"])
async def test_streams_end_when_their_reader_is_disabled_or_signed_out(
    fresh: Running, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    monkeypatch.setattr("resolvers.streaming.TRUST_SECONDS", 0.1)
    run = await fresh.run()
    async with fresh.socket("viewer") as socket, stream(fresh, OUTPUT, SSE, id=run.id) as answer:
        reading = events(answer)
        assert (await anext(reading))[0] == "next"
        await socket.subscribe(OUTPUT, id=run.id)
        assert (await socket.receive())["type"] == "next"
        await fresh.change_user("viewer", **change)
        assert await socket.closed() == (4403, "Your session has ended.")
        rest = [event async for event in reading]
    assert [name for name, _ in rest] == ["next", "complete"]
    assert json.loads(rest[0][1])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_streams_end_when_their_token_does(fresh: Running) -> None:
    token = fresh.service.tokens.access(fresh.users["viewer"], seconds=2)
    fresh.tokens["viewer"] = token
    run = await fresh.run()
    async with fresh.socket("viewer") as socket, stream(fresh, OUTPUT, SSE, id=run.id) as answer:
        reading = events(answer)
        assert (await anext(reading))[0] == "next"
        await socket.subscribe(OUTPUT, id=run.id)
        assert (await socket.receive())["type"] == "next"
        assert await socket.closed() == (4403, "Your token has expired.")
        rest = [event async for event in reading]
    assert json.loads(rest[0][1])["errors"][0]["message"] == "Your token has expired."


async def test_a_demoted_reader_goes_on_reading(fresh: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.streaming.TRUST_SECONDS", 0.05)
    run = await fresh.run()
    query = "subscription($id: ID!) { executionOutput(executionId: $id) { ... on OutputChunk { text } } }"
    async with fresh.socket("operator") as socket:
        told = socket.follow(query, id=run.id)
        await anext(told)
        await fresh.change_user("operator", role=Role.VIEWER)
        await run.write(b"more")
        await run.end(State.SUCCESS)
        rest = [payload["data"]["executionOutput"] async for payload in told]
    assert {"text": "more"} in rest
