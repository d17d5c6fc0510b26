"""Pages go on by themselves after the service was killed under them, even where their cursor has expired meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import create_engine

from db import events
from tests.support.browser.outage import forget_outages, start_again, suffering_outage
from tests.support.browser.runs import RUN, Gate
from tests.support.browser.visit import Visit, visiting
from tests.support.faults.service import Mortal, serving
from tests.support.fleet_ground import start
from tests.support.targets import Target, running_sshd

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery"
SETTLED_MS = 60_000


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as found:
        yield found


@pytest.fixture
def mortal(tmp_path: Path, target: Target) -> Iterator[Mortal]:
    """Its server number 1 is called `target`."""
    with serving(tmp_path / "data", target) as found:
        yield found


@pytest.fixture
async def guest(browser: Browser, mortal: Mortal) -> AsyncIterator[Visit]:
    async with mortal.client() as client:
        await mortal.calls(client.get, "/readyz")
    async with visiting(browser, mortal.url) as found:
        yield found
        forget_outages(found)


async def send(mortal: Mortal, query: str, **variables: Any) -> dict[str, Any]:
    async with mortal.client() as client:
        body = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
    assert "errors" not in body, body["errors"]
    data: dict[str, Any] = body["data"]
    return data


async def begin(mortal: Mortal, command: str) -> str:
    payload = (await send(mortal, RUN % 0, command=command))["runCommand"]
    assert payload["errors"] == []
    return str(payload["execution"]["id"])


def expire_events(mortal: Mortal) -> None:
    """Remove every event, as upkeep does with old ones."""
    engine = create_engine(f"sqlite:///{mortal.commands.data / 'sshcast.db'}")
    with engine.begin() as conn:
        assert events.prune(conn, datetime(2100, 1, 1, tzinfo=UTC), 1000) > 0
    engine.dispose()


async def test_the_list_of_executions_goes_on_where_it_was(guest: Visit, mortal: Mortal, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    id = await begin(mortal, f"{gate.closed}; exit 7")
    await guest.inside("/executions", "admin", PASSWORD)
    row = guest.find(f"tr[data-id='{id}']")
    await expect(row).to_contain_text("running", timeout=SETTLED_MS)
    await expect(guest.find(".live.live")).to_have_text("Live")
    with suffering_outage(mortal):
        await expect(guest.find(".live.reconnecting")).to_have_text("Connection lost: resuming …")
        gate.open()
    await expect(row).to_contain_text("exit status 7", timeout=SETTLED_MS)
    await expect(guest.find(".live.live")).to_have_text("Live", timeout=SETTLED_MS)
    late = await begin(mortal, "true # after the outage")
    await expect(guest.find(f"tr[data-id='{late}']")).to_contain_text("success", timeout=SETTLED_MS)


async def test_the_list_is_read_anew_where_its_cursor_has_expired(guest: Visit, mortal: Mortal) -> None:
    await begin(mortal, "true # before the outage")
    await guest.inside("/executions", "admin", PASSWORD)
    rows = guest.find("table.rows tbody tr")
    await expect(rows).to_have_count(1)
    await expect(guest.find(".live.live")).to_have_text("Live")
    mortal.kill()
    await asyncio.to_thread(mortal.commands.output, "run", "target", "--as", "admin", "--", "true # meanwhile")
    expire_events(mortal)
    start_again(mortal)
    await expect(rows).to_have_count(2, timeout=SETTLED_MS)
    await expect(rows.first).to_contain_text("true # meanwhile")
    await expect(guest.find(".live.live")).to_have_text("Live", timeout=SETTLED_MS)
    late = await begin(mortal, "true # after the outage")
    await expect(guest.find(f"tr[data-id='{late}']")).to_contain_text("success", timeout=SETTLED_MS)


async def test_a_fleet_run_is_shown_until_its_end(guest: Visit, mortal: Mortal, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")

    async def ask(query: str, **variables: Any) -> dict[str, Any]:
        return await send(mortal, query, **variables)

    id = await start(ask, f"{gate.closed}; echo through")
    await guest.inside(f"/fleet-runs/{id}", "admin", PASSWORD)
    await expect(guest.find(".tile.running")).to_have_count(1, timeout=SETTLED_MS)
    with suffering_outage(mortal):
        await expect(guest.find(".live.reconnecting")).to_be_visible()
        gate.open()
    await expect(guest.find(".tile.success")).to_have_count(1, timeout=SETTLED_MS)
    await expect(guest.find(".head + p + .panel .state").first).to_have_text("success", timeout=SETTLED_MS)
    await expect(guest.find(".group .answer")).to_have_text("through", timeout=SETTLED_MS)
