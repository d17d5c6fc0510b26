"""`executionOutput`: history and live output, from the beginning or from a cursor, byte for byte and as text."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from db.values import Reason, State, Stream
from tests.support.service import Running, Socket

pytestmark = pytest.mark.anyio

WATCH = """subscription($id: ID!, $after: String) { executionOutput(executionId: $id, after: $after) {
  __typename cursor at
  ... on OutputChunk { stream text base64 }
  ... on StateChange { state reason }
  ... on OutputEnd { state reason message exitCode exitSignal truncated } } }"""
EVERY_BYTE = bytes(range(256))


async def watch(socket: Socket, id: int, after: str | None = None) -> AsyncIterator[dict[str, Any]]:
    async for payload in socket.follow(WATCH, id=id, after=after):
        assert "errors" not in payload, payload
        yield payload["data"]["executionOutput"]


async def watched(api: Running, id: int, after: str | None = None) -> list[dict[str, Any]]:
    """Every event to the end."""
    async with api.socket("viewer") as socket:
        return [event async for event in watch(socket, id, after)]


def exact(events: list[dict[str, Any]], stream: Stream = Stream.STDOUT) -> bytes:
    return b"".join(base64.b64decode(event["base64"]) for event in chunks(events, stream))


def text(events: list[dict[str, Any]], stream: Stream = Stream.STDOUT) -> str:
    return "".join(event["text"] for event in chunks(events, stream))


def chunks(events: list[dict[str, Any]], stream: Stream) -> list[dict[str, Any]]:
    return [event for event in events if event.get("stream") == stream.name]


async def test_a_run_is_told_from_its_beginning_to_its_end(api: Running) -> None:
    run = await api.run()
    await run.write(b"out\n")
    await run.write(b"err\n", Stream.STDERR)
    await run.end(State.FAILED, exit_code=3, truncated=True)
    events = await watched(api, run.id)
    kinds = [event["__typename"] for event in events]
    assert kinds == ["OutputChunk", "OutputChunk", "StateChange", "OutputEnd"]
    assert (text(events), text(events, Stream.STDERR)) == ("out\n", "err\n")
    end = events[-1]
    assert end.pop("at").endswith("Z")
    assert end == {
        "__typename": "OutputEnd",
        "cursor": events[1]["cursor"],
        "state": "FAILED",
        "reason": "EXIT_STATUS",
        "message": None,
        "exitCode": 3,
        "exitSignal": None,
        "truncated": True,
    }


async def test_history_and_live_output_join_without_a_gap_or_a_repeat(api: Running) -> None:
    run = await api.run()
    await run.write(EVERY_BYTE)

    async def go_on() -> None:
        for _ in range(19):
            await run.write(EVERY_BYTE)
            await run.write(b"e", Stream.STDERR)
        await run.end()

    async with api.socket("viewer") as socket:
        events = watch(socket, run.id)
        found = [await anext(events), await anext(events)]
        writing = asyncio.create_task(go_on())
        found += [event async for event in events]
        await writing
    assert [event["state"] for event in found if event["__typename"] == "StateChange"] == ["RUNNING", "SUCCESS"]
    assert exact(found) == EVERY_BYTE * 20
    assert exact(found, Stream.STDERR) == b"e" * 19


async def test_any_cursor_that_an_event_carried_is_a_place_to_go_on_from(api: Running) -> None:
    run = await api.run()
    for part in (b"one", b"two", b"three"):
        await run.write(part)
        await run.write(part.upper(), Stream.STDERR)
    await run.end()
    events = await watched(api, run.id)
    for number, event in enumerate(events[:-2]):
        assert await watched(api, run.id, event["cursor"]) == events[number + 1 :]


async def test_a_watcher_that_begins_inside_a_character_sees_it_whole(api: Running) -> None:
    run = await api.run()
    data = "世界🏃".encode()
    for byte in data:
        await run.write(bytes([byte]))
        await run.write(b"-", Stream.STDERR)
    await run.end()
    events = await watched(api, run.id)
    assert text(events) == "世界🏃"
    for number, event in enumerate(events[:-2]):
        rest = await watched(api, run.id, event["cursor"])
        assert text(events[: number + 1]) + text(rest) == "世界🏃"
        assert exact(events[: number + 1]) + exact(rest) == data


async def test_the_rests_of_characters_at_the_end_are_told_once_wherever_the_watcher_goes_on(api: Running) -> None:
    run = await api.run()
    await run.write(b"a\xe7\x9b")
    await run.write(b"\xf0\x9f", Stream.STDERR)
    await run.end()
    events = await watched(api, run.id)
    assert (text(events), text(events, Stream.STDERR)) == ("a\ufffd", "\ufffd")
    for number, event in enumerate(events[:-2], 1):
        rest = await watched(api, run.id, event["cursor"])
        assert rest == events[number:]
    for event in events[-2:]:  # the state and the end
        assert text(await watched(api, run.id, event["cursor"])) == ""


async def test_bytes_that_are_no_text_are_exact_in_base64(api: Running) -> None:
    run = await api.run()
    await run.write(EVERY_BYTE)
    await run.write(b"\xf0\x9f")
    await run.end()
    events = await watched(api, run.id)
    assert exact(events) == EVERY_BYTE + b"\xf0\x9f"
    assert text(events) == (EVERY_BYTE + b"\xf0\x9f").decode("utf-8", "replace")
    assert [event["base64"] for event in events if "base64" in event][-1] == ""


async def test_a_large_output_comes_in_few_frames(api: Running) -> None:
    run = await api.run()
    await run.write(EVERY_BYTE * 4096)
    await run.end()
    events = await watched(api, run.id)
    assert exact(events) == EVERY_BYTE * 4096
    assert len(events) == 16 + 2


async def test_a_run_that_is_refused_says_why_in_words(api: Running) -> None:
    run = await api.run()
    await run.end(State.FAILED, Reason.UNREACHABLE, message="nobody answered on port 1")
    (_, end) = await watched(api, run.id)
    assert (end["reason"], end["message"], end["exitCode"]) == ("UNREACHABLE", "nobody answered on port 1", None)


@pytest.mark.parametrize(
    ("id", "after", "code", "field"),
    [
        ("999999", None, "NOT_FOUND", None),
        ("abc", None, "INVALID", ["executionId"]),
        ("ITS", "nonsense", "INVALID", ["after"]),
        ("ITS", "o99999", "INVALID", ["after"]),
        ("ITS", "o-1", "INVALID", ["after"]),
    ],
)
async def test_what_cannot_be_watched_is_refused_before_it_begins(
    api: Running, id: str, after: str | None, code: str, field: list[str] | None
) -> None:
    run = await api.run()
    async with api.socket("viewer") as socket:
        await socket.subscribe(WATCH, id=str(run.id) if id == "ITS" else id, after=after)
        message = await socket.receive()
        (error,) = message["payload"]["errors"]
        assert message["type"] == "next"
        assert error["extensions"].get("field") == field
        assert error["extensions"]["code"] == code
        assert (await socket.receive())["type"] == "complete"
    await run.end()


async def test_changes_of_state_are_told_to_those_who_watch_all_runs(fresh: Running) -> None:
    query = "subscription($f: TaskExecutionFilter) { executionUpdates(filter: $f) { id state task { name } } }"
    async with fresh.socket("viewer") as socket, fresh.socket("viewer") as other:
        everything = socket.follow(query)
        failures = other.follow(query, f={"states": ["FAILED"]})
        first = asyncio.ensure_future(anext(everything))
        failure = asyncio.ensure_future(anext(failures))
        command = 'mutation($s: ID!) { runCommand(input: {serverId: $s, command: "w"}) { execution { id } } }'
        while not first.done():
            run = (await fresh.data(command, s=str(fresh.server.id)))["runCommand"]["execution"]
            await asyncio.wait([first], timeout=0.2)
        assert (await first)["data"]["executionUpdates"]["state"] == "PENDING"
        mine = await fresh.run()
        await mine.end(State.FAILED)
        fresh.service.bus.hint("executions")
        found = (await failure)["data"]["executionUpdates"]
        assert found == {"id": str(mine.id), "state": "FAILED", "task": None}
        assert int(run["id"]) < mine.id


async def test_real_output_of_a_real_command_arrives_live(live: Running) -> None:
    command = r"""printf 'one\n'; printf 'err\n' >&2; sleep 0.2; printf '\344\270'; sleep 0.2; printf '\226'; exit 7"""
    query = """mutation($s: ID!, $c: String!) { runCommand(input: {serverId: $s, command: $c}) {
      execution { id } errors { message } } }"""
    run = (await live.data(query, s=str(live.server.id), c=command))["runCommand"]
    events = await watched(live, int(run["execution"]["id"]))
    assert (text(events), text(events, Stream.STDERR)) == ("one\n世", "err\n")
    assert exact(events) == "one\n世".encode()
    assert (events[-1]["state"], events[-1]["exitCode"]) == ("FAILED", 7)


async def test_waiting_holds_the_answer_until_the_run_has_ended(live: Running) -> None:
    query = """mutation($s: ID!, $wait: Float!) {
      runCommand(input: {serverId: $s, command: "sleep 0.3; exit 4", wait: $wait}) { execution { state exitCode } } }"""
    held = (await live.data(query, s=str(live.server.id), wait=30))["runCommand"]["execution"]
    assert held == {"state": "FAILED", "exitCode": 4}
    at_once = (await live.data(query, s=str(live.server.id), wait=0))["runCommand"]["execution"]
    assert at_once == {"state": "PENDING", "exitCode": None}
