"""The console's list of executions: filters in the address, live rows, pages by cursor, and running a command."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.browser.runs import Gate, started
from tests.support.browser.visit import Visit
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

PAGE = 50


async def test_a_row_comes_in_by_itself_and_changes_as_its_execution_does(
    visit: Visit, service: Running, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    await visit.inside("/executions")
    await expect(visit.find(".live.live")).to_have_text("Live")
    id = await started(service, f"{gate.closed}; exit 5")
    row = visit.find(f"tr[data-id='{id}']")
    await expect(row.locator(".state")).to_have_text("running", timeout=10_000)
    gate.open()
    await expect(row.locator(".outcome")).to_have_text("failedexit status 5", timeout=10_000)


async def test_filters_are_kept_in_the_address_and_hold_for_what_comes(visit: Visit, service: Running) -> None:
    mine = await started(service, "exit 3 # filtered-42", wait=20)
    good = await started(service, "true # filtered-42", wait=20)
    await started(service, "exit 4 # other", wait=20)
    await visit.inside("/executions")
    await visit.page.get_by_label("Command contains").fill("filtered-42")
    rows = visit.find("table.rows tbody tr")
    await expect(rows).to_have_count(2)
    await visit.find("select[name=state]").select_option("FAILED")
    await expect(rows).to_have_count(1)
    assert visit.page.url.endswith("/executions?text=filtered-42&state=FAILED")
    await visit.page.reload()
    await expect(visit.find(f"tr[data-id='{mine}']")).to_be_visible()
    await started(service, "true # filtered-42", wait=20)
    late = await started(service, "exit 9 # filtered-42", wait=20)
    await expect(visit.find(f"tr[data-id='{late}']")).to_be_visible(timeout=10_000)
    await expect(rows).to_have_count(2)
    await expect(visit.find(f"tr[data-id='{good}']")).to_have_count(0)


async def test_a_server_is_found_by_a_part_of_its_name_and_filters(visit: Visit, service: Running) -> None:
    await started(service, "true", wait=20)
    await visit.inside("/executions")
    await visit.find("summary", has_text="More filters").click()
    await visit.find("input[name=server]").fill(service.server.name)
    await expect(visit.page).to_have_url(re.compile(f"server={service.server.id}$"))
    await visit.find("select[name=who]").select_option(label="the.operator *")
    await expect(visit.page).to_have_url(re.compile(f"who={service.users['operator'].id}$"))
    await expect(visit.find("table.rows tbody tr").first).to_contain_text("the.operator")


async def test_older_pages_come_by_cursor_and_whoever_reads_is_not_disturbed(visit: Visit, service: Running) -> None:
    for _ in range(6):
        await asyncio.gather(*(started(service, "true # paged", wait=20) for _ in range(9)))
    await visit.inside("/executions?text=paged")
    rows = visit.find("table.rows tbody tr")
    await expect(rows).to_have_count(PAGE)
    newest = await rows.first.get_attribute("data-id")
    await rows.last.scroll_into_view_if_needed()
    await started(service, "true # paged", wait=20)
    await expect(visit.find("button.fresh")).to_have_text("1 new", timeout=10_000)
    assert await rows.first.get_attribute("data-id") == newest
    await visit.find("button.fresh").click()
    await expect(rows.first).not_to_have_attribute("data-id", newest or "")
    await expect(rows).to_have_count(PAGE)
    await visit.page.get_by_role("button", name="Older").click()
    await expect(rows).to_have_count(5)
    await visit.page.reload()
    await expect(rows).to_have_count(5)
    await visit.page.get_by_role("button", name="Newer").click()
    await expect(rows).to_have_count(PAGE)


async def test_a_command_is_checked_while_it_is_typed_and_its_run_opens(visit: Visit, service: Running) -> None:
    await visit.inside("/executions")
    await visit.page.get_by_role("button", name="Run a command").click()
    dialog = visit.find("dialog")
    await dialog.get_by_label("Server").fill(service.server.name)
    await dialog.get_by_label("Command").fill("sudo rm -rf /")
    await expect(dialog.locator(".verdict .refused")).to_have_text("The command policy refuses this command:")
    await dialog.get_by_role("button", name="Run").click()
    await expect(dialog.locator(".field[data-field=command] .error")).not_to_be_empty()
    await dialog.get_by_label("Command").fill("echo from the dialog")
    await expect(dialog.locator(".verdict .allowed")).to_be_visible()
    await dialog.get_by_role("button", name="Run").click()
    await expect(visit.page).to_have_url(re.compile(r"/executions/\d+$"))
    id = visit.page.url.rsplit("/", 1)[1]
    found = await service.data("query($id: ID!) { execution(id: $id) { command createdBy { name } } }", id=id)
    assert found["execution"] == {"command": "echo from the dialog", "createdBy": {"name": "the.operator"}}


async def test_a_viewer_is_not_offered_to_run_and_hostile_commands_are_only_text(
    visit: Visit, service: Running
) -> None:
    id = await started(service, "echo '<img src=x onerror=alert(1)>'", wait=20)
    await visit.inside("/executions", "the.viewer")
    await expect(visit.find(f"tr[data-id='{id}'] code")).to_have_text("echo '<img src=x onerror=alert(1)>'")
    await expect(visit.page.get_by_role("button", name="Run a command")).to_have_count(0)
