"""The suites' own client does what an error tells it to do."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from db import executions
from db.executions import ExecutionFilter
from resolvers import outcome
from tests.support.commit_cut import Cut, Way, running_over, way
from tests.support.faults import work
from tests.support.faults.service import NotNow
from tests.support.postgres import Postgres, postgres
from tests.support.service import Running

__all__ = ["postgres", "way"]

pytestmark = pytest.mark.anyio

NOTHING = hashlib.sha256().hexdigest()


@pytest.fixture
async def service(postgres: Postgres, way: Way, tmp_path: Path) -> AsyncIterator[Running]:
    """On a database that is reached over the way."""
    async with running_over(way, postgres, tmp_path) as found:
        found.http.headers.update(found.as_user("operator"))
        yield found


@pytest.mark.parametrize("cut", [Cut.UNSENT, Cut.UNANSWERED])
async def test_what_may_have_been_begun_is_asked_for_again_with_its_key(
    service: Running, way: Way, cut: Cut, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(outcome, "SECONDS", 0.3)
    job = work.Job("the job", "true", NOTHING, NOTHING, 0, tmp_path / "ran")
    way.stays_away, way.cut = True, cut
    with structlog.testing.capture_logs(), pytest.raises(NotNow) as told:
        await work.submitted(service.http, service.server.id, job)
    assert isinstance(told.value.__cause__, work.Unanswered)
    way.open = True
    first, second = [await work.submitted(service.http, service.server.id, job) for _ in range(2)]
    assert first == second
    assert await service.service.store.read(executions.count, ExecutionFilter()) == 1


async def test_what_has_no_key_is_not_asked_for_again(service: Running, way: Way) -> None:
    way.cut = Cut.UNANSWERED
    query = 'mutation { updateServer(input: {id: 1, name: "new"}) { errors { code } } }'
    with structlog.testing.capture_logs():
        answer = await service.post({"query": query}, "admin")
    with pytest.raises(work.Unanswered, match="look whether it was before you repeat it") as told:
        work.told(answer)
    assert told.value.key is None
