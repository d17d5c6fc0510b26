"""The pages of tasks: the list, a new task with its live checks, a run with parameters, pauses, changes, deletion."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.support.browser.visit import Visit
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

CREATE = "mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { id } errors { message field } } }"
TASK = """query ($id: ID!) { task(id: $id) { name command cronExpr timezone envNames pausedAt enabled timeoutSeconds
  secretEnv { name } parameters { name type required minimum options } selector { tagsAll } terms { overlap retryLimit }
  executions(first: 1) { nodes { id parameters { name value secret } } } } }"""
PAUSE = "mutation ($id: ID!) { pauseTask(input: {id: $id}) { errors { message } } }"


async def create(service: Running, **values: Any) -> str:
    given = {"serverId": str(service.server.id), "cronExpr": "@manual", "command": "true", **values}
    made = (await service.data(CREATE, "admin", input=given))["createTask"]
    assert made["errors"] == []
    id: str = made["task"]["id"]
    return id


async def read(service: Running, id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await service.data(TASK, "admin", id=id))["task"]
    return found


async def fill(visit: Visit, name: str, value: str) -> None:
    await visit.find(f".field[data-field='{name}'] > :is(input, textarea)").fill(value)


async def saved_id(visit: Visit) -> str:
    """The id in the address of the task's page, once it is there."""
    await expect(visit.page).to_have_url(re.compile(r"/tasks/\d+$"))
    return visit.page.url.rsplit("/", 1)[1]


async def test_a_new_task_is_checked_and_previewed_while_it_is_typed(visit: Visit, service: Running) -> None:
    await visit.inside("/tasks?new=1")
    await fill(visit, "name", "Free memory at nine")
    await fill(visit, "serverId", service.server.name)
    await fill(visit, "command", "sudo reboot")
    await expect(visit.find(".verdict .refused")).to_have_text("The command policy refuses this command:")
    await expect(visit.find(".verdict li").first).to_contain_text("privilege.sudo")
    await fill(visit, "command", 'echo "$DAYS"')
    await expect(visit.find(".verdict .allowed")).to_be_visible()
    await fill(visit, "cronExpr", "0 9 * * 1-5")
    await fill(visit, "timezone", "Asia/Shanghai")
    await expect(visit.find(".preview-said")).to_contain_text("09:00")
    await expect(visit.find(".runs li")).to_have_count(5)
    await expect(visit.find(".runs li time").first).to_contain_text("09:00")
    await visit.find("summary", has_text="Parameters").click()
    await visit.page.get_by_role("button", name="Add a parameter").click()
    row = visit.find(".rows-editor[data-field='parameters'] .row")
    await row.get_by_label("Name").fill("DAYS")
    await row.get_by_label("Type").select_option("INTEGER")
    await row.get_by_label("From").fill("1")
    await row.get_by_label("Default").fill("30")
    await visit.page.get_by_role("button", name="Create the task").click()
    made = await read(service, await saved_id(visit))
    assert (made["name"], made["cronExpr"], made["timezone"]) == ("Free memory at nine", "0 9 * * 1-5", "Asia/Shanghai")
    assert made["parameters"] == [{"name": "DAYS", "type": "INTEGER", "required": False, "minimum": 1, "options": []}]
    await expect(visit.find(".head h2")).to_have_text("Free memory at nine")
    await expect(visit.find(".runs li")).to_have_count(5)


async def test_what_is_refused_is_told_at_its_field(visit: Visit, service: Running) -> None:
    await visit.inside("/tasks?new=1")
    await fill(visit, "name", "Refused at first")
    await fill(visit, "serverId", service.server.name)
    await fill(visit, "command", "true")
    await fill(visit, "cronExpr", "61 * * * *")
    await expect(visit.find(".preview .error")).to_be_visible()
    create_button = visit.page.get_by_role("button", name="Create the task")
    await create_button.click()
    await expect(visit.find(".field[data-field='cronExpr'] .error")).not_to_be_empty()
    await fill(visit, "cronExpr", "@daily")
    terms = visit.find("details", has=visit.page.get_by_text("Overlap, missed times and retries"))
    await terms.locator("summary").click()
    await fill(visit, "retryLimit", "99")
    await terms.locator("summary").click()
    await create_button.click()
    await expect(visit.find(".field[data-field='retryLimit'] .error")).to_have_text("retryLimit must be 0 to 20.")
    await expect(visit.find(".field[data-field='retryLimit'] input")).to_be_focused()  # its section was opened
    await fill(visit, "retryLimit", "2")
    await create_button.click()
    assert (await read(service, await saved_id(visit)))["terms"]["retryLimit"] == 2


async def test_a_change_keeps_what_the_page_cannot_show(visit: Visit, service: Running) -> None:
    secrets = [{"name": "TOKEN", "value": "not-for-your-eyes"}]
    id = await create(service, name="Has secrets", env=[{"name": "PLAIN", "value": "x"}], secretEnv=secrets)
    await visit.inside(f"/tasks/{id}?edit=1")
    await fill(visit, "name", "Has secrets still")
    await visit.find("summary", has_text="Limits").click()
    await fill(visit, "timeoutSeconds", "77")
    await visit.page.get_by_role("button", name="Save").click()
    await saved_id(visit)
    now = await read(service, id)
    assert (now["name"], now["timeoutSeconds"]) == ("Has secrets still", 77)
    assert now["envNames"] == ["PLAIN"]
    assert now["secretEnv"] == [{"name": "TOKEN"}]


async def test_a_run_is_given_values_by_a_form_that_fits_the_parameters(visit: Visit, service: Running) -> None:
    parameters = [
        {"name": "DIR", "required": True},
        {"name": "DAYS", "type": "INTEGER", "minimum": 1, "maximum": 90, "default": "30"},
        {"name": "COLOUR", "type": "CHOICE", "options": ["red", "blue"]},
        {"name": "API_TOKEN", "type": "SECRET", "description": "To report it."},
    ]
    id = await create(service, name="With parameters", parameters=parameters)
    await visit.inside(f"/tasks/{id}")
    await visit.page.get_by_role("button", name="Run now").click()
    dialog = visit.page.get_by_role("dialog")
    days = dialog.locator(".field[data-field='DAYS'] input")
    assert [await days.get_attribute(name) for name in ("type", "min", "max")] == ["number", "1", "90"]
    await expect(days).to_have_value("30")
    await expect(dialog.locator(".field[data-field='API_TOKEN'] input")).to_have_attribute("type", "password")
    await dialog.locator(".field[data-field='DIR'] input").fill("/tmp/cache")
    await dialog.locator(".field[data-field='COLOUR'] select").select_option("blue")
    await dialog.locator(".field[data-field='API_TOKEN'] input").fill("not-for-your-eyes")
    await dialog.get_by_role("button", name="Run now").click()
    await expect(visit.page).to_have_url(re.compile(r"/executions/\d+"))
    (run,) = (await read(service, id))["executions"]["nodes"]
    values = {value["name"]: value["value"] for value in run["parameters"]}
    assert values == {"DIR": "/tmp/cache", "DAYS": "30", "COLOUR": "blue", "API_TOKEN": None}


async def test_the_list_shows_what_others_do_and_pauses_and_resumes(visit: Visit, service: Running) -> None:
    id = await create(service, name="Paused by others", cronExpr="0 0 1 1 *")
    await visit.inside("/tasks?name=Paused+by")
    row = visit.find(f"tr[data-id='{id}']")
    await expect(row.get_by_role("button", name="Pause")).to_be_visible()
    await service.data(PAUSE, id=id)
    await expect(row).to_contain_text("paused", timeout=15_000)
    await row.get_by_role("button", name="Resume").click()
    await expect(row.get_by_role("button", name="Pause")).to_be_visible()
    assert (await read(service, id))["pausedAt"] is None
    await visit.find("input[type=search]").fill("nothing is called so")
    await expect(visit.find("#work .empty")).to_be_visible()
    await expect(visit.page).to_have_url(re.compile("name=nothing"))


async def test_a_task_is_deleted_only_after_a_question(visit: Visit, service: Running) -> None:
    id = await create(service, name="To be deleted")
    await visit.inside(f"/tasks/{id}")
    await visit.page.get_by_role("button", name="Delete").click()
    await visit.page.get_by_role("button", name="Cancel").click()
    await expect(visit.find("dialog")).to_have_count(0)
    await visit.page.get_by_role("button", name="Delete").click()
    await visit.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(visit.page).to_have_url(re.compile("/tasks$"))
    await expect(visit.find(f"tr[data-id='{id}']")).to_have_count(0)


async def test_a_fleet_task_says_which_servers_match_now(visit: Visit, service: Running) -> None:
    await visit.inside("/tasks?new=1", "the.admin")
    await fill(visit, "name", "Everywhere")
    await fill(visit, "command", "true")
    await visit.page.get_by_label("every server that matches").check()
    await fill(visit, "tagsAll", "no-such-tag")
    await expect(visit.find(".field[data-field='selector']")).to_contain_text("Servers that match now: 0")
    await fill(visit, "nameContains", service.server.name)
    await fill(visit, "tagsAll", "")
    await expect(visit.find(".field[data-field='selector']")).to_contain_text(service.server.name)
    await visit.page.get_by_role("button", name="Create the task").click()
    assert (await read(service, await saved_id(visit)))["selector"] is not None


async def test_a_viewer_sees_tasks_and_changes_none(visit: Visit, service: Running) -> None:
    id = await create(service, name="Only to look at")
    await visit.inside(f"/tasks/{id}", "the.viewer")
    await expect(visit.find(".head h2")).to_have_text("Only to look at")
    await expect(visit.find(".head button")).to_have_count(0)
    await expect(visit.find(".head a")).to_have_count(0)
