"""The page of the schedule: a day's slots with what came of them, live for today, by hour, by task and by outcome."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from db import slots
from db.values import SlotOutcome
from tests.support.browser.visit import Visit
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

CREATE = "mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { id } errors { message field } } }"
PAUSE = "mutation ($id: ID!) { pauseTask(input: {id: $id}) { errors { message } } }"
DELETE = "mutation ($id: ID!) { deleteTask(input: {id: $id}) { errors { message } } }"
SOON = 20_000


async def create(service: Running, name: str) -> str:
    """A task that is due every second."""
    new = {"name": name, "serverId": str(service.server.id), "cronExpr": "* * * * * *", "command": "true"}
    id: str = (await service.data(CREATE, input=new))["createTask"]["task"]["id"]
    return id


async def test_slots_come_up_while_one_looks_with_what_came_of_them(visit: Visit, service: Running) -> None:
    id = await create(service, "Every second")
    try:
        await visit.inside(f"/schedule?task={id}")
        await expect(visit.page.get_by_label("Task", exact=True)).to_have_value("Every second")
        ran = visit.find("tbody tr", has_text="Every second").filter(has=visit.find(".came.ran"))
        await expect(ran.first).to_be_visible(timeout=SOON)
        await expect(ran.first.get_by_role("link", name="success")).to_be_visible(timeout=SOON)
        await service.data(PAUSE, id=id)
        paused = visit.find("tbody tr", has_text="left out: paused")
        await expect(paused.first).to_be_visible(timeout=SOON)
        await expect(paused.first).to_contain_text("the task was paused at")
        await visit.page.get_by_label("Outcome").select_option("SKIPPED_PAUSED")
        await expect(ran).to_have_count(0)
        await expect(visit.page).to_have_url(re.compile("outcome=SKIPPED_PAUSED"))
    finally:
        await service.data(DELETE, id=id)


async def test_a_bar_shows_the_times_of_its_hour_and_another_day_has_its_own(visit: Visit, service: Running) -> None:
    id = await create(service, "By the hour")
    try:
        await visit.inside(f"/schedule?task={id}")
        await expect(visit.find("tbody tr").first).to_be_visible(timeout=SOON)
        bar = visit.find(".hours button", has=visit.find(".piece")).first
        assert re.match(r"\d+:00: \d+ due, ", await bar.get_attribute("aria-label") or "")
        await bar.click()
        await expect(bar).to_have_attribute("aria-pressed", "true")
        await expect(visit.find("tbody tr").first).to_be_visible()
        await bar.click()
        await visit.find(".hours button:not(:has(.piece))").first.click()
        await expect(visit.find("tbody tr")).to_have_count(0)
        await visit.page.get_by_role("link", name="Previous day").click()
        await expect(visit.find("#work .empty")).to_be_visible()
        await visit.page.get_by_role("link", name="Today").click()
        await expect(visit.find("tbody tr").first).to_be_visible()
    finally:
        await service.data(DELETE, id=id)


async def add_slots(service: Running, task: str, first: datetime, number: int, outcome: SlotOutcome) -> None:
    """Lines of the ledger, a second apart."""
    given = {"task_id": int(task), "outcome": str(outcome), "note": None, "reason": None, "execution_id": None}
    given |= {"fleet_run_id": None, "becomes": None, "open": False, "retries_left": 0, "retry_at": None}
    given |= {"decided_at": first, "start_by": None}
    rows = [given | {"slot": first + timedelta(seconds=n)} for n in range(number)]
    await service.service.store.run(slots.record, rows)


async def test_each_hour_of_a_busy_day_is_counted_and_can_be_read_to_its_end(visit: Visit, service: Running) -> None:
    id = await create(service, "Busy day")
    await service.data(DELETE, id=id)
    night, noon = (datetime.fromisoformat(f"2026-03-10T{hour}:00").astimezone(UTC) for hour in ("02", "12"))
    await add_slots(service, id, night, 30, SlotOutcome.MISSED)
    await add_slots(service, id, noon, 1100, SlotOutcome.FIRED)
    await visit.inside(f"/schedule?day=2026-03-10&task={id}")
    status = visit.find(".panel [role=status]")
    await expect(status).to_have_text("1130 due: 1100 ran, 0 left out, 30 did not run", timeout=SOON)
    pieces = visit.find(".hours button:has(.piece)")
    at_night = visit.find(".hours button", has=visit.find(".piece.faulty"))
    await expect(pieces).to_have_count(2)
    await expect(at_night).to_have_attribute("aria-label", "2:00: 30 due, 0 ran, 0 left out, 30 did not run")
    await at_night.click()
    await expect(status).to_have_text("30 due: 0 ran, 0 left out, 30 did not run")
    rows = visit.find("tbody tr", has_text="missed")
    await expect(rows).to_have_count(25)
    await visit.page.get_by_role("button", name="More").click()
    await expect(rows).to_have_count(30)
    await visit.page.get_by_label("Outcome").select_option("FIRED")
    await expect(status).to_have_text("0 due: 0 ran, 0 left out, 0 did not run")
    await expect(visit.find("#work .empty")).to_be_visible()
