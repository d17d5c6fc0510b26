"""Every file of graphql_examples/ is executed, as it is written, in the order in which the playground lists them.

The world is the demo's: one server, its sample tasks, one run. Only what nobody can know beforehand is filled in:
passwords, tokens, a user's id, and the run that is cancelled.
"""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sshcast.commands.demo import SAMPLES, build_sample
from sshcast.page import load_examples
from tests.support.rest import PASSWORD
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

Data = dict[str, Any]
EXAMPLES = {example["name"]: example for example in load_examples()}
LONG = 'mutation($id: ID!) { runCommand(input: {serverId: $id, command: "sleep 600"}) { execution { id } } }'
RUN = "mutation($id: ID!) { runTask(input: {taskId: $id, wait: 30}) { execution { id state } } }"
CREATE = "mutation($task: CreateTaskInput!) { createTask(input: $task) { task { id } errors { message } } }"


@dataclass(slots=True)
class World:
    """The service as the demo fills it, and what earlier examples answered."""

    service: Running
    seen: dict[str, Any] = field(default_factory=dict)

    async def variables(self, name: str) -> Data:
        """The example's own, and over them what only this world knows."""
        return {**EXAMPLES[name]["variables"], **await self.known(name)}

    async def known(self, name: str) -> Data:
        match name:
            case "10_login":
                return {"username": "the.admin", "password": PASSWORD}
            case "11_refresh":
                return {"refreshToken": self.seen["10_login"]["login"]["tokens"]["refreshToken"]}
            case "17_grant_role":
                return {"userId": self.seen["16_create_user"]["createUser"]["user"]["id"]}
            case "28_scan_host_keys":
                return {"port": self.service.server.port}
            case "29_accept_host_keys":
                offered = self.seen["28_scan_host_keys"]["scanHostKeys"]["hostKeys"]
                return {"fingerprints": [key["fingerprint"] for key in offered]}
            case "36_tasks_by_creator":
                return {"userId": str(self.service.users["admin"].id)}
            case "53_cancel_execution":
                found = await self.service.data(LONG, "admin", id=self.service.server.id)
                return {"executionId": found["runCommand"]["execution"]["id"]}
            case "59_run_with_parameters":
                return {"taskId": self.seen["58_task_with_parameters"]["createTask"]["task"]["id"]}
            case "71_watch_output_after":
                return {"after": chunks(self.seen["70_watch_output"])[1]["cursor"]}
            case _:
                return {}

    async def execute(self, name: str) -> Any:
        """The data of the answer; of a subscription, of every event."""
        query, variables = EXAMPLES[name]["query"], await self.variables(name)
        if "\nsubscription " not in query:
            role = None if name == "10_login" else "admin"
            return await self.service.data(query, role, **variables)
        if "executionUpdates" in query:
            return await self.watch_a_run(query, variables)
        if "scheduleEvents" in query:
            return await self.watch_a_slot(query)
        async with self.service.socket("admin") as socket:
            events = socket.follow(query, **variables)
            if "auditTrail" in query or "WatchEvents" in query:  # they go on for ever
                return (await anext(events))["data"]
            return [event["data"] async for event in events]

    async def watch_a_run(self, query: str, variables: Data) -> list[Data]:
        """What a watcher of executions is told of a run of the task that fails, up to its end."""
        async with self.service.socket("admin") as socket:
            events = socket.follow(query, **variables)
            first = asyncio.ensure_future(anext(events))
            while not first.done():  # a run that was over before the watcher was there is not told
                await self.service.data(RUN, "admin", id="3")
            found = [(await first)["data"]]
            while found[-1]["executionUpdates"]["state"] != "FAILED":  # others may be ending too
                found.append((await anext(events))["data"])
        return found

    async def watch_a_slot(self, query: str) -> Data:
        """What a watcher of schedules is told first, while tasks are created that run at once."""
        task = {"name": "Now", "command": "df", "serverId": "1", "cronExpr": "@once"}
        async with self.service.socket("admin") as socket:
            first = asyncio.ensure_future(anext(socket.follow(query)))
            while not first.done():
                await self.service.data(CREATE, "admin", task=task)
                await asyncio.wait([first], timeout=0.2)
            found: Data = (await first)["data"]
            return found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path, drive=True) as service:
        for sample in SAMPLES:
            wanted = build_sample(sample, service.server.id)
            task = {"name": wanted.name, "command": wanted.command, "serverId": "1", "cronExpr": wanted.cron_expr}
            found = await service.data(CREATE, "admin", task=task)
            assert found["createTask"]["errors"] == []
            if sample is SAMPLES[0]:
                await service.data(RUN, "admin", id=found["createTask"]["task"]["id"])
        yield World(service)


def chunks(events: list[Data]) -> list[Data]:
    return [event["executionOutput"] for event in events if "text" in event["executionOutput"]]


def names(connection: Data) -> list[str]:
    return [node["name"] for node in connection["nodes"]]


def watched_output(events: list[Data]) -> bool:
    text = "".join(chunk["text"] for chunk in chunks(events))
    end = events[-1]["executionOutput"]
    return "step 6 of 6" in text and "all done" in text and (end["state"], end["exitCode"]) == ("SUCCESS", 0)


def watched_rest(events: list[Data]) -> bool:
    """All but the first two chunks: those came before the cursor."""
    data = b"".join(base64.b64decode(chunk["base64"]) for chunk in chunks(events))
    return b"step 6 of 6" in data and b"step 2 of 6" not in data


# What each example's answer shows when it did what its first line says.
EXPECTED: dict[str, Callable[[Any], Any]] = {
    "10_login": lambda data: data["login"]["tokens"]["user"]["name"] == "the.admin",
    "11_refresh": lambda data: data["refresh"]["tokens"]["accessToken"],
    "12_me": lambda data: data["me"]["role"] == "ADMIN",
    "13_create_personal_token": lambda data: data["createPersonalToken"]["token"].startswith("sshcast_"),
    "14_personal_tokens": lambda data: names({"nodes": data["personalTokens"]}) == ["nightly report"],
    "15_revoke_personal_token": lambda data: data["revokePersonalToken"]["personalToken"]["name"] == "nightly report",
    "16_create_user": lambda data: data["createUser"]["user"]["role"] == "NONE",
    "17_grant_role": lambda data: data["grantRole"]["grant"]["createdBy"]["name"] == "the.admin",
    "18_users": lambda data: data["users"]["nodes"][-1]["grants"][0]["tag"] == "web",
    "19_revoke_grant": lambda data: data["revokeGrant"]["grant"]["user"]["name"] == "grace",
    "20_servers": lambda data: (
        data["servers"]["nodes"][0]["tasks"]["nodes"][0]["latestExecution"]["state"] == "SUCCESS"
    ),
    "21_server": lambda data: data["server"]["hostKeys"][0].startswith("ssh-ed25519 "),
    "22_create_server": lambda data: data["createServer"]["server"]["tags"] == ["web"],
    "23_update_server": lambda data: data["updateServer"]["server"]["maxParallel"] == 4,
    "24_delete_server": lambda data: data["deleteServer"]["server"]["name"] == "web-1",
    "25_set_server_policy": lambda data: data["setServerPolicy"]["policy"]["allow"][0] == "system.crontab-remove",
    "26_policy_history": lambda data: len(data["commandPolicies"]["nodes"]) == 1,
    "27_policy_rules": lambda data: data["policyRules"][-1]["id"] == "site.no-restarts",
    "28_scan_host_keys": lambda data: (
        [(key["type"], key["status"]) for key in data["scanHostKeys"]["hostKeys"]] == [("ssh-ed25519", "PINNED")]
    ),
    "29_accept_host_keys": lambda data: data["updateServer"]["server"]["hostKeys"][0].startswith("ssh-ed25519 "),
    "30_tasks_by_page": lambda data: len(names(data["tasks"])) == data["tasks"]["totalCount"] == len(SAMPLES),
    "31_tasks_by_cursor": lambda data: data["tasks"]["pageInfo"]["hasNextPage"] and len(data["tasks"]["edges"]) == 2,
    "32_tasks_of_server": lambda data: data["tasks"]["totalCount"] == len(SAMPLES),
    "33_tasks_enabled": lambda data: names(data["tasks"])[0] == SAMPLES[1].name,
    "34_tasks_by_name": lambda data: names(data["tasks"]) == [SAMPLES[1].name],
    "35_tasks_by_last_run": lambda data: names(data["tasks"]) == [SAMPLES[0].name],
    "36_tasks_by_creator": lambda data: data["tasks"]["totalCount"] == len(SAMPLES),
    "37_task": lambda data: data["task"]["executions"]["nodes"][0]["exitCode"] == 0,
    "38_schedule_preview": lambda data: (
        [run["note"] for run in data["schedulePreview"]["runs"]] == [None, "MOVED", None]
    ),
    "39_task_next_runs": lambda data: len(data["task"]["nextRuns"]) == 3,
    "40_create_task": lambda data: data["createTask"]["task"]["nextRun"],
    "41_create_task_once": lambda data: data["createTask"]["execution"]["id"],
    "42_update_task": lambda data: data["updateTask"]["task"]["command"] == "df -h /",
    "43_set_task_enabled": lambda data: data["setTaskEnabled"]["task"]["enabled"] is False,
    "44_delete_task": lambda data: data["deleteTask"]["task"]["id"] == "4",
    "45_schedule_terms": lambda data: data["updateTask"]["task"]["terms"]["overlap"] == "QUEUE",
    "46_pause_task": lambda data: data["pauseTask"]["task"]["pausedAt"],
    "47_resume_task": lambda data: data["resumeTask"]["task"]["pausedAt"] is None,
    "48_check_command": lambda data: (
        [found["rule"] for found in data["checkCommand"]["findings"]] == ["privilege.sudo"]
    ),
    "49_set_task_policy": lambda data: data["setTaskPolicy"]["policy"]["holds"],
    "50_run_task": lambda data: data["runTask"]["execution"]["state"] == "PENDING",
    "51_run_task_and_wait": lambda data: data["runTask"]["execution"]["state"] == "SUCCESS",
    "52_run_command": lambda data: data["runCommand"]["execution"]["trigger"] == "API",
    "53_cancel_execution": lambda data: data["cancelExecution"]["execution"]["cancelRequestedAt"],
    "54_fleet_run": lambda data: data["startFleetRun"]["fleetRun"]["counts"]["size"] >= 1,
    "55_create_secret": lambda data: data["createSecret"]["secret"]["server"] is None,
    "56_run_with_secrets": lambda data: (
        [each["secret"] for each in data["runCommand"]["execution"]["secretEnv"]] == [None, "prod-db"]
        and data["runCommand"]["execution"]["state"] == "SUCCESS"
    ),
    "57_run_with_stdin": lambda data: (
        (data["runCommand"]["execution"]["stdinBytes"], data["runCommand"]["execution"]["stdoutBytes"]) == (23, 24)
    ),
    "58_task_with_parameters": lambda data: (
        [each["type"] for each in data["createTask"]["task"]["parameters"]]
        == ["STRING", "INTEGER", "BOOLEAN", "SECRET"]
    ),
    "59_run_with_parameters": lambda data: (
        data["runTask"]["execution"]["state"] == "SUCCESS"
        and [each["value"] for each in data["runTask"]["execution"]["parameters"]] == [None, "7", "/tmp/cache", "true"]
    ),
    "60_execution": lambda data: data["execution"]["stderrBytes"] == len("all done\n"),
    "61_executions": lambda data: data["executions"]["totalCount"] > 3,
    "62_executions_filtered": lambda data: [
        node["exitCode"] for node in data["executions"]["nodes"] if node["state"] == "SUCCESS"
    ],
    "63_schedule_ledger": lambda data: "FIRED" in [node["outcome"] for node in data["scheduleLedger"]["nodes"]],
    "64_slots_of_task": lambda data: data["task"]["slots"]["totalCount"] == len(data["task"]["slots"]["nodes"]),
    "65_audit_events": lambda data: "TASK_UPDATED" in [event["kind"] for event in data["auditEvents"]["nodes"]],
    "66_executions_with_findings": lambda data: data["executions"]["totalCount"] == len(data["executions"]["nodes"]),
    "67_events": lambda data: (
        {node["kind"] for node in data["events"]["nodes"]} == {"EXECUTION_STARTED", "EXECUTION_ENDED"}
    ),
    "68_search_output": lambda data: data["searchOutput"]["isComplete"] and len(data["searchOutput"]["nodes"]) > 0,
    "69_check_server": lambda data: data["checkServer"]["check"]["ready"],
    "70_watch_output": watched_output,
    "71_watch_output_after": watched_rest,
    "72_watch_executions": lambda events: events[-1]["executionUpdates"]["exitCode"] > 0,
    "73_watch_executions_filtered": lambda events: len(events) == 1,
    "74_watch_schedule": lambda event: event["scheduleEvents"]["outcome"] == "FIRED",
    "75_watch_audit": lambda event: event["auditTrail"]["id"] == "2",
    "76_watch_events": lambda event: event["events"]["cursor"].startswith("e"),
    "77_watch_fleet_output": lambda events: events[-1]["fleetRunOutput"]["server"]["name"],
    "78_fleet_output_groups": lambda data: data["fleetRun"]["outputGroups"]["totalCount"] == 1,
    "79_node": lambda data: (data["node"]["__typename"], data["node"]["id"]) == ("Server", "1"),
}


def test_there_is_an_expectation_for_every_example_and_no_other() -> None:
    assert sorted(EXPECTED) == sorted(EXAMPLES)


async def test_every_example_does_as_written_what_its_first_line_says(world: World) -> None:
    for name in EXAMPLES:
        world.seen[name] = found = await world.execute(name)
        if "\nmutation " in EXAMPLES[name]["query"]:
            assert [payload["errors"] for payload in found.values()] == [[]], (name, found)
        assert EXPECTED[name](found), (name, found)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_in_both_languages_what_it_does_and_fits_the_page(name: str) -> None:
    about, query = EXAMPLES[name]["about"], EXAMPLES[name]["query"]
    assert about["en"]
    assert re.search(r"[一-鿿]", about["zh"])
    assert max(map(len, query.splitlines()[1:])) <= 78
    declared = set(re.findall(r"\$(\w+):", query))
    assert set(EXAMPLES[name]["variables"]) == declared
