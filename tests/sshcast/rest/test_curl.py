"""The seed's own curl examples, as written: only the host, the token and the ids are replaced."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.service import Running, running

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine"),
]

CREATE = """curl -X POST https://api.example.com/api/tasks \\
  -H "Authorization: Bearer <your-jwt-token>" \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "磁盘检查",
    "command": "df -h",
    "server_id": 1,
    "cron_expr": "@once"
  }'
"""
LIST = """curl -X GET https://api.example.com/api/tasks?page=1&page_size=10 \\
  -H "Authorization: Bearer <your-jwt-token>"
"""
# A shell takes the "&" for the end of the command, and the token is lost: quoted, the line does what was meant.
ADDRESS = "https://api.example.com/api/tasks?page=1&page_size=10"
LIST_QUOTED = LIST.replace(ADDRESS, f"'{ADDRESS}'")
LOG = """curl -X GET https://api.example.com/api/task/123/log \\
  -H "Authorization: Bearer <your-jwt-token>"
"""


@pytest.fixture(scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """The whole service, its runner at work on our demo SSH server."""
    async with running(tmp_path_factory.mktemp("curl"), drive=True) as found:
        yield found


async def shell(live: Running, script: str) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the JSON that the script's one curl gets, in the shell that the example is written for."""
    written = script.replace("https://api.example.com", live.url).replace("<your-jwt-token>", live.token("operator"))
    written = written.replace("curl ", "curl -s --noproxy '*' -w '\\n%{http_code}' ", 1)
    process = await asyncio.create_subprocess_exec("sh", "-c", written, stdout=asyncio.subprocess.PIPE)
    shown, _ = await process.communicate()
    body, _, status = shown.decode().rpartition("\n")
    return int(status), json.loads(body)


async def test_the_examples_create_list_and_read_the_log_of_a_command(live: Running) -> None:
    status, created = await shell(live, CREATE)
    assert (status, created["code"]) == (200, 200)
    assert created["data"]["name"] == "磁盘检查"
    execution = created["execution_id"]

    status, listed = await shell(live, LIST_QUOTED)
    assert status == 200
    assert (listed["page"], listed["page_size"], listed["total"]) == (1, 10, 1)
    assert listed["list"][0]["id"] == created["id"]

    log: dict[str, Any] = {"status": 0}
    async with asyncio.timeout(20):
        while log["status"] == 0:
            status, log = await shell(live, LOG.replace("/123/", f"/{execution}/"))
            assert status == 200
    assert (log["status"], log["state"], log["error"], log["exit_code"]) == (1, "SUCCESS", "", 0)
    assert log["output"].startswith("Filesystem")
    assert log["duration"] >= 0


async def test_the_list_example_without_quotes_is_told_that_its_token_was_lost(live: Running) -> None:
    status, answer = await shell(live, LIST + "wait\n")
    assert (status, answer["code"], answer["error"]) == (401, 401, "UNAUTHENTICATED")


async def test_the_seeds_own_body_creates_its_task(live: Running) -> None:
    command = "find /var/log -name '*.log' -mtime +7 -delete"
    body = {"name": "清理日志", "command": command, "server_id": 1, "cron_expr": "@hourly"}
    answer = await live.ask("POST", "/api/tasks", json=body)
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()["data"][name] for name in body} == body
