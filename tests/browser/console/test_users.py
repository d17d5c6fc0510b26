"""The console's page of users: an admin adds one, gives and takes rights, ends sessions, sets a password."""

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser.visit import Visit, visiting
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


async def test_an_admin_adds_a_user_who_may_then_sign_in(visit: Visit, service: Running, browser: Browser) -> None:
    await visit.inside("/users", "the.admin")
    await visit.page.get_by_role("button", name="Add a user").click()
    dialog = visit.find("dialog")
    await dialog.get_by_label("Name").fill("grace hopper")
    await dialog.get_by_label("Password").fill("a-long-password")
    await dialog.get_by_role("button", name="Add the user").click()
    await expect(dialog.locator("[data-field=name] .error")).to_contain_text("letters, digits")  # a blank is none
    await dialog.get_by_label("Name").fill("grace.hopper")
    await dialog.get_by_role("button", name="Add the user").click()
    await expect(visit.page.get_by_role("heading", name="grace.hopper")).to_be_visible()
    async with visiting(browser, service.url) as other:
        await other.open("/")
        await other.sign_in("grace.hopper", "a-long-password")
        await expect(other.find("#who")).to_have_text("grace.hopper · no role")


async def test_a_grant_is_given_and_revoked(visit: Visit, service: Running) -> None:
    id = service.users["none"].id
    await visit.inside(f"/users?user={id}", "the.admin")
    grants = visit.find(".panel", has=visit.page.get_by_role("heading", name="Grants"))
    await grants.get_by_label("Tag").fill("staging")
    await grants.get_by_role("button", name="Grant").click()
    row = grants.get_by_role("row", name="servers with the tag staging")
    await expect(row).to_contain_text("operator")
    await grants.get_by_label("On").select_option("server")
    await grants.get_by_role("button", name="Grant").click()
    await expect(grants.locator("[data-field=serverId] .error")).to_have_text("Choose a server of the list.")
    await row.get_by_role("button", name="Revoke").click()
    await visit.find("dialog").get_by_role("button", name="Revoke").click()
    await expect(row).to_have_count(0)
    found = await service.data("query($id: ID!) { user(id: $id) { grants { id } } }", "admin", id=str(id))
    assert found["user"]["grants"] == []


async def test_a_role_and_a_sign_in_are_changed_after_a_question(visit: Visit, service: Running) -> None:
    made = await service.data(
        'mutation { createUser(input: {name: "leaving.soon", password: "a-long-password"}) { user { id } } }', "admin"
    )
    await visit.inside(f"/users?user={made['createUser']['user']['id']}", "the.admin")
    await visit.find("main select[name=role]").first.select_option("VIEWER")
    await visit.page.get_by_role("button", name="Change the role").click()
    await visit.find("dialog").get_by_role("button", name="Cancel").click()
    await expect(visit.find(".facts")).to_contain_text("none")
    await visit.page.get_by_role("button", name="Change the role").click()
    await visit.find("dialog").get_by_role("button", name="Change the role").click()
    await expect(visit.find(".facts")).to_contain_text("viewer")
    await visit.find(".head").get_by_role("button", name="Disable").click()
    await visit.find("dialog").get_by_role("button", name="Disable").click()
    await expect(visit.find(".head .state")).to_have_text("disabled")
    await visit.page.get_by_role("link", name="All users").click()
    await visit.find(".filters").get_by_label("Sign-in").select_option("true")
    await expect(visit.find("tbody tr")).to_have_count(1)
    await expect(visit.find("tbody tr")).to_contain_text("leaving.soon")


async def test_a_short_password_is_refused_at_its_field(visit: Visit, service: Running) -> None:
    await visit.inside(f"/users?user={service.users['viewer'].id}", "the.admin")
    panel = visit.find(".panel", has=visit.page.get_by_role("heading", name="Set a new password"))
    await panel.get_by_label("Password").fill("short")
    await panel.get_by_role("button", name="Set").click()
    await expect(panel.locator("[data-field=password] .error")).to_contain_text("8")


async def test_the_last_admin_stays_admin(visit: Visit, service: Running) -> None:
    admins = await service.data("{ users(filter: {role: ADMIN, disabled: false}) { totalCount } }", "admin")
    assert admins["users"]["totalCount"] == 1
    await visit.inside(f"/users?user={service.users['admin'].id}", "the.admin")
    await visit.find("main select[name=role]").first.select_option("VIEWER")
    await visit.page.get_by_role("button", name="Change the role").click()
    await visit.find("dialog").get_by_role("button", name="Change the role").click()
    await expect(visit.find("[data-field=role] .error").first).to_contain_text("last admin")
