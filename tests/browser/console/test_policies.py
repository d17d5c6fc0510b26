"""The console's page of policies: try a command, set the policy of a server, see its versions, find a rule."""

import pytest
from playwright.async_api import expect

from tests.support.browser.visit import Visit
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


async def test_a_command_is_tried_and_its_faults_are_marked(visit: Visit) -> None:
    await visit.inside("/policies", "the.viewer")
    await visit.page.get_by_role("textbox", name="Command", exact=True).fill("echo 你好🙂; sudo reboot")
    await expect(visit.find(".verdict .state.failed")).to_have_text("This command would be refused.")
    # An emoji is two UTF-16 units and one character: the mark stands where the fault is.
    assert (await visit.find(".verdict mark.deny").all_text_contents())[0].startswith("sudo")
    await expect(visit.find(".findings")).to_contain_text("privilege.sudo")
    await visit.page.get_by_role("textbox", name="Command", exact=True).fill("uptime")
    await expect(visit.find(".verdict .state.success")).to_have_text("This command would be accepted.")


async def test_an_admin_sets_the_policy_of_a_server(visit: Visit, service: Running) -> None:
    await visit.inside("/policies", "the.admin")
    await visit.page.get_by_label("Policy of").select_option("server")
    await visit.page.get_by_label("Its name").fill(service.server.name)
    await expect(visit.page).to_have_url(f"{service.url}/policies?server=1")
    own = visit.find(".panel", has=visit.page.get_by_role("heading", name="Own policy"))
    await own.locator("summary").click()
    await own.get_by_label("Rules that only warn").fill("no such rule!")
    await own.get_by_role("button", name="Set the policy").click()
    await expect(own.locator("[data-field=allow] .error")).not_to_be_empty()
    await own.get_by_label("Rules that only warn").fill("fs.volume-*")
    await own.get_by_label("Mode").select_option("AUDIT")
    await own.get_by_role("button", name="Set the policy").click()
    await visit.find("dialog").get_by_role("button", name="Set the policy").click()
    await expect(own.locator(".facts")).to_contain_text("audit: nothing is refused")
    history = visit.find(".panel", has=visit.page.get_by_role("heading", name="Earlier versions"))
    await expect(history.locator("tbody tr")).to_contain_text(["fs.volume-*"])
    await expect(history).to_contain_text("the.admin")
    await visit.page.get_by_role("textbox", name="Command", exact=True).fill("sudo reboot")
    await expect(visit.find(".verdict .state.success")).to_contain_text("with warnings")
    await service.data("mutation { setServerPolicy(input: {id: 1}) { errors { message } } }", "admin")


async def test_a_task_has_its_own_policy(visit: Visit, service: Running) -> None:
    made = await service.data(
        'mutation { createTask(input: {name: "ruled", serverId: 1, command: "true", cronExpr: "@manual"})'
        " { task { id } errors { message } } }"
    )
    await visit.inside(f"/policies?task={made['createTask']['task']['id']}", "the.admin")
    own = visit.find(".panel", has=visit.page.get_by_role("heading", name="Own policy"))
    await expect(own).to_contain_text("that of its server applies")
    await own.locator("summary").click()
    await own.get_by_label("Mode").select_option("STRICT")
    await own.get_by_role("button", name="Set the policy").click()
    await expect(own.locator(".facts")).to_contain_text("strict")
    await visit.page.get_by_label("Policy of").select_option("")
    await expect(visit.page).to_have_url(f"{service.url}/policies")
    await expect(visit.page.get_by_role("row", name="ruled")).to_be_visible()


async def test_a_rule_is_found_by_a_word_of_it(visit: Visit) -> None:
    await visit.inside("/policies", "the.viewer")
    await visit.page.get_by_label("Search").fill("fork bomb")
    rows = visit.find("table.rows tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("system.fork-bomb")


async def test_who_is_no_admin_changes_nothing(visit: Visit) -> None:
    await visit.inside("/policies?server=1", "the.viewer")
    await expect(visit.page.get_by_role("heading", name="Own policy")).to_be_visible()
    await expect(visit.page.get_by_text("Change the policy")).to_have_count(0)
    await expect(visit.page.get_by_role("heading", name="Earlier versions")).to_have_count(0)
