"""A command is judged for the folder in which it starts: that of the task or run, else the home directory."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

COMMAND = "mv * /nonexistent/folder"
"""Does nothing anywhere, but for the policy it moves all away."""


async def errors(api: Running, mutation: str, kind: str, input: dict[str, Any]) -> list[str]:
    query = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ errors {{ code }} }} }}"
    answer = await api.post({"query": query, "variables": {"input": input}}, "operator")
    return [error["code"] for error in answer.json()["data"][mutation]["errors"]]


async def test_what_clears_its_folder_is_refused_where_that_is_the_system_or_the_home(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        run: dict[str, Any] = {"serverId": str(api.server.id), "command": COMMAND}

        assert await errors(api, "runCommand", "RunCommandInput", run) == ["COMMAND_REFUSED"]
        assert await errors(api, "runCommand", "RunCommandInput", run | {"workingDir": "/etc"}) == ["COMMAND_REFUSED"]
        assert await errors(api, "runCommand", "RunCommandInput", run | {"workingDir": "~/.."}) == ["COMMAND_REFUSED"]
        assert await errors(api, "runCommand", "RunCommandInput", run | {"workingDir": "/srv/app/tmp"}) == []


async def test_a_task_cannot_be_moved_to_a_folder_where_its_command_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        new = {"name": "t", "command": COMMAND, "serverId": str(api.server.id), "cronExpr": "@manual"}
        query = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } errors { code } } }"
        made = await api.post({"query": query, "variables": {"input": new | {"workingDir": "~/tmp"}}}, "operator")
        task = made.json()["data"]["createTask"]["task"]["id"]

        assert await errors(api, "createTask", "CreateTaskInput", new | {"workingDir": "/"}) == ["COMMAND_REFUSED"]
        assert await errors(api, "updateTask", "UpdateTaskInput", {"id": task, "workingDir": "/usr"}) == [
            "COMMAND_REFUSED"
        ]
        assert await errors(api, "updateTask", "UpdateTaskInput", {"id": task, "workingDir": None}) == [
            "COMMAND_REFUSED"
        ]
        assert await errors(api, "updateTask", "UpdateTaskInput", {"id": task, "workingDir": "~/other"}) == []
