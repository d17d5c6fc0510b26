"""A first day with the console: from an empty service to a fleet run with an outlier, in one visit.

Afterwards: no request has left the origin, nothing was refused by the policy of the pages, and the console has told of
nothing but the connections that nobody took while the service was dead.
"""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser.forms import ENGLISH, add_server, create_task
from tests.support.browser.outage import forget_outages, suffering_outage
from tests.support.browser.runs import Gate
from tests.support.browser.visit import Visit, visiting
from tests.support.commands import Commands, wait_until_ready
from tests.support.faults.service import Mortal
from tests.support.fleet_ground import Ground, running_ground
from tests.support.targets import running_demo

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery"
SETTLED_MS = 60_000


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Mortal]:
    """A service with an admin and nothing else."""
    found = Mortal(Commands(tmp_path / "data"))
    found.commands.output("user", "add", "admin", "--role", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    found.start()
    assert found.process is not None
    wait_until_ready(found.url, found.process)
    yield found
    found.stop()


@pytest.fixture
async def guest(browser: Browser, mortal: Mortal) -> AsyncIterator[Visit]:
    async with visiting(browser, mortal.url) as found:
        yield found
        forget_outages(found)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with running_ground(tmp_path_factory.mktemp("ground"), 3, 0) as found:
        found.odd = found.odd[:1]
        yield found


async def search_log(visit: Visit) -> None:
    await visit.page.fill(".log-bar input[type=search]", "three")
    await visit.page.press(".log-bar input[type=search]", "Enter")
    await expect(visit.find(".log-bar .search")).to_contain_text("1 of 1")


async def run_on_all(visit: Visit, ground: Ground) -> None:
    """Plan a fleet run by the page, start it, and find the one server that answers otherwise."""
    await visit.find("#places a[href='/fleet-runs']").click()
    await visit.page.get_by_role("button", name="Start a fleet run").click()
    dialog = visit.find("dialog")
    await dialog.locator("textarea").fill(ground.write_command())
    await dialog.locator("input[name=tagsAll]").fill("web")
    await dialog.get_by_role("button", name="Show the plan").click()
    await dialog.get_by_role("button", name="Start on 3 servers").click()
    await expect(visit.find(".tile.success")).to_have_count(3, timeout=SETTLED_MS)
    await visit.page.get_by_label("Outliers first").check()
    await expect(visit.find(".group .answer")).to_have_text(["odd 0", "alike"], timeout=SETTLED_MS)


async def test_from_an_empty_service_to_a_fleet_run_with_an_outlier(
    guest: Visit, mortal: Mortal, ground: Ground, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    async with running_demo(tmp_path) as demo:
        await guest.inside("/", "admin", PASSWORD)
        await add_server(guest, ENGLISH, demo, "demo")
        await create_task(
            guest, ENGLISH, "Count to three", f"echo one; echo two; {gate.closed}; echo three; sleep 300", "demo"
        )
        await guest.page.get_by_role("button", name="Run now").click()
        await expect(guest.page).to_have_url(re.compile(r"/executions/\d+$"))
        lines = guest.find(".log-row:not(.waiting) .log-text")
        await expect(lines).to_have_text(["one", "two"], timeout=SETTLED_MS)
        with suffering_outage(mortal):
            gate.open()
        await expect(lines).to_have_text(["one", "two", "three"], timeout=SETTLED_MS)
        await expect(guest.find(".head .state")).to_have_text("running")
        await guest.page.click("[data-act=cancel]")
        await guest.page.click("dialog button.primary")
        await expect(guest.find(".head .state")).to_have_text("cancelled", timeout=SETTLED_MS)
        await search_log(guest)
        for number, target in enumerate(ground.alive, 1):
            await add_server(guest, ENGLISH, target, f"web {number}", "web")
        await run_on_all(guest, ground)
