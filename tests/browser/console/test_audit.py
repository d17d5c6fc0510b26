"""The console's page of the audit: live, filtered, older by cursor, with what changed and how entries are chained."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import Connection, text

from tests.support.browser.visit import Visit, visiting
from tests.support.service import Running, running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

SECRET = """mutation($name: String!) {
  createSecret(input: {name: $name, value: "never-to-be-shown"}) { secret { id } errors { message } } }"""


async def register_secret(service: Running, name: str) -> None:
    found = await service.data(SECRET, "admin", name=name)
    assert found["createSecret"]["errors"] == []


async def test_a_new_entry_appears_at_once_with_its_details(visit: Visit, service: Running) -> None:
    await visit.inside("/audit", "the.admin")
    await expect(visit.find(".live.live")).to_have_text("Live")
    await register_secret(service, "audited-live")
    row = visit.find("tbody tr", has_text="audited-live").first
    await expect(row).to_contain_text("secret registered")
    await expect(row).to_contain_text("the.admin")
    await row.locator("summary").click()
    await expect(row.locator("ins", has_text="audited-live")).to_be_visible()
    await expect(row.locator(".facts")).to_contain_text("127.0.0.1")
    assert "never-to-be-shown" not in await visit.page.content()


async def test_filters_select_entries_and_stay_in_the_address(visit: Visit, service: Running) -> None:
    await register_secret(service, "audited-filter")
    await visit.inside("/audit", "the.admin")
    await visit.find(".filters").get_by_label("Action").select_option("SECRET_CREATED")
    await expect(visit.find("main .chain")).to_contain_text("not compared")
    await expect(visit.find("tbody tr:not(:has-text('secret registered'))")).to_have_count(0)
    await expect(visit.find("tbody tr", has_text="audited-filter")).to_have_count(1)
    await visit.find(".filters").get_by_label("Who").select_option(label="the.viewer")
    await expect(visit.page.get_by_text("No entry matches.")).to_be_visible()
    await visit.page.reload()
    await expect(visit.page.get_by_text("No entry matches.")).to_be_visible()
    assert visit.page.url.endswith(f"/audit?actor={service.users['viewer'].id}&kind=SECRET_CREATED")
    await visit.page.get_by_role("button", name="Clear the filters").click()
    await expect(visit.find("tbody tr", has_text="audited-filter")).to_have_count(1)


async def test_older_entries_come_by_cursor(visit: Visit, service: Running) -> None:
    for number in range(55):
        await register_secret(service, f"audited-page-{number}")
    await visit.inside("/audit", "the.admin")
    await expect(visit.find("main .chain .linked")).to_contain_text("50 entries")
    await visit.page.get_by_role("button", name="Older").click()
    await expect(visit.find("tbody tr", has_text="audited-page-0")).to_have_count(1)
    await visit.page.get_by_role("button", name="Newer").click()
    await expect(visit.find("tbody tr", has_text="audited-page-54")).to_have_count(1)


async def test_an_entry_that_was_changed_shows(browser: Browser, tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        for number in range(3):
            await register_secret(service, f"audited-gap-{number}")
        audited = await service.data("{ auditEvents(first: 2) { nodes { id } } }", "admin")
        newest, changed = (int(node["id"]) for node in audited["auditEvents"]["nodes"])

        def tamper(conn: Connection) -> None:
            conn.execute(text("DROP TRIGGER audit_events_no_update"))
            conn.execute(text("UPDATE audit_events SET hash = :hash WHERE id = :id"), {"hash": "0" * 64, "id": changed})

        await service.service.store.run(tamper)
        async with visiting(browser, service.url) as visit:
            await visit.open("/")
            await visit.sign_in("the.admin")
            await expect(visit.find("#who")).to_be_visible()
            await visit.find("#places a", has_text="Audit").click()
            await expect(visit.find("main .chain .error")).to_contain_text(f"Entry {newest} does not name the hash")


async def test_who_is_no_admin_is_told_so(visit: Visit) -> None:
    await visit.inside("/audit", "the.operator")
    await expect(visit.find("main .error")).to_contain_text("admin")
    await expect(visit.find("#places a", has_text="Audit")).to_have_count(0)
