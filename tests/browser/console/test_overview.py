"""The console's overview: what runs now, what is due, what failed, and the charts' figures in words and tables."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.browser.runs import Gate, started
from tests.support.browser.visit import Visit
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

TASK = """mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } errors { message field } } }"""


async def test_what_runs_is_shown_and_moves_to_what_failed_without_loading_anew(
    visit: Visit, service: Running, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    await visit.inside("/")
    running = visit.find("section.panel", has=visit.page.get_by_role("heading", name="Running now"))
    failed = visit.find("section.panel", has=visit.page.get_by_role("heading", name="Failed lately"))
    id = await started(service, f"{gate.closed}; exit 7")
    row = running.locator("li", has=visit.find(f"a[href='/executions/{id}']"))
    await expect(row).to_contain_text("running", timeout=10_000)
    gate.open()
    await expect(row).to_have_count(0, timeout=10_000)
    await expect(failed.locator("li", has=visit.find(f"a[href='/executions/{id}']"))).to_contain_text("exit status 7")


async def test_a_chart_says_its_figures_in_words_and_in_a_table(visit: Visit, service: Running) -> None:
    await started(service, "exit 1", wait=20)
    await started(service, "true", wait=20)
    await visit.inside("/", "the.viewer")
    chart = visit.find("figure.chart", has=visit.page.get_by_role("heading", name="Outcomes"))
    label = await chart.locator("svg").get_attribute("aria-label") or ""
    good, whole = (int(number) for number in label.rsplit(": ", 1)[1].rstrip(".").split(" of "))
    assert 0 < good < whole
    await chart.locator("summary").click()
    cells = await chart.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].slice(1).map(c => +c.textContent))"
    )
    assert (sum(row[0] for row in cells), sum(map(sum, cells))) == (good, whole)
    assert await chart.locator("rect.bar-failed").count() == sum(row[1] > 0 for row in cells)
    assert await chart.locator("rect.bar-failed").first.get_attribute("fill") == "url(#chart-hatch)"
    await visit.page.get_by_role("button", name="Last week").click()
    await expect(visit.find("figure.chart").first.locator("tbody tr")).to_have_count(7)


async def test_the_next_tasks_are_listed_by_when_they_are_due(visit: Visit, service: Running) -> None:
    for name, cron in (("Later", "0 0 1 1 *"), ("Sooner", "*/30 * * * *"), ("Never by itself", "@manual")):
        wanted = {"name": f"{name} of the overview", "serverId": "1", "command": "true", "cronExpr": cron}
        assert (await service.data(TASK, "operator", input=wanted))["createTask"]["errors"] == []
    await visit.inside("/")
    due = visit.find("section.panel", has=visit.page.get_by_role("heading", name="Due next"))
    await expect(due.locator("li a").filter(has_text="of the overview")).to_have_text(
        ["Sooner of the overview", "Later of the overview"]
    )
