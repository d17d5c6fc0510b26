"""Every program waits for as long as RATE_LIMITED asks, and ends with 255 where a run has no exit status."""

import time
from typing import Any

import pytest

from resolvers import executions
from resolvers.errors import RateLimited
from tests.support.client_programs import parametrize_programs, run_program
from tests.support.client_runs import WatchedTask
from tests.support.npm import node_modules
from tests.support.service import Running

__all__ = ["node_modules"]

pytestmark = [pytest.mark.anyio, pytest.mark.clients]

USER = "the.operator"
NODE_PROGRAMS = ("graphql-ws.mjs", "apollo.mjs", "urql.mjs", "graphql-sse.mjs", "eventsource.mjs", "axios.mjs")
PROGRAMS = (*NODE_PROGRAMS, "watch.sh", "watch.py", "watch_ws.py")
ASKED_SECONDS = 4  # longer than any program's first wait
CREATE = "mutation($task: CreateTaskInput!) { createTask(input: $task) { task { id } errors { message } } }"


@pytest.fixture
def packages(request: pytest.FixtureRequest, program: str) -> None:
    """Install the npm packages, for the programs that need them."""
    if program in NODE_PROGRAMS:
        request.getfixturevalue("node_modules")


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When runs of a task were asked for, in seconds of the monotonic clock; the first one is refused."""
    found: list[float] = []
    run_task = executions.run_task

    async def refuse_first(*given: Any) -> Any:
        found.append(time.monotonic())
        if len(found) == 1:
            raise RateLimited(ASKED_SECONDS)
        return await run_task(*given)

    monkeypatch.setattr(executions, "run_task", refuse_first)
    return found


@parametrize_programs(*PROGRAMS)
@pytest.mark.usefixtures("packages")
async def test_a_program_that_is_told_to_wait_waits_for_so_long(
    service: Running, task: WatchedTask, program: str, tries: list[float]
) -> None:
    done = await run_program(program, service.url, task.id, USER)
    task.check(done)
    assert len(tries) == 2
    assert tries[1] - tries[0] >= ASKED_SECONDS


@parametrize_programs(*PROGRAMS)
@pytest.mark.usefixtures("packages")
async def test_a_program_whose_run_has_no_exit_status_ends_with_255(service: Running, program: str) -> None:
    values = {"name": f"stopped {program}", "serverId": service.server.id, "cronExpr": "@manual"}
    created = await service.data(CREATE, task=values | {"command": "sleep 600", "timeoutSeconds": 1})
    assert created["createTask"]["errors"] == []
    done = await run_program(program, service.url, int(created["createTask"]["task"]["id"]), USER)
    assert done.returncode == 255, done.stderr
