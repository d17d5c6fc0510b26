"""The console's fleet runs: plan before start, tiles, equal answers with an outlier, cancelling, repeating."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.support.browser.runs import Gate
from tests.support.browser.visit import Visit, visiting
from tests.support.fleet_ground import Ground, add_all, running_ground, start
from tests.support.service import Running, running
from tests.support.targets import Target

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

ALIVE = 7
SERVER = """mutation($input: CreateServerInput!) { createServer(input: $input) {
  server { id } errors { code message field } } }"""
UPDATE = """mutation($id: ID!) { updateServer(input: {id: $id, enabled: false}) { errors { message } } }"""
TASK = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } errors { message } } }"
SETTLED_MS = 30_000


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with running_ground(tmp_path_factory.mktemp("ground"), ALIVE, 0) as found:
        found.odd = found.odd[:1]
        yield found


@pytest.fixture(scope="module")
async def fleet(tmp_path_factory: pytest.TempPathFactory, ground: Ground) -> AsyncIterator[Running]:
    """A service whose servers with the tag `web` are those of the ground; one more of them is disabled."""
    async with running(tmp_path_factory.mktemp("fleet"), drive=True) as service:

        async def add(target: Target, tag: str = "web") -> str:
            where = {"host": target.host, "port": target.port, "username": target.username}
            given = where | {"hostKeys": [target.host_key], "credential": {"privateKey": target.private_key}}
            name = f"{tag}-{target.host.rsplit('.', 1)[1]}" + ("" if tag == "web" else " off")
            added = await service.data(SERVER, "admin", input=given | {"name": name, "tags": ["web"]})
            assert added["createServer"]["errors"] == []
            return str(added["createServer"]["server"]["id"])

        await add_all(ground, add)
        disabled = await add(ground.alive[0], "disabled")
        assert (await service.data(UPDATE, "admin", id=disabled))["updateServer"]["errors"] == []
        yield service


@pytest.fixture
async def guest(browser: Browser, fleet: Running) -> AsyncIterator[Visit]:
    async with visiting(browser, fleet.url) as found:
        yield found


async def begin(fleet: Running, command: str, **more: Any) -> str:
    """Start a fleet run on the servers of the ground, and return its id."""
    return await start(fleet.data, command, selector={"tagsAll": ["web"]}, onRefused="SKIP", **more)


def find_tiles(visit: Visit, state: str) -> Locator:
    return visit.find(f".tiles .tile.{state}")


async def test_a_fleet_run_is_planned_then_started_and_its_outlier_stands_apart(guest: Visit, ground: Ground) -> None:
    await guest.inside("/fleet-runs")
    await guest.page.get_by_role("button", name="Start a fleet run").click()
    dialog = guest.find("dialog")
    await dialog.locator("textarea").fill(ground.write_command())
    await dialog.locator("input[name=tagsAll]").fill("web")
    await dialog.get_by_role("button", name="Show the plan").click()
    plan = dialog.locator(".plan")
    await expect(plan).to_contain_text(f"It will run on {ALIVE} servers")
    await expect(plan.locator("li")).to_have_text(re.compile("^disabled-1 off: disabled"))
    await dialog.locator("input[name=tagsAll]").fill("we")
    await expect(plan).to_be_hidden()
    await dialog.locator("input[name=tagsAll]").fill("web")
    await dialog.get_by_role("button", name="Show the plan").click()
    await dialog.get_by_role("button", name=f"Start on {ALIVE} servers").click()
    await expect(guest.page).to_have_url(re.compile(r"/fleet-runs/\d+$"))
    await expect(find_tiles(guest, "success")).to_have_count(ALIVE, timeout=SETTLED_MS)
    await expect(find_tiles(guest, "refused")).to_have_attribute(
        "aria-label", re.compile("^disabled-1 off: refused, disabled")
    )
    await expect(find_tiles(guest, "success").first).to_contain_text("✓")
    await expect(guest.find(".live")).to_be_empty(timeout=SETTLED_MS)
    groups = guest.find(".group")
    await expect(groups.locator("h4")).to_have_text([f"Servers: {ALIVE - 1}", "Servers: 1"])
    await expect(groups.locator(".answer")).to_have_text(["alike", "odd 0"])
    await guest.page.get_by_label("Outliers first").check()
    await expect(groups.locator(".answer")).to_have_text(["odd 0", "alike"])
    await guest.page.get_by_label("Ignore host names, times and numbers").check()
    await expect(groups.first.locator(".answer")).to_have_text("odd <number>")
    odd = await groups.first.locator(".names a").get_attribute("href")
    assert (
        await guest.page.get_by_role("link", name=f"web-{ground.odd[0].rsplit('.', 1)[1]}: success").get_attribute(
            "href"
        )
        == odd
    )


async def test_a_task_is_started_on_many_servers_with_values_for_its_parameters(guest: Visit, fleet: Running) -> None:
    asked = [{"name": "RELEASE", "type": "STRING", "required": True}]
    new = {"name": "By release", "selector": {"tagsAll": ["web"]}, "cronExpr": "@manual", "parameters": asked}
    created = (await fleet.data(TASK, "admin", input=new | {"command": 'echo "is $RELEASE"'}))["createTask"]
    assert created["errors"] == []
    await guest.inside("/fleet-runs")
    await guest.page.get_by_role("button", name="Start a fleet run").click()
    dialog = guest.find("dialog")
    await dialog.locator("select[name=work]").select_option("task")
    await dialog.locator("input[name=taskId]").fill("By release")
    release = dialog.get_by_label("RELEASE (required)")
    await expect(release).to_be_visible()
    await dialog.get_by_role("button", name="Show the plan").click()
    await expect(dialog.locator(".field[data-field='RELEASE'] .error")).to_contain_text("must give a value for RELEASE")
    await expect(release).to_be_focused()
    await release.fill("2.4")
    await dialog.get_by_role("button", name="Show the plan").click()
    await dialog.get_by_role("button", name=f"Start on {ALIVE} servers").click()
    await expect(guest.find(".group .answer")).to_have_text("is 2.4", timeout=SETTLED_MS)
    await expect(find_tiles(guest, "success")).to_have_count(ALIVE, timeout=SETTLED_MS)
    tiles = guest.find(".tiles .tile")
    await tiles.first.focus()
    await guest.page.keyboard.press("ArrowRight")
    await expect(tiles.nth(1)).to_be_focused()
    await expect(guest.find(".tile[tabindex='0']")).to_have_count(1)


async def test_a_plan_that_no_longer_holds_starts_nothing(guest: Visit, fleet: Running) -> None:
    await guest.inside("/fleet-runs")
    await guest.page.get_by_role("button", name="Start a fleet run").click()
    dialog = guest.find("dialog")
    await dialog.locator("textarea").fill("true # changed under way")
    await dialog.locator("input[name=nameContains]").fill("a server")
    await dialog.get_by_role("button", name="Show the plan").click()
    begin_it = dialog.get_by_role("button", name="Start on 1 server")
    await expect(begin_it).to_be_visible()
    assert (await fleet.data(UPDATE, "admin", id=fleet.server.id))["updateServer"]["errors"] == []
    await begin_it.click()
    await expect(dialog.locator(".plan .error")).to_contain_text("a server")
    found = await fleet.data("{ fleetRuns(first: 100) { nodes { command } } }")
    assert "true # changed under way" not in [run["command"] for run in found["fleetRuns"]["nodes"]]


async def test_tiles_and_counts_follow_a_running_fleet_run_until_it_is_cancelled(
    guest: Visit, fleet: Running, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    id = await begin(fleet, gate.closed, batchSize={"servers": 3})
    await guest.inside(f"/fleet-runs/{id}")
    await expect(find_tiles(guest, "running")).to_have_count(3, timeout=SETTLED_MS)
    await expect(find_tiles(guest, "waiting")).to_have_count(ALIVE - 3)
    gate_label = guest.find(".panel > .progress")
    await expect(gate_label).to_have_attribute("aria-label", re.compile(f"running 3.*waits for its batch {ALIVE - 3}"))
    await guest.page.get_by_role("button", name="Cancel the fleet run").click()
    await guest.find("dialog button.primary").click()
    await expect(find_tiles(guest, "cancelled")).to_have_count(3, timeout=SETTLED_MS)
    await expect(find_tiles(guest, "not_started")).to_have_count(ALIVE - 3, timeout=SETTLED_MS)
    await expect(guest.find(".page .state").first).to_have_text("cancelled")
    gate.open()


async def test_what_failed_is_repeated_as_a_fleet_run_of_its_own(guest: Visit, fleet: Running, ground: Ground) -> None:
    fails = f'set -- $SSH_CONNECTION; [ "$3" != {ground.alive[1].host} ]'
    id = await begin(fleet, fails)
    await guest.inside(f"/fleet-runs/{id}")
    await expect(find_tiles(guest, "failed")).to_have_attribute(
        "aria-label", re.compile("failed, exit status 1"), timeout=SETTLED_MS
    )
    await guest.page.get_by_role("button", name="Repeat where it failed").click(timeout=SETTLED_MS)
    await guest.page.get_by_role("checkbox", name="exit status").check()
    await guest.page.get_by_role("checkbox", name="not started").uncheck()
    await guest.page.get_by_role("button", name="Repeat", exact=True).click()
    await expect(guest.page).to_have_url(re.compile(rf"/fleet-runs/(?!{id}$)\d+$"))
    await expect(guest.find(".tiles .tile")).to_have_count(1, timeout=SETTLED_MS)
    await expect(guest.find(f".facts a[href='/fleet-runs/{id}']")).to_have_text(id)


async def test_the_list_is_live_and_filtered_by_state(guest: Visit, fleet: Running, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    await guest.inside("/fleet-runs")
    await expect(guest.find(".live.live")).to_have_text("Live")
    id = await begin(fleet, gate.closed)
    row = guest.find(f"tr[data-id='{id}']")
    await expect(row).to_contain_text("running", timeout=SETTLED_MS)
    await guest.find("select[name=state]").select_option("RUNNING")
    await expect(guest.find("table.rows tbody tr")).to_have_count(1)
    assert guest.page.url.endswith("/fleet-runs?state=RUNNING")
    gate.open()
    await expect(row).to_have_count(0, timeout=SETTLED_MS)
