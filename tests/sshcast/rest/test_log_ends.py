"""Streams are alive while they are silent, and end with the caller's rights, the caller, or the database."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import structlog
from sqlalchemy import Connection, text

from db import users
from db.values import State
from sshcast.http.bounds import Bounds
from sshcast.rest.stream import HEARTBEAT_SECONDS
from tests.support.rest import Face, Run, face_of, opened
from tests.support.rest_reading import NDJSON, SSE, following, ndjson
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

RAW = "*/*"


@pytest.fixture
async def quick(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Face]:
    """A service whose streams have a heartbeat every 20 ms and look at the caller's rights as often."""
    folder = tmp_path_factory.mktemp("quick")
    monkeypatch.setattr("resolvers.streaming.TRUST_SECONDS", 0.02)
    async with opened(folder) as service, face_of(service, folder, heartbeat_seconds=0.02) as found:
        yield found


def test_by_default_silence_lasts_no_longer_than_the_contract_allows() -> None:
    assert HEARTBEAT_SECONDS <= 15


def streams_of(run: Run) -> int:
    return len(run.face.service.bus._watches.get(f"execution:{run.id}", ()))


@pytest.mark.parametrize(("accept", "heartbeat"), [(SSE, b": heartbeat\n\n"), (NDJSON, b'{"event":"heartbeat"}\n')])
async def test_a_silent_stream_has_heartbeats(quick: Face, accept: str, heartbeat: bytes) -> None:
    run = await quick.run()
    async with following(quick, run, accept) as answer:
        coming = answer.aiter_raw()
        assert b"RUNNING" in await anext(coming)
        assert {await anext(coming) for _ in range(3)} == {heartbeat}
        await run.write(b"still here")
        rest = b""
        while b"still here" not in rest:
            rest = await anext(coming)


@pytest.mark.parametrize("accept", [SSE, NDJSON])
async def test_what_is_not_asked_for_does_not_keep_the_heartbeats_away(quick: Face, accept: str) -> None:
    run, got = await quick.run(), b""

    async def chatter() -> None:
        while True:
            await run.write(b"x")

    async with following(quick, run, accept, stream="stderr") as answer:
        talking = asyncio.create_task(chatter())
        async with asyncio.timeout(10):
            async for part in answer.aiter_raw():
                got += part
                if got.count(b"heartbeat") == 3:
                    break
        talking.cancel()
        await asyncio.wait([talking])
    assert b"chunk" not in got


async def test_a_silent_raw_stream_sends_nothing_but_the_output(quick: Face) -> None:
    run = await quick.run()
    async with following(quick, run, follow="true") as answer:
        reading = asyncio.create_task(answer.aread())
        await run.write(b"a")
        async with following(quick, run, NDJSON) as other:
            beats = 0
            async for event in ndjson(other):
                beats += event["event"] == "heartbeat"
                if beats == 5:
                    break
        await run.write(b"b")
        await run.end()
        assert await reading == b"ab"


async def last_of(face: Face, run: Run, accept: str, change: dict[str, Any]) -> dict[str, Any]:
    """The last event of a stream that goes on while its reader's account is changed."""
    async with following(face, run, accept) as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        await face.service.store.run(users.update, face.users["viewer"].id, change)
        shown = [line async for line in lines]
    data = [line.removeprefix("data: ") for line in shown if line.removeprefix("data: ").startswith("{")]
    found: dict[str, Any] = json.loads(data[-1])
    return found


@pytest.mark.parametrize("accept", [SSE, NDJSON])
@pytest.mark.parametrize("change", [{"disabled": True}, {"token_version": 5}])
async def test_a_stream_ends_with_the_rights_of_its_reader_and_says_so(
    quick: Face, accept: str, change: dict[str, Any]
) -> None:
    run = await quick.run()
    last = await last_of(quick, run, accept, change)
    assert (last["code"], last["error"]) == (401, "UNAUTHENTICATED")
    await until(lambda: streams_of(run) == 0)


async def test_a_raw_stream_that_must_end_early_is_cut_and_does_not_look_complete(quick: Face) -> None:
    run = await quick.run()
    async with following(quick, run, follow="true") as answer:
        await run.write(b"a")
        coming = answer.aiter_raw()
        assert await anext(coming) == b"a"
        await quick.service.store.run(users.update, quick.users["viewer"].id, {"disabled": True})
        with pytest.raises(httpx2.RemoteProtocolError):
            await anext(coming)
    await until(lambda: streams_of(run) == 0)


async def test_a_busy_stream_ends_with_the_rights_too(quick: Face) -> None:
    run = await quick.run()
    last: dict[str, Any] = {}

    async def chatter() -> None:
        while True:
            await run.write(b"x")

    talking = asyncio.create_task(chatter())
    async with following(quick, run, NDJSON) as answer:
        async for event in ndjson(answer):
            if not last:
                await quick.service.store.run(users.update, quick.users["viewer"].id, {"disabled": True})
            last = event
    talking.cancel()
    await asyncio.wait([talking])
    assert last["code"] == 401


async def test_a_stream_ends_when_its_token_does(rest: Face) -> None:
    run = await rest.run()
    token = rest.service.tokens.access(rest.users["viewer"], seconds=2)
    headers = {"Authorization": f"Bearer {token}", "Accept": NDJSON}
    async with rest.http.stream("GET", run.path, headers=headers) as answer:
        events = [event async for event in ndjson(answer)]
    assert [event["event"] for event in events] == ["state", "error"]
    assert events[-1]["code"] == 401


@pytest.mark.parametrize("accept", [SSE, NDJSON, RAW])
async def test_a_reader_who_leaves_ends_the_stream(rest: Face, accept: str) -> None:
    run = await rest.run()
    async with following(rest, run, accept, follow="true"):
        await until(lambda: streams_of(run) == 1)
    await until(lambda: streams_of(run) == 0)
    await until(
        lambda: not [task for task in asyncio.all_tasks() if task.get_name().startswith(("log stream", "reader of"))]
    )


async def test_a_reader_who_leaves_in_the_middle_of_much_output_ends_the_stream(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"x" * 20_000_000)
    async with following(rest, run, follow="true") as answer:
        await anext(answer.aiter_raw())
        assert streams_of(run) == 1
    await until(lambda: streams_of(run) == 0)


@pytest.mark.parametrize("accept", [SSE, NDJSON])
async def test_a_stream_masks_what_breaks_it(tmp_path_factory: pytest.TempPathFactory, accept: str) -> None:
    folder = tmp_path_factory.mktemp("broken")
    async with opened(folder) as service, face_of(service, folder) as face:
        run = await face.run()
        async with following(face, run, accept) as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            with structlog.testing.capture_logs() as logged:
                await service.store.run(lose_output)
                run.hint()
                shown = "".join([line async for line in lines])
    assert '"code":500' in shown
    assert "output_chunks" not in shown
    assert any(line["error_id"] in shown for line in logged if "error_id" in line)


def lose_output(conn: Connection) -> None:
    """The row promises a byte, so that the stream reads it: without one it reads no output."""
    conn.execute(text("UPDATE task_executions SET stdout_bytes = 1"))
    conn.execute(text("ALTER TABLE output_chunks RENAME TO away"))


async def test_a_reader_that_stalls_is_dropped_and_its_stream_ended(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("stalled")
    bounds = Bounds(stalled_ms=500, send_buffer_bytes=32_768)
    async with opened(folder) as service, face_of(service, folder, bounds=bounds) as face:
        run = await face.run()
        await run.write(b"x" * 20_000_000)
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.connect(("127.0.0.1", int(face.url.rsplit(":", 1)[1])))
        token = face.as_user("viewer")["Authorization"]
        head = f"GET {run.path}?follow=true HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n"
        client.sendall(head.encode())
        await until(lambda: streams_of(run) == 1)
        await until(lambda: streams_of(run) == 0)
        client.close()


async def test_a_stream_that_has_ended_leaves_the_connection_to_the_next_request(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"a")
    await run.end(State.SUCCESS)
    async with httpx2.AsyncClient(base_url=rest.url, limits=httpx2.Limits(max_connections=1)) as one:
        for _ in range(3):
            answer = await one.get(run.path, params={"follow": "true"}, headers=rest.as_user("viewer"))
            assert answer.content == b"a"
            assert "Connection" not in answer.headers
