"""The console's page of one's own account: reached from the header; tokens, the language, the password."""

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser.visit import Visit, visiting
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


async def test_a_token_is_made_shown_once_works_and_is_revoked(visit: Visit, service: Running) -> None:
    await visit.inside("/", "the.operator")
    await visit.find("#who").click()
    await expect(visit.page).to_have_url(f"{service.url}/account")
    panel = visit.find(".panel", has=visit.page.get_by_role("heading", name="Personal access tokens"))
    await panel.get_by_label("Stops working in (days)").fill("0")
    await panel.get_by_label("Name").fill("nightly report")
    await panel.get_by_role("button", name="Create a token").click()
    await expect(panel.locator("[data-field=expiresInDays] .error")).to_contain_text("366")
    await panel.get_by_label("Stops working in (days)").fill("30")
    await panel.get_by_role("button", name="Create a token").click()
    dialog = visit.find("dialog")
    token = await dialog.get_by_label("Token").input_value()
    await dialog.get_by_role("button", name="Done").click()

    async def name_of_caller() -> str | None:
        bearer = {"Authorization": f"Bearer {token}"}
        answer = await service.http.post("/graphql", json={"query": "{ me { name } }"}, headers=bearer)
        return answer.json()["data"]["me"]["name"] if answer.status_code == 200 else None

    assert await name_of_caller() == "the.operator"
    assert token not in await visit.page.content()
    row = panel.locator("tbody tr", has_text="nightly report")
    await expect(row).to_contain_text("read")
    await row.get_by_role("button", name="Revoke").click()
    await dialog.get_by_role("button", name="Revoke").click()
    await expect(row).to_have_count(0)
    assert await name_of_caller() is None


async def test_the_language_is_chosen(visit: Visit) -> None:
    await visit.inside("/account", "the.viewer")
    await visit.page.get_by_role("button", name="中文").last.click()
    await expect(visit.page.get_by_role("heading", name="当前用户")).to_be_visible()
    await expect(visit.find("main").get_by_role("button", name="中文")).to_have_attribute("aria-pressed", "true")
    await visit.find("main").get_by_role("button", name="English").click()
    await expect(visit.page.get_by_role("heading", name="Who you are")).to_be_visible()


async def test_who_is_no_admin_is_told_who_sets_passwords(visit: Visit) -> None:
    await visit.inside("/account", "the.viewer")
    await expect(visit.page.get_by_text("sshcast user password the.viewer")).to_be_visible()


async def test_an_admin_changes_their_own_password(service: Running, browser: Browser) -> None:
    made = await service.data(
        'mutation { createUser(input: {name: "second.admin", password: "the-first-one", role: ADMIN})'
        " { user { id } } }",
        "admin",
    )
    async with visiting(browser, service.url) as visit:
        await visit.open("/account")
        await visit.sign_in("second.admin", "the-first-one")
        panel = visit.find(".panel", has=visit.page.get_by_role("heading", name="Change your password"))
        await panel.get_by_label("Password").fill("the-second-one")
        await panel.get_by_role("button", name="Change the password").click()
        await expect(visit.find("#sign-in")).to_be_visible()
        await visit.sign_in("second.admin", "the-second-one")
        await expect(visit.page.get_by_role("heading", name="Who you are")).to_be_visible()
        visit.complaints.clear()  # the browser tells of the answer 401 to a session that has ended
    demote = "mutation($id: ID!) { updateUser(input: {id: $id, role: NONE}) { errors { message } } }"
    await service.data(demote, "admin", id=made["createUser"]["user"]["id"])  # the service is other tests' too
