"""GET /api/task/{id}/log as one JSON answer: at once, in pages, as a long poll."""

import asyncio
import base64
import hashlib
import os
from typing import Any

import pytest

from db import users
from db.values import Reason, State, Stream
from sshcast.rest import log_page
from tests.support.rest import Face, Run

pytestmark = pytest.mark.anyio

FIELDS = {
    "output",
    "error",
    "status",
    "start_time",
    "end_time",
    "duration",
    "execution_id",
    "state",
    "exit_code",
    "truncated",
    "cursor",
}
ALL_BYTES = bytes(range(256))


async def log(rest: Face, run: Run, **params: Any) -> dict[str, Any]:
    answer = await rest.ask("GET", run.path, "viewer", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = answer.json()
    return body


async def test_a_finished_log_has_the_seeds_six_fields_and_five_more(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"Command executed successfully\nFile deleted: /tmp/temp1\n")
    await run.end(exit_code=0)
    body = await log(rest, run)
    assert set(body) == FIELDS
    assert body["output"] == "Command executed successfully\nFile deleted: /tmp/temp1\n"
    assert (body["error"], body["status"], body["duration"]) == ("", 1, 5)
    assert (body["execution_id"], body["state"], body["exit_code"]) == (run.id, "SUCCESS", 0)
    assert body["truncated"] is False
    assert body["start_time"].endswith("Z")
    assert body["end_time"].endswith("Z")


@pytest.mark.parametrize(
    ("state", "reason", "status"),
    [
        (State.SUCCESS, Reason.EXIT_STATUS, 1),
        (State.FAILED, Reason.EXIT_STATUS, 2),
        (State.FAILED, Reason.SIGNAL, 2),
        (State.FAILED, Reason.LOST, 2),
        (State.FAILED, Reason.UNREACHABLE, 2),
        (State.FAILED, Reason.OUTPUT_LIMIT, 2),
        (State.TIMEOUT, Reason.TIMEOUT, 2),
        (State.CANCELLED, Reason.CANCELLED, 2),
    ],
)
async def test_error_is_stderr_and_the_reason_where_it_is_ours(
    rest: Face, state: State, reason: Reason, status: int
) -> None:
    run = await rest.run()
    await run.write(b"oops\n", Stream.STDERR)
    await run.end(state, reason, message="in words")
    body = await log(rest, run)
    ours = "" if reason in (Reason.EXIT_STATUS, Reason.SIGNAL) else f"[sshcast] {reason}: in words\n"
    assert body["error"] == "oops\n" + ours
    assert (body["status"], body["state"], body["output"]) == (status, state, "")


async def test_the_reason_has_a_line_of_its_own(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"no newline", Stream.STDERR)
    await run.end(State.TIMEOUT, Reason.TIMEOUT, message="too long")
    assert (await log(rest, run))["error"] == "no newline\n[sshcast] TIMEOUT: too long\n"


@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING])
async def test_a_log_that_goes_on_is_answered_at_once(rest: Face, state: State) -> None:
    run = await rest.run(state=state)
    body = await log(rest, run)
    assert (body["status"], body["state"], body["output"], body["error"]) == (0, state, "", "")
    assert (body["end_time"], body["duration"], body["exit_code"]) == (None, None, None)


async def test_seconds_have_their_fraction(rest: Face) -> None:
    run = await rest.run()
    await run.end(duration_ms=1234)
    assert (await log(rest, run))["duration"] == 1.234


async def test_characters_that_chunks_share_are_whole(rest: Face) -> None:
    run = await rest.run()
    word = "磁盘检查 \U0001f600é"
    for byte in word.encode():
        await run.write(bytes([byte]))
        await run.write(bytes([byte]), Stream.STDERR)
    await run.end()
    body = await log(rest, run)
    assert (body["output"], body["error"]) == (word, word)


async def test_what_is_not_utf_8_is_shown_as_such_and_exact_in_base64(rest: Face) -> None:
    run = await rest.run()
    await run.write(ALL_BYTES)
    await run.write(b"\xff", Stream.STDERR)
    await run.end()
    body = await log(rest, run, encoding="base64")
    assert set(body) == FIELDS | {"output_base64", "error_base64"}
    assert base64.b64decode(body["output_base64"]) == ALL_BYTES
    assert base64.b64decode(body["error_base64"]) == b"\xff"
    assert body["output"] == ALL_BYTES.decode("utf-8", "replace")
    assert body["error"] == "\ufffd"


async def test_ten_megabytes_without_a_newline_come_whole(rest: Face) -> None:
    run = await rest.run()
    line = (os.urandom(1 << 20) * 10).replace(b"\n", b"x")
    await run.write(line)
    await run.end()
    body = await log(rest, run, encoding="base64")
    assert hashlib.sha256(base64.b64decode(body["output_base64"])).digest() == hashlib.sha256(line).digest()


async def test_pages_by_cursor_repeat_nothing_and_leave_nothing_out(
    rest: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_page, "MOST_BYTES", 50_000)
    monkeypatch.setattr(log_page, "READ_BYTES", 50_000)
    run = await rest.run()
    out, err = os.urandom(300_000), os.urandom(200_000)
    for start in range(0, 300_000, 30_000):
        await run.write(out[start : start + 30_000])
        await run.write(err[start : start + 30_000], Stream.STDERR)
    await run.end(State.TIMEOUT, Reason.TIMEOUT, message="too long")
    pages = [await log(rest, run, encoding="base64")]
    while not pages[-1]["error"].endswith("too long\n"):
        pages.append(await log(rest, run, encoding="base64", cursor=pages[-1]["cursor"]))
    assert b"".join(base64.b64decode(page["output_base64"]) for page in pages) == out
    assert b"".join(base64.b64decode(page["error_base64"]) for page in pages) == err
    assert len(pages) > 3
    assert sum("[sshcast]" in page["error"] for page in pages) == 1


async def test_a_page_ends_before_a_character_whose_rest_is_still_to_come(rest: Face) -> None:
    run = await rest.run()
    await run.write("盘".encode()[:1])
    await run.write("盘".encode()[1:2])
    first = await log(rest, run)
    assert (first["output"], first["cursor"]) == ("", "o0")
    await run.write("盘!".encode()[2:])
    second = await log(rest, run, cursor=first["cursor"])
    assert (second["output"], second["cursor"]) == ("盘!", "o4")


async def test_a_character_that_the_other_stream_cuts_in_two_makes_nothing_come_twice(rest: Face) -> None:
    run = await rest.run()
    await run.write("盘".encode()[:1])
    await run.write(b"x", Stream.STDERR)
    await run.write("盘".encode()[1:2])
    first = await log(rest, run, encoding="base64")
    await run.write("盘".encode()[2:])
    second = await log(rest, run, encoding="base64", cursor=first["cursor"])
    assert base64.b64decode(first["output_base64"]) + base64.b64decode(second["output_base64"]) == "盘".encode()
    assert (first["error"], second["error"]) == ("x", "")


async def test_a_character_that_never_ends_is_shown_when_the_run_has_ended(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"a\xe7\x9b")
    await run.end()
    body = await log(rest, run)
    assert (body["output"], body["cursor"]) == ("a\ufffd", "o3")


async def test_a_long_poll_answers_as_soon_as_there_is_more(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"old")
    cursor = (await log(rest, run))["cursor"]
    polling = asyncio.create_task(log(rest, run, wait=60, cursor=cursor))
    await until_watched(rest, run)
    assert not polling.done()
    await run.write(b"new")
    assert (await polling)["output"] == "new"


async def test_a_long_poll_answers_when_the_run_ends(rest: Face) -> None:
    run = await rest.run()
    polling = asyncio.create_task(log(rest, run, wait=60))
    await until_watched(rest, run)
    await run.end()
    assert (await polling)["status"] == 1


async def test_a_long_poll_that_sees_nothing_answers_with_nothing(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"old")
    body = await log(rest, run, wait=1, cursor="o3")
    assert (body["output"], body["cursor"], body["status"]) == ("", "o3", 0)


async def test_a_long_poll_waits_for_a_whole_character(rest: Face) -> None:
    run = await rest.run()
    polling = asyncio.create_task(log(rest, run, wait=60))
    await until_watched(rest, run)
    await run.write("盘".encode()[:2])
    await run.write("盘".encode()[2:])
    assert (await polling)["output"] == "盘"


async def test_a_long_poll_with_news_at_hand_does_not_wait(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"here already")
    assert (await log(rest, run, wait=60))["output"] == "here already"


async def test_a_long_poll_tells_nothing_to_a_user_who_was_disabled_meanwhile(rest: Face) -> None:
    run = await rest.run()
    polling = asyncio.create_task(rest.ask("GET", run.path, "viewer", params={"wait": 60}))
    await until_watched(rest, run)
    viewer = rest.users["viewer"].id
    await rest.service.store.run(users.update, viewer, {"disabled": True})
    try:
        await run.write(b"secret")
        answer = await polling
    finally:
        await rest.service.store.run(users.update, viewer, {"disabled": False})
    assert (answer.status_code, answer.json()["code"]) == (401, 401)


async def until_watched(rest: Face, run: Run) -> None:
    """Somebody waits for news of the run, and has looked at it once."""
    watches = rest.service.bus._watches
    async with asyncio.timeout(10):
        while not watches.get(f"execution:{run.id}"):  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
    await run.row()
