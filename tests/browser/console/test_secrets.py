"""The console's page of secrets: registered, replaced and deleted, with where they are used, and never a value."""

import pytest
from playwright.async_api import expect

from tests.support.browser.visit import Visit
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

TASK = """mutation { createTask(input: {name: "task with a secret", serverId: 1, command: "true", cronExpr: "@manual",
  secretEnv: [{name: "PASSWORD", secret: "a-console-secret"}]}) { errors { message } } }"""


async def test_a_secret_is_registered_used_replaced_and_deleted(visit: Visit, service: Running) -> None:
    await visit.inside("/secrets", "the.admin")
    await visit.page.get_by_role("button", name="Register a secret").click()
    dialog = visit.find("dialog")
    await dialog.get_by_label("Name").fill("a-console-secret")
    await dialog.get_by_label("Value").fill("tiny")
    await dialog.get_by_role("button", name="Register").click()
    await expect(dialog.locator("[data-field=value] .error")).to_contain_text("6")
    await dialog.get_by_label("Value").fill("open-sesame-now")
    await dialog.get_by_role("button", name="Register").click()
    await expect(visit.find("#notice")).to_contain_text("a-console-secret was registered")
    row = visit.find("tbody tr", has_text="a-console-secret")
    await expect(row).to_contain_text("every server")

    assert (await service.data(TASK))["createTask"]["errors"] == []
    await row.get_by_role("button", name="Find the tasks").click()
    await expect(row.get_by_role("link", name="task with a secret")).to_be_visible()

    await row.get_by_role("button", name="Replace").click()
    await dialog.get_by_label("New value").fill("another-sesame")
    await dialog.get_by_role("button", name="Replace").click()
    await expect(visit.find("#notice")).to_contain_text("was replaced")
    assert "sesame" not in await visit.page.content()

    await row.get_by_role("button", name="Delete").click()
    await expect(dialog).to_contain_text("task with a secret")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(row).to_be_visible()
    await row.get_by_role("button", name="Delete").click()
    await dialog.get_by_role("button", name="Delete").click()
    await expect(row).to_have_count(0)


async def test_a_secret_may_be_for_one_server(visit: Visit, service: Running) -> None:
    await visit.inside("/secrets", "the.admin")
    await visit.page.get_by_role("button", name="Register a secret").click()
    dialog = visit.find("dialog")
    await dialog.get_by_label("Name").fill("a-secret-for-one")
    await dialog.get_by_label("Value").fill("open-sesame-now")
    await dialog.get_by_label("May be used on").fill("no such server")
    await dialog.get_by_role("button", name="Register").click()
    await expect(dialog.locator("[data-field=serverId] .error")).to_contain_text("Choose a server")
    await dialog.get_by_label("May be used on").fill(service.server.name)
    await dialog.get_by_role("button", name="Register").click()
    await expect(visit.find("tbody tr", has_text="a-secret-for-one")).to_contain_text(service.server.name)
