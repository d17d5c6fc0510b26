"""What was left out of a truncated output is marked on every face, and cursors go on behind it."""

import base64
import json
from typing import Any

import pytest

from db import transitions
from db.output import NewChunk, OutputEnd
from db.output_gap import OutputGap
from db.values import Reason, State, Stream
from tests.support.rest import Run
from tests.support.service import Running

pytestmark = pytest.mark.anyio

READ = """query($id: ID!, $after: String) { execution(id: $id) {
  truncated stdoutBytes outputGap { startCursor endCursor bytes lines } output(after: $after) { text firstLine } } }"""
WATCH = """subscription($id: ID!, $after: String) { executionOutput(executionId: $id, after: $after) {
  __typename cursor ... on OutputChunk { base64 text leftOutBytes } } }"""
# A character of three bytes, whose last one is left out with 4 lines.
HEAD, TAIL = b"one\ntwo\n\xe6\xbc", b"\xa2\nlast\n"
GAP = OutputGap({Stream.STDOUT: len(HEAD), Stream.STDERR: 0}, {Stream.STDOUT: 500, Stream.STDERR: 90}, 4)
END = 590 + len(TAIL)


async def make_truncated(api: Running) -> Run:
    run = await api.run()
    await run.write(HEAD)
    chunk = NewChunk(run.id, run.fence, Stream.STDOUT, 500, api.service.clock(), TAIL, GAP)
    last = OutputEnd([chunk], {Stream.STDOUT: 500 + len(TAIL), Stream.STDERR: 90})
    ended = {"state": State.SUCCESS, "reason": Reason.EXIT_STATUS, "end_time": api.service.clock(), "duration_ms": 1}
    ended |= {"truncated": True} | GAP.build_columns()
    assert await api.service.store.run(transitions.finish, run.id, run.fence, ended, last)
    run.hint()
    return run


async def watch(api: Running, id: int, after: str | None = None) -> list[dict[str, Any]]:
    async with api.socket("viewer") as socket:
        found = [payload["data"]["executionOutput"] async for payload in socket.follow(WATCH, id=id, after=after)]
    return [each for each in found if each["__typename"] == "OutputChunk"]


async def test_an_execution_tells_its_gap_and_the_cursors_around_it(api: Running) -> None:
    run = await make_truncated(api)
    found = (await api.data(READ, "viewer", id=run.id, after=None))["execution"]
    gap = found.pop("outputGap")
    assert gap == {"startCursor": "o10", "endCursor": "o590", "bytes": 580, "lines": 4}
    assert (found["truncated"], found["stdoutBytes"]) == (True, 507)
    behind = (await api.data(READ, "viewer", id=run.id, after=gap["endCursor"]))["execution"]["output"]
    assert behind["text"].endswith("\nlast\n")
    assert behind["firstLine"] == 7


async def test_a_watcher_is_told_before_which_chunk_bytes_were_left_out(api: Running) -> None:
    run = await make_truncated(api)
    head, tail = await watch(api, run.id)
    assert (head["leftOutBytes"], tail["leftOutBytes"]) == (0, 580)
    assert (base64.b64decode(head["base64"]), base64.b64decode(tail["base64"])) == (HEAD, TAIL)
    assert "漢" not in head["text"] + tail["text"], "the parts of a character are not joined across what is missing"
    assert (head["cursor"], tail["cursor"]) == ("o10", f"o{END}")
    assert [each["leftOutBytes"] for each in await watch(api, run.id, "o10")] == [580]
    assert [each["leftOutBytes"] for each in await watch(api, run.id, "o590")] == [0]


async def test_rest_tells_it_beside_the_fields_that_it_always_had(api: Running) -> None:
    run = await make_truncated(api)
    log = (await api.ask("GET", run.path)).json()
    log = log.get("data", log)
    assert log["output_gap"] == {"position": 10, "bytes": 580, "lines": 4}
    streamed = await api.ask("GET", f"{run.path}?follow=true", headers={"Accept": "application/x-ndjson"})
    lines = [json.loads(line) for line in streamed.text.splitlines()]
    assert [line.get("left_out") for line in lines if "stream" in line] == [None, 580]
    plain = await api.run()
    await plain.end()
    assert "output_gap" not in (await api.ask("GET", plain.path)).text
