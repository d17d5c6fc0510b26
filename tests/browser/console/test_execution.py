"""The page of an execution: its facts, live, what can be done with it, and its log."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import anyio
import pytest
from playwright.async_api import Route, expect

from tests.support.browser.logs import open_log, watch_copies
from tests.support.browser.runs import Gate, started
from tests.support.browser.visit import Visit
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

SLOW = 60_000
TASK = """mutation($name: String!) { createTask(input: {name: $name, serverId: 1, command: "echo of a task",
  cronExpr: "@manual"}) { task { id } errors { message } } }"""
RUN_TASK = "mutation($id: ID!) { runTask(input: {taskId: $id, wait: 30}) { execution { id } errors { message } } }"
WITH_VALUES = """mutation { runCommand(input: {serverId: 1, command: "true", wait: 30,
  env: [{name: "A", value: "b"}]}) { execution { id } errors { message } } }"""
CREATE = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } errors { message } } }"
RUN_WITH = "mutation($input: RunTaskInput!) { runTask(input: $input) { execution { id } errors { message } } }"
LIMIT = "mutation($most: Int!) { updateServer(input: {id: 1, maxParallel: $most}) { errors { message } } }"
FLEET = """mutation($input: StartFleetRunInput!) { startFleetRun(input: $input) {
  fleetRun { id executions(first: 1) { nodes { id } } } errors { message } } }"""


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    found = Gate(tmp_path / "gate")
    yield found
    found.open()


async def test_a_run_is_shown_live_until_its_end(visit: Visit, service: Running, gate: Gate) -> None:
    id = await started(service, f"echo begun; {gate.closed}; echo done >&2; exit 3")
    await open_log(visit, id)
    await expect(visit.find(".page h2")).to_have_text(f"Execution {id}")
    await expect(visit.find(".head .state")).to_have_text("running")
    await expect(visit.find("pre.command")).to_contain_text("echo begun")
    await expect(visit.find(".facts").first).to_contain_text(service.server.name)
    await expect(visit.find(".elapsed")).not_to_have_text("–")
    gate.open()
    await expect(visit.find(".head .state")).to_have_text("failed", timeout=SLOW)
    await expect(visit.find(".facts").first).to_contain_text("Exit status3", timeout=SLOW)
    await expect(visit.find(".log-row.err .log-text")).to_have_text("done")
    await expect(visit.find(".facts-line")).to_contain_text("2 lines · complete", timeout=SLOW)
    await expect(visit.find("[data-act=cancel]")).to_be_hidden()


async def test_the_state_is_shown_although_the_log_knew_it_first(visit: Visit, service: Running, gate: Gate) -> None:
    read = anyio.Event()

    async def hold(route: Route) -> None:
        if '"query ($id: ID!) { execution(' in (route.request.post_data or ""):  # the page's question, not the log's
            await read.wait()
        await route.continue_()

    await visit.page.route("**/graphql", hold)
    id = await started(service, f"echo begun; {gate.closed}; echo done")
    await open_log(visit, id)
    await expect(visit.find(".head .state")).to_have_text("running")
    gate.open()
    await expect(visit.find(".facts-line")).to_contain_text("2 lines · complete", timeout=SLOW)
    read.set()
    await expect(visit.find(".head .state")).to_have_text("success")


async def test_a_run_is_cancelled_after_a_question(visit: Visit, service: Running) -> None:
    id = await started(service, "echo begun; sleep 300")
    await open_log(visit, id)
    await visit.page.click("[data-act=cancel]")
    await visit.page.click("dialog button:not(.primary)")
    await expect(visit.find(".head .state")).to_have_text("running")
    await visit.page.click("[data-act=cancel]")
    await visit.page.click("dialog button.primary")
    await expect(visit.find(".head .state")).to_have_text("cancelled", timeout=SLOW)
    await expect(visit.find(".why")).to_contain_text("no process of it is left", timeout=SLOW)


async def test_a_command_is_run_again_as_another_execution(visit: Visit, service: Running) -> None:
    id = await started(service, "echo once more", wait=30)
    await open_log(visit, id)
    await visit.page.click("[data-act=again]")
    await expect(visit.find(".page h2")).not_to_have_text(f"Execution {id}", timeout=SLOW)
    await expect(visit.find(".log-text").first).to_have_text("once more", timeout=SLOW)
    assert visit.page.url != f"{service.url}/executions/{id}"


async def test_a_task_is_run_again_as_a_run_of_the_task(visit: Visit, service: Running) -> None:
    name = f"task {uuid4().hex[:8]}"
    task = (await service.data(TASK, name=name))["createTask"]["task"]["id"]
    id = (await service.data(RUN_TASK, id=task))["runTask"]["execution"]["id"]
    await open_log(visit, id)
    await expect(visit.find(f".facts a[href='/tasks/{task}']")).to_have_text(name)
    await visit.page.click("[data-act=again]")
    await expect(visit.find(".page h2")).not_to_have_text(f"Execution {id}", timeout=SLOW)
    await expect(visit.find(f".facts a[href='/tasks/{task}']")).to_have_text(name, timeout=SLOW)


async def test_a_run_with_values_that_are_not_kept_is_run_again_by_the_dialog(visit: Visit, service: Running) -> None:
    id = (await service.data(WITH_VALUES))["runCommand"]["execution"]["id"]
    await visit.inside(f"/executions/{id}", "the.admin")
    await expect(visit.find(".log-empty")).to_have_text("No output.", timeout=SLOW)
    await visit.page.click("[data-act=again]")
    await expect(visit.find("dialog")).to_contain_text("are not kept")
    await expect(visit.find("dialog textarea")).to_have_value("true")
    await visit.page.click("dialog button[type=submit]")
    await expect(visit.find(".page h2")).not_to_have_text(f"Execution {id}", timeout=SLOW)
    await expect(visit.find("pre.command")).to_have_text("true", timeout=SLOW)


async def test_a_run_of_a_task_with_a_secret_parameter_shows_what_is_kept_of_it(visit: Visit, service: Running) -> None:
    given = {"name": f"task {uuid4().hex[:8]}", "serverId": "1", "command": "true", "cronExpr": "@manual"}
    parameters = [{"name": "DIR"}, {"name": "API_TOKEN", "type": "SECRET"}]
    task = (await service.data(CREATE, input=given | {"parameters": parameters}))["createTask"]["task"]["id"]
    values = [{"name": "DIR", "value": "/tmp/cache"}, {"name": "API_TOKEN", "value": "correct-horse"}]
    run = await service.data(RUN_WITH, input={"taskId": task, "parameters": values, "wait": 30})
    await visit.inside(f"/executions/{run['runTask']['execution']['id']}", "the.admin")
    await visit.page.click(".facts-panel summary")
    await expect(visit.find("details .facts")).to_contain_text("DIR=/tmp/cache", timeout=SLOW)
    await expect(visit.find("details .facts")).to_contain_text("API_TOKEN=secret")
    await expect(visit.find("[data-act=again]")).to_be_disabled()
    assert "correct-horse" not in await visit.page.content()


async def test_a_run_of_a_fleet_shows_what_it_waits_for_and_its_fleet_run(
    visit: Visit, service: Running, gate: Gate
) -> None:
    assert (await service.data(LIMIT, "admin", most=1))["updateServer"]["errors"] == []
    try:
        await started(service, gate.closed)
        wanted = {"work": {"command": {"command": "echo through"}}, "selector": {"ids": ["1"]}}
        fleet = (await service.data(FLEET, "admin", input=wanted))["startFleetRun"]["fleetRun"]
        await visit.inside(f"/executions/{fleet['executions']['nodes'][0]['id']}", "the.admin")
        facts = visit.find(".facts").first
        await expect(visit.find(f".facts a[href='/fleet-runs/{fleet['id']}']")).to_be_visible(timeout=SLOW)
        await expect(facts).to_contain_text("an execution on its server to end · place 1 in the server's queue")
        gate.open()
        await expect(visit.find(".log-text").first).to_have_text("through", timeout=SLOW)
        await expect(facts).not_to_contain_text("an execution on its server to end", timeout=SLOW)
    finally:
        await service.data(LIMIT, "admin", most=10)


async def test_what_the_policy_found_in_a_command_is_shown(visit: Visit, service: Running) -> None:
    await visit.inside(f"/executions/{await started(service, 'false && crontab -r', wait=30)}", "the.admin")
    await expect(visit.find(".findings")).to_contain_text("system.crontab-remove", timeout=SLOW)
    await expect(visit.find(".findings code.faint")).to_have_text("crontab -r")


async def test_the_link_is_copied_and_viewers_change_nothing(visit: Visit, service: Running) -> None:
    id = await started(service, "echo seen", wait=30)
    await visit.inside(f"/executions/{id}", "the.viewer")
    await expect(visit.find(".log-text").first).to_have_text("seen", timeout=SLOW)
    await expect(visit.find("[data-act=again]")).to_be_hidden()
    await expect(visit.find("[data-act=cancel]")).to_be_hidden()
    await watch_copies(visit)
    await visit.page.click("[data-act=link]")
    await expect(visit.find(".facts-panel .news")).to_have_text("Link copied.")
    assert await visit.page.evaluate("window.copied") == f"{service.url}/executions/{id}"


async def test_what_nobody_may_see_is_told(visit: Visit) -> None:
    await visit.inside("/executions/999999", "the.viewer")
    await expect(visit.find(".empty")).to_contain_text("no execution with this number", timeout=SLOW)
