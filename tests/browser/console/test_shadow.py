"""Tasks in shadow in the console: their mode in the list and on their page, and their slots on the schedule's page."""

import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import expect

from tests.support.browser.visit import Visit
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

CREATE = "mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { id } errors { message field } } }"
UPDATE = "mutation ($input: UpdateTaskInput!) { updateTask(input: $input) { errors { message field } } }"
DELETE = "mutation ($id: ID!) { deleteTask(input: {id: $id}) { errors { message } } }"
SOON = 20_000


async def test_a_task_in_shadow_shows_its_mode_and_what_would_have_run(visit: Visit, service: Running) -> None:
    new = {"name": "Still in cron", "serverId": str(service.server.id), "cronExpr": "* * * * * *", "command": "true"}
    id = (await service.data(CREATE, input=new | {"scheduleMode": "SHADOW"}))["createTask"]["task"]["id"]
    try:
        await visit.inside("/tasks?name=Still+in")
        await expect(visit.find(f"tr[data-id='{id}'] .state.shadowed")).to_have_text("in shadow")
        await visit.open(f"/tasks/{id}")
        await expect(visit.find("#work")).to_contain_text("in shadow: cron runs it, its times are only recorded")
        await visit.open(f"/schedule?task={id}&day={datetime.now(UTC).astimezone():%Y-%m-%d}")
        line = visit.find("tbody tr", has_text="in shadow: left to cron").first
        await expect(line).to_be_visible(timeout=SOON)
        await expect(visit.find(".hours .piece.shadowed").first).to_be_visible(timeout=SOON)
        await expect(visit.find(".panel [role=status]")).to_have_text(
            re.compile(r"^\d+ due: 0 ran, 0 left out, 0 did not run, \d+ in shadow$"), timeout=SOON
        )
        await service.data(UPDATE, input={"id": id, "scheduleMode": "ACTIVE"})
        await visit.open(f"/tasks/{id}")
        await expect(visit.find("#work")).to_contain_text("active: its schedule starts it (since", timeout=SOON)
    finally:
        await service.data(DELETE, id=id)
