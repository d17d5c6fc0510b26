"""The page of an execution: its facts, live, what can be done with it, and its log."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import expect

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


async def test_a_run_with_values_that_are_not_kept_is_not_run_again(visit: Visit, service: Running) -> None:
    id = (await service.data(WITH_VALUES))["runCommand"]["execution"]["id"]
    await visit.inside(f"/executions/{id}", "the.admin")
    await expect(visit.find("[data-act=again]")).to_be_disabled(timeout=SLOW)
    await expect(visit.find(".log-empty")).to_have_text("No output.", timeout=SLOW)


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
