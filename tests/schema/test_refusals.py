"""A command that the policy refuses: the finding, where in the text, in the caller's language; nothing is kept."""

from pathlib import Path
from typing import Any

import pytest

from runner.policy import Policy, Verdict
from tests.support.findings import make_finding
from tests.support.listed_rows import add_tasks
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

COMMAND = "df -h; sh -c 'sudo ls'"
FINDINGS = """errors { __typename code message field ... on CommandRefused {
  findings { rule severity message start end line column text via } } }"""
DENIED = make_finding(
    "privilege.sudo",
    "deny",
    message_en="sudo runs commands as another user.",
    message_zh="sudo 会以其他用户身份执行命令。",
    start=14,
    end=18,
    column=15,
    text="sudo",
    via=("sh -c",),
)
WARNED = make_finding(
    "dynamic.code",
    "warn",
    message_en="This runs text as code.",
    message_zh="此处将文本作为代码执行。",
    start=7,
    end=12,
    column=8,
    text="sh -c",
)


class Refusing(Policy):
    """Finds the same in every command that says sudo."""

    def check(self, command: str, **rest: Any) -> Verdict:
        return Verdict(findings=(WARNED, DENIED) if "sudo" in command else (), version="test")


async def refused(api: Running, mutation: str, kind: str, input: dict[str, Any], **headers: str) -> dict[str, Any]:
    query = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {FINDINGS} }} }}"
    answer = await api.post({"query": query, "variables": {"input": input}}, "operator", **headers)
    (error,) = answer.json()["data"][mutation]["errors"]
    found: dict[str, Any] = error
    return found


async def test_a_refused_command_is_told_with_its_findings_wherever_one_is_given(tmp_path: Path) -> None:
    async with running(tmp_path, parts={"policy": Refusing.load()}) as api:
        (task,) = await add_tasks(api, 1)
        (hidden,) = await add_tasks(api, 1, command=COMMAND)
        server = str(api.server.id)
        new = {"name": "a task", "command": COMMAND, "serverId": server, "cronExpr": "@manual"}
        told = [
            await refused(api, "createTask", "CreateTaskInput", new),
            await refused(api, "updateTask", "UpdateTaskInput", {"id": task, "command": COMMAND}),
            await refused(api, "runCommand", "RunCommandInput", {"serverId": server, "command": COMMAND}),
            await refused(api, "runTask", "RunTaskInput", {"taskId": hidden}),
        ]
        for error in told:
            assert (error["__typename"], error["code"]) == ("CommandRefused", "COMMAND_REFUSED")
            assert error["message"].endswith("(privilege.sudo): sudo runs commands as another user.")
            assert [finding["severity"] for finding in error["findings"]] == ["WARN", "DENY"]
        assert [error["field"] for error in told] == [["command"], ["command"], ["command"], ["taskId"]]
        assert told[0]["findings"][1] == {
            "rule": "privilege.sudo",
            "severity": "DENY",
            "message": "sudo runs commands as another user.",
            "start": 14,
            "end": 18,
            "line": 1,
            "column": 15,
            "text": "sudo",
            "via": ["sh -c"],
        }
        chinese = await refused(api, "createTask", "CreateTaskInput", new, **{"Accept-Language": "zh"})
        assert chinese["findings"][1]["message"] == "sudo 会以其他用户身份执行命令。"
        assert (await api.data("{ tasks { totalCount } executions { totalCount } }")) == {
            "tasks": {"totalCount": 2},
            "executions": {"totalCount": 0},
        }
