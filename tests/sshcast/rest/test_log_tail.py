"""GET /api/task/{id}/log?tail=N: the newest lines, in every form of the log."""

import json

import pytest

from db.values import Stream
from tests.support.rest import Face, Run

pytestmark = pytest.mark.anyio


async def write_log(rest: Face) -> Run:
    run = await rest.run()
    await run.write(b"one\ntwo\n")
    await run.write(b"err\n", Stream.STDERR)
    await run.write(b"last")
    return run


async def test_one_answer_has_the_newest_lines_of_both_streams(rest: Face) -> None:
    run = await write_log(rest)
    await run.end(exit_code=0)
    found = (await rest.ask("GET", run.path, "viewer", params={"tail": 2})).json()
    assert (found["output"], found["error"], found["cursor"]) == ("last", "err\n", "o16")
    found = (await rest.ask("GET", run.path, "viewer", params={"tail": 3, "stream": "stdout"})).json()
    assert (found["output"], found["error"]) == ("two\nlast", "")
    found = (await rest.ask("GET", run.path, "viewer", params={"tail": 0})).json()
    assert (found["output"], found["error"]) == ("", "")
    found = (await rest.ask("GET", run.path, "viewer", params={"tail": 99})).json()
    assert found["output"] == "one\ntwo\nlast"


async def test_a_stream_begins_with_the_newest_lines(rest: Face) -> None:
    run = await write_log(rest)
    await run.end(exit_code=0)
    raw = await rest.ask("GET", run.path, "viewer", params={"tail": 2, "follow": "true"})
    assert raw.content == b"err\nlast"
    accept = {"Accept": "application/x-ndjson"}
    lines = (await rest.ask("GET", run.path, "viewer", params={"tail": 1}, headers=accept)).text.splitlines()
    assert [event["text"] for event in map(json.loads, lines) if event["event"] == "chunk"] == ["last"]


async def test_an_event_source_that_reconnects_goes_on_after_its_last_event(rest: Face) -> None:
    run = await write_log(rest)
    await run.end(exit_code=0)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "o4"}
    found = await rest.ask("GET", run.path, "viewer", params={"tail": 1}, headers=headers)
    assert '"text":"two\\n"' in found.text
    headers["Last-Event-ID"] = "o16-end"
    assert (await rest.ask("GET", run.path, "viewer", params={"tail": 1}, headers=headers)).status_code == 204


async def test_a_tail_and_a_cursor_are_not_given_together(rest: Face) -> None:
    run = await write_log(rest)
    found = await rest.ask("GET", run.path, "viewer", params={"tail": 1, "cursor": "o1"})
    assert (found.status_code, found.json()["field"]) == (400, "tail")
    await run.end()
