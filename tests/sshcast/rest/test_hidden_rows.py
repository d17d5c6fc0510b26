"""What a user may not see is not there: no list has it, its numbers are 404, and nothing is done to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from db import executions
from db.values import Role
from tests.support.granted import MOVED, RUN, SERVER, TASK, given_to, hide, show
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Running]:
    """A service with two servers; its user `granted` is operator on one, and must not see the other."""
    async with running(tmp_path) as found:
        run = found.service.store.run
        found.users["granted"] = await run(given_to, found, Role.OPERATOR)
        shown = await run(show, found)
        await run(hide, found, shown["task"])
        yield found


@pytest.mark.parametrize("path", ["/api/servers", "/api/tasks", "/api/executions"])
async def test_no_list_has_it(api: Running, path: str) -> None:
    everything = (await api.ask("GET", path, "admin")).text
    assert "veiled" in everything
    answer = await api.ask("GET", path, "granted")
    assert answer.json()["total"] == len(answer.json()["list"]) == 1
    assert "veiled" not in answer.text
    assert str(SERVER) not in answer.text


async def test_filters_do_not_find_it(api: Running) -> None:
    for query in (f"server_id={SERVER}", f"task_id={TASK}", "state=RUNNING"):
        assert (await api.ask("GET", f"/api/executions?{query}", "admin")).json()["total"] > 0
        assert (await api.ask("GET", f"/api/executions?{query}", "granted")).json()["total"] == 0
    assert (await api.ask("GET", "/api/servers?name=veiled", "granted")).json()["total"] == 0
    assert (await api.ask("GET", "/api/servers?tag=veiled-tag", "granted")).json()["total"] == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/api/tasks/{TASK}"),
        ("GET", f"/api/executions/{RUN}"),
        ("GET", f"/api/executions/{MOVED}"),
        ("POST", f"/api/executions/{RUN}/cancel"),
    ],
)
async def test_its_numbers_are_404_as_those_of_nothing(api: Running, method: str, path: str) -> None:
    answer = await api.ask(method, path, "granted")
    number = next(part for part in path.split("/") if part.isdigit())
    nothing = await api.ask(method, path.replace(number, "999999"), "granted")
    assert (answer.status_code, nothing.status_code) == (404, 404)
    assert answer.text.replace(number, "999999") == nothing.text
    row = await api.service.store.read(executions.by_id, RUN)
    assert row is not None
    assert row.cancel_at is None


async def test_a_viewer_of_the_server_cancels_nothing_on_it(api: Running) -> None:
    api.users["watcher"] = await api.service.store.run(given_to, api, Role.VIEWER)
    id = (await api.ask("GET", "/api/executions", "watcher")).json()["list"][0]["id"]
    answer = await api.ask("POST", f"/api/executions/{id}/cancel", "watcher")
    assert (answer.status_code, answer.json()["error"]) == (403, "FORBIDDEN")
