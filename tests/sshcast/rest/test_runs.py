"""Real commands over real SSH, by REST alone: what they wrote, how they ended, and why."""

import asyncio
import base64
import hashlib
import json
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from db import servers as server_table
from resolvers import servers
from resolvers.inputs import NewCredential, ServerChange
from tests.support.rest_reading import NDJSON, READERS, SSE, Got
from tests.support.sampling import choose_count
from tests.support.service import Running, running
from tests.support.targets import Target, openssh

__all__ = ["openssh"]

pytestmark = pytest.mark.anyio

MEGABYTES = choose_count(2, 10)
MIXED = f"""
import os, sys
every, line = bytes(range(256)), b"0123456789abcdef" * 65536 * {MEGABYTES}
half = "盘".encode()
for stream, seed in ((1, 0), (2, 1)):
    os.write(stream, every[seed:] + half[:2])
for stream in (1, 2):
    os.write(stream, half[2:] + b"no newline at the end")
out = memoryview(line)
while out:
    out = out[os.write(1, out):]
"""
EVERY, HALF = bytes(range(256)), "盘".encode()
ERR = EVERY[1:] + HALF + b"no newline at the end"
OUT = EVERY + HALF + b"no newline at the end" + b"0123456789abcdef" * 65536 * MEGABYTES


@pytest.fixture(scope="module", params=["demo", "openssh"])
async def live(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, openssh: Target
) -> AsyncIterator[Running]:
    """The whole service, its runner at work on our demo SSH server or on OpenSSH; runs may write 64 MiB."""
    async with running(tmp_path_factory.mktemp("runs"), drive=True, default_output_limit=1 << 26) as found:
        if request.param == "openssh":
            found.server = await servers.update(found.context("admin"), found.server.id, at(openssh))
        yield found


def at(target: Target) -> ServerChange:
    credential = NewCredential(private_key=target.private_key)
    return ServerChange(port=target.port, username=target.username, host_keys=[target.host_key], credential=credential)


async def started(live: Running, command: str) -> int:
    body = await live.create(name="to run", command=command, cron_expr="@once")
    return int(body["execution_id"])


async def ended(live: Running, execution: int, **params: Any) -> dict[str, Any]:
    """The log once the run is final, by long polls."""
    while True:
        answer = await live.ask("GET", f"/api/task/{execution}/log", "viewer", params={"wait": "30"} | params)
        body: dict[str, Any] = answer.json()
        if body["status"] != 0:
            return body
        params["cursor"] = body["cursor"]


async def whole(live: Running, execution: int) -> dict[str, Any]:
    await ended(live, execution)
    body: dict[str, Any] = (await live.ask("GET", f"/api/task/{execution}/log?encoding=base64")).json()
    return body


@pytest.mark.sampled
async def test_both_streams_of_a_command_come_byte_for_byte_in_every_form(live: Running, tmp_path: Path) -> None:
    script = tmp_path / "mixed.py"
    script.write_text(MIXED)
    execution = await started(live, f"python3 {shlex.quote(str(script))}")
    path, headers = f"/api/task/{execution}/log", live.as_user("viewer")
    forms = asyncio.gather(*(followed(live, path, headers | {"Accept": accept}) for accept in (SSE, NDJSON)))
    raw = [
        live.http.get(path, params={"follow": "true", "stream": name}, headers=headers) for name in ("stdout", "stderr")
    ]
    (sse, ndjson), (out, err) = await asyncio.gather(forms, asyncio.gather(*raw))
    page = await whole(live, execution)
    assert page["state"] == "SUCCESS"
    for got_out, got_err in (
        (sse.data["stdout"], sse.data["stderr"]),
        (ndjson.data["stdout"], ndjson.data["stderr"]),
        (out.content, err.content),
        (base64.b64decode(page["output_base64"]), base64.b64decode(page["error_base64"])),
    ):
        assert hashlib.sha256(got_out).hexdigest() == hashlib.sha256(OUT).hexdigest()
        assert bytes(got_err) == ERR
    assert sse.text["stdout"] == ndjson.text["stdout"] == page["output"] == OUT.decode("utf-8", "replace")


async def followed(live: Running, path: str, headers: dict[str, str]) -> Got:
    """The log by a reader that loses its connection after every few events, and resumes."""
    got = Got()
    while not got.events or got.events[-1]["event"] != "end":
        params = {} if got.cursor is None else {"cursor": got.cursor}
        async with live.http.stream("GET", path, params=params, headers=headers) as answer:
            taken = 0
            async for event in READERS[headers["Accept"]](answer):
                got.add(event)
                taken += event["event"] == "chunk"
                if taken == 20:
                    break
    return got


async def test_output_is_seen_before_the_command_ends(live: Running, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    execution = await started(live, f"echo first; while ! [ -e {gate} ]; do sleep 0.02; done; echo second >&2")
    headers = live.as_user("viewer") | {"Accept": NDJSON}
    got = Got()
    async with live.http.stream("GET", f"/api/task/{execution}/log", headers=headers) as answer:
        async for line in answer.aiter_lines():
            got.add(json.loads(line))
            if got.data["stdout"] == b"first\n":
                gate.touch()
    assert (bytes(got.data["stdout"]), bytes(got.data["stderr"])) == (b"first\n", b"second\n")


@pytest.mark.parametrize(
    ("command", "status", "state", "exit_codes", "output", "error"),
    [
        ("echo out; echo err >&2", 1, "SUCCESS", (0,), "out\n", "err\n"),
        ("echo out; exit 3", 2, "FAILED", (3,), "out\n", ""),
        ("echo err >&2; kill -KILL $$", 2, "FAILED", (None, 137), "", "err\n"),
        ("no-such-command-here", 2, "FAILED", (127,), "", None),
    ],
)
async def test_the_log_tells_how_a_command_ended(
    live: Running,
    command: str,
    status: int,
    state: str,
    exit_codes: tuple[int | None, ...],
    output: str,
    error: str | None,
) -> None:
    body = await whole(live, await started(live, command))
    assert (body["status"], body["state"], body["output"]) == (status, state, output)
    assert body["exit_code"] in exit_codes  # a shell in between tells of a signal by 128 and its number
    assert "[sshcast]" not in body["error"]
    if error is not None:
        assert body["error"] == error


async def test_error_has_the_reason_of_a_run_that_could_not_start(live: Running) -> None:
    await live.service.store.run(server_table.update, live.server.id, {"port": 1})
    try:
        body = await whole(live, await started(live, "true"))
    finally:
        await live.service.store.run(server_table.update, live.server.id, {"port": live.server.port})
    assert (body["status"], body["state"], body["exit_code"]) == (2, "FAILED", None)
    assert body["error"].startswith("[sshcast] UNREACHABLE: ")


async def test_a_run_by_hand_is_in_the_tasks_history_with_its_end(live: Running) -> None:
    id = (await live.create(command="exit 4"))["id"]
    execution = (await live.ask("POST", f"/api/tasks/{id}/execute")).json()["execution_id"]
    await ended(live, execution)
    (item,) = (await live.ask("GET", f"/api/tasks/{id}/executions")).json()["list"]
    shown = {name: item[name] for name in ("id", "task_id", "status", "state", "reason", "exit_code", "trigger")}
    assert shown == {
        "id": execution,
        "task_id": id,
        "status": 2,
        "state": "FAILED",
        "reason": "EXIT_STATUS",
        "exit_code": 4,
        "trigger": "manual",
    }
    assert item["duration"] >= 0
    assert item["start_time"] <= item["end_time"]
