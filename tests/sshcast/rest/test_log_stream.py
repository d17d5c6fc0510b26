"""GET /api/task/{id}/log as a stream: raw bytes, server-sent events, NDJSON; cut and resumed."""

import asyncio
import base64
import hashlib
import os

import pytest

from db.values import Reason, State, Stream
from tests.support.rest import Face
from tests.support.rest_reading import ALL_BYTES, NDJSON, READERS, SSE, Got, following, ndjson, sse, write_mixed

pytestmark = pytest.mark.anyio


async def test_raw_bytes_come_chunked_as_they_are_written_until_the_end(rest: Face) -> None:
    run = await rest.run()
    async with following(rest, run, follow="true") as answer:
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        coming = answer.aiter_raw()
        for part in (b"first", ALL_BYTES, b"no newline at the end"):
            await run.write(part)
            assert await anext(coming) == part
        await run.end()
        assert [part async for part in coming] == []


@pytest.mark.parametrize("accept", ["*/*", SSE, NDJSON])
async def test_streams_are_kept_by_nobody_on_the_way(rest: Face, accept: str) -> None:
    run = await rest.run()
    await run.end()
    async with following(rest, run, accept, follow="true") as answer:
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"].split(";")[0] == (
            accept if accept != "*/*" else "application/octet-stream"
        )


@pytest.mark.parametrize("only", [None, "stdout", "stderr"])
async def test_raw_followed_output_equals_what_was_written(rest: Face, only: str | None) -> None:
    run = await rest.run()
    params = {"follow": "true"} | ({"stream": only} if only else {})
    async with following(rest, run, **params) as answer:
        reading = asyncio.create_task(answer.aread())
        out, err = await write_mixed(run, 1)
        await run.end()
        got = await reading
    if only is None:
        assert len(got) == len(out) + len(err)
    else:
        assert got == {"stdout": out, "stderr": err}[only]


async def test_a_line_of_ten_megabytes_comes_byte_for_byte(rest: Face) -> None:
    run = await rest.run()
    line = os.urandom(1 << 20).replace(b"\n", b"x") * 10
    await run.write(line)
    await run.end()
    async with following(rest, run, follow="1") as answer:
        assert hashlib.sha256(await answer.aread()).digest() == hashlib.sha256(line).digest()


@pytest.mark.parametrize("accept", [SSE, NDJSON])
async def test_events_carry_both_streams_exactly_and_end_with_the_end(rest: Face, accept: str) -> None:
    run, got = await rest.run(), Got()
    async with following(rest, run, accept) as answer:
        writing = asyncio.create_task(write_mixed(run, 2))
        async for event in READERS[accept](answer):
            got.add(event)
            if writing.done() and event["event"] == "chunk" and got.size == sum(map(len, writing.result())):
                await run.end(State.FAILED, exit_code=3)
    out, err = writing.result()
    assert (bytes(got.data["stdout"]), bytes(got.data["stderr"])) == (out, err)
    assert got.text["stdout"] == out.decode("utf-8", "replace")
    assert got.text["stderr"] == err.decode("utf-8", "replace")
    assert got.events[0]["event"] == "state"
    assert got.events[0]["state"] == "RUNNING"
    assert [event["event"] for event in got.events[-2:]] == ["state", "end"]
    end = got.events[-1]
    assert {name: end[name] for name in ("state", "reason", "exit_code", "exit_signal", "truncated", "message")} == {
        "state": "FAILED",
        "reason": "EXIT_STATUS",
        "exit_code": 3,
        "exit_signal": None,
        "truncated": False,
        "message": None,
    }


@pytest.mark.parametrize("accept", [SSE, NDJSON])
async def test_a_connection_cut_at_any_event_resumes_where_it_was(rest: Face, accept: str) -> None:
    run, got = await rest.run(), Got()
    out, err = await write_mixed(run, 3)
    await run.end()
    cuts = 0
    while not got.events or got.events[-1]["event"] != "end":
        params = {} if got.cursor is None else {"cursor": got.cursor}
        async with following(rest, run, accept, **params) as answer:
            async for event in READERS[accept](answer):
                got.add(event)
                if event["event"] == "chunk":
                    break
        cuts += 1
    assert cuts > 10
    for stream, written in (("stdout", out), ("stderr", err)):
        assert hashlib.sha256(got.data[stream]).digest() == hashlib.sha256(written).digest()


async def test_a_live_stream_that_is_cut_resumes_by_last_event_id(rest: Face) -> None:
    run, got = await rest.run(), Got()
    await run.write(b"one")
    async with following(rest, run, SSE) as answer:
        async for event in sse(answer):
            got.add(event)
            if event["event"] == "chunk":
                assert event["id"] == event["cursor"]
                break
    await run.write(b"two")
    await run.write(b"three", Stream.STDERR)
    async with following(rest, run, SSE, last_event_id=got.cursor) as answer:
        async for event in sse(answer):
            got.add(event)
            if event["event"] == "chunk" and event["stream"] == "stderr":
                await run.end()
    assert (bytes(got.data["stdout"]), bytes(got.data["stderr"])) == (b"onetwo", b"three")
    assert got.events[-1]["event"] == "end"


async def test_last_event_id_wins_over_the_cursor_of_the_address(rest: Face) -> None:
    run, got = await rest.run(), Got()
    await run.write(b"abcdef")
    await run.end()
    async with following(rest, run, SSE, cursor="o0", last_event_id="o4") as answer:
        async for event in sse(answer):
            got.add(event)
    assert got.data["stdout"] == b"ef"


async def test_a_raw_stream_of_both_resumes_at_the_count_of_its_bytes(rest: Face) -> None:
    run = await rest.run()
    await write_mixed(run, 4)
    await run.end()
    async with following(rest, run, follow="true") as answer:
        whole = await answer.aread()
    async with following(rest, run, follow="true", cursor="o12345") as answer:
        assert await answer.aread() == whole[12345:]


async def test_one_stream_can_be_asked_for(rest: Face) -> None:
    run, got = await rest.run(), Got()
    out, _ = await write_mixed(run, 5)
    await run.end()
    async with following(rest, run, NDJSON, stream="stdout") as answer:
        async for event in ndjson(answer):
            got.add(event)
    assert (bytes(got.data["stdout"]), bytes(got.data["stderr"])) == (out, b"")


async def test_the_same_log_is_the_same_bytes_in_every_form(rest: Face) -> None:
    run = await rest.run()
    out, err = await write_mixed(run, 6)
    await run.end()
    page = (await rest.ask("GET", run.path, params={"encoding": "base64"})).json()
    found = [(base64.b64decode(page["output_base64"]), base64.b64decode(page["error_base64"]))]
    for accept in (SSE, NDJSON):
        got = Got()
        async with following(rest, run, accept) as answer:
            async for event in READERS[accept](answer):
                got.add(event)
        found.append((bytes(got.data["stdout"]), bytes(got.data["stderr"])))
    raw = []
    for stream in Stream:
        async with following(rest, run, follow="true", stream=stream) as answer:
            raw.append(await answer.aread())
    assert [*found, tuple(raw)] == [(out, err)] * 4


@pytest.mark.parametrize("accept", [SSE, NDJSON])
async def test_the_rest_of_a_character_that_never_came_is_shown_before_the_end(rest: Face, accept: str) -> None:
    run, got = await rest.run(), Got()
    await run.write(b"a\xe7\x9b")
    await run.end()
    async with following(rest, run, accept) as answer:
        async for event in READERS[accept](answer):
            got.add(event)
    assert (got.text["stdout"], bytes(got.data["stdout"])) == ("a\ufffd", b"a\xe7\x9b")


@pytest.mark.parametrize(
    ("state", "reason"),
    [(State.TIMEOUT, Reason.TIMEOUT), (State.CANCELLED, Reason.CANCELLED), (State.FAILED, Reason.LOST)],
)
async def test_the_end_says_why(rest: Face, state: State, reason: Reason) -> None:
    run = await rest.run()
    await run.end(state, reason, message="in words")
    async with following(rest, run, NDJSON) as answer:
        end = [event async for event in ndjson(answer)][-1]
    assert (end["state"], end["reason"], end["message"]) == (state, reason, "in words")


async def test_many_followers_of_one_run_each_get_all_of_it(rest: Face) -> None:
    run = await rest.run()

    async def follow() -> bytes:
        async with following(rest, run, follow="true", stream="stdout") as answer:
            return await answer.aread()

    reading = [asyncio.create_task(follow()) for _ in range(20)]
    out, _ = await write_mixed(run, 7)
    await run.end()
    assert await asyncio.gather(*reading) == [out] * 20


async def test_hostile_text_stays_inside_its_event(rest: Face) -> None:
    run, got = await rest.run(), Got()
    hostile = b"a\n\nevent: end\ndata: {}\n\n\r\n\0<script>\x1b[2J\xe2\x80\xae" + "\x85\u2028\u2029".encode()
    await run.write(hostile)
    await run.end()
    async with following(rest, run, SSE) as answer:
        async for event in sse(answer):
            got.add(event)
    assert [event["event"] for event in got.events] == ["chunk", "state", "end"]
    assert got.data["stdout"] == hostile
    assert got.text["stdout"] == hostile.decode()


@pytest.mark.parametrize("accept", [SSE, NDJSON])
async def test_every_event_is_one_line_for_every_reader(rest: Face, accept: str) -> None:
    """Python's splitlines, which httpx uses, knows more line ends than JSON escapes."""
    run = await rest.run()
    await run.write("a\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029b".encode())
    await run.end()
    async with following(rest, run, accept) as answer:
        text = (await answer.aread()).decode()
    assert [line for line in text.splitlines() if line] == [line for line in text.split("\n") if line]


async def test_only_the_headers_of_a_stream_can_be_asked_for(rest: Face) -> None:
    run = await rest.run()
    answer = await rest.ask("HEAD", run.path, params={"follow": "true"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == "application/octet-stream"


async def test_a_stream_of_what_is_not_there_is_404_and_no_stream(rest: Face) -> None:
    for accept in (SSE, NDJSON, "*/*"):
        answer = await rest.ask("GET", "/api/task/99999999/log?follow=true", headers={"Accept": accept})
        assert (answer.status_code, answer.json()["code"]) == (404, 404)
