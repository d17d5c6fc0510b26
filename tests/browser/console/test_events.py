"""The console's event stream: live, held still, filtered by kind, and read backwards."""

import pytest
from playwright.async_api import expect

from tests.support.browser.runs import started
from tests.support.browser.visit import Visit
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


async def test_events_come_in_live_and_wait_while_the_stream_is_paused(visit: Visit, service: Running) -> None:
    await visit.inside("/events")
    await expect(visit.find(".live.live")).to_have_text("Live")
    first = await started(service, "true", wait=20)
    ended = visit.find("tr", has_text="execution ended")
    await expect(ended.filter(has=visit.find(f"a[href='/executions/{first}']"))).to_contain_text("success")
    pause = visit.page.get_by_role("button", name="Pause")
    await pause.click()
    second = await started(service, "exit 2", wait=20)
    go_on = visit.page.get_by_role("button", name="Go on: 3 waiting")
    await expect(go_on).to_be_visible(timeout=10_000)
    await expect(visit.find(f"a[href='/executions/{second}']")).to_have_count(0)
    await go_on.click()
    await expect(ended.filter(has=visit.find(f"a[href='/executions/{second}']"))).to_contain_text("exit status 2")
    await expect(pause).to_be_visible()


async def test_kinds_are_chosen_and_kept_in_the_address(visit: Visit, service: Running) -> None:
    await started(service, "true", wait=20)
    await visit.inside("/events", "the.admin")
    await expect(visit.find("tr", has_text="recorded in the audit").first).to_be_visible()
    for kind in ("executions", "slots", "tasks", "fleet_runs", "audit"):
        await visit.find(f"input[name={kind}]").uncheck()
    await expect(visit.find("table.rows tbody tr", has_text="execution")).to_have_count(0)
    await expect(visit.find("table.rows tbody tr", has_text="server added").first).to_be_visible()
    assert visit.page.url.endswith("/events?kinds=servers")
    await visit.page.reload()
    await expect(visit.find("input[name=servers]")).to_be_checked()
    await expect(visit.find("input[name=executions]")).not_to_be_checked()


async def test_older_events_come_by_cursor_and_none_twice(visit: Visit, service: Running) -> None:
    for _ in range(20):
        await started(service, "true", wait=20)
    await visit.inside("/events?kinds=executions", "the.viewer")
    rows = visit.find("table.rows tbody tr")
    await expect(rows).to_have_count(50)
    await visit.page.get_by_role("button", name="Older").click()
    await expect(rows).not_to_have_count(50)
    cursors = await rows.evaluate_all("rows => rows.map(row => row.dataset.id)")
    assert len(cursors) == len(set(cursors)) >= 60
    found = await service.data(
        "query($last: Int!) { events(last: $last, filter: {kinds: [EXECUTION_CREATED, EXECUTION_STARTED,"
        " EXECUTION_CANCEL_REQUESTED, EXECUTION_ENDED]}) { nodes { cursor } } }",
        last=min(100, len(cursors)),
    )
    assert cursors[:100] == [node["cursor"] for node in reversed(found["events"]["nodes"])]
