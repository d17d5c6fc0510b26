"""Open streams are counted: a user's, and everybody's, on every face; a stream that is closed gives its place back."""

import json
from pathlib import Path

import pytest

from resolvers.errors import RateLimited
from resolvers.watchers import StreamLimiter
from tests.support.service import running
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

RUN = 'mutation { runCommand(input: {serverId: 1, command: "true"}) { execution { id } } }'
WATCH = "subscription { executionUpdates { id } }"


def test_a_user_has_so_many_places_and_everybody_so_many_more() -> None:
    watchers = StreamLimiter(each=2, all=3)
    with watchers.reserve(1), watchers.reserve(1):
        with pytest.raises(RateLimited, match="You have 2 streams"), watchers.reserve(1):
            raise AssertionError("a third place")
        with watchers.reserve(2), pytest.raises(RateLimited, match="3 streams are open"), watchers.reserve(2):
            raise AssertionError("a fourth place")
    with watchers.reserve(1):
        assert watchers._open == {1: 1}


async def test_one_stream_too_many_is_refused_on_every_face_until_another_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path, streams_per_user=1) as service:
        execution = await service.data(
            'mutation { runCommand(input: {serverId: 1, command: "true"}) { execution { id } } }'
        )
        log = f"/api/task/{execution['runCommand']['execution']['id']}/log"
        events = {"Accept": "application/x-ndjson"} | service.as_user("operator")
        async with service.http.stream("GET", log, headers=events) as first:
            lines = first.aiter_lines()
            assert json.loads(await anext(lines))["event"] == "state"
            again = await service.http.get(log, headers=events)
            assert (again.status_code, again.json()["error"]) == (429, "RATE_LIMITED")
            assert int(again.headers["Retry-After"]) > 0
            sse = {"Accept": "text/event-stream"} | service.as_user("operator")
            async with service.http.stream("POST", "/graphql", headers=sse, json={"query": WATCH}) as answer:
                told = "".join([line async for line in answer.aiter_lines()])
            assert "RATE_LIMITED" in told
        await until(lambda: service.service.watchers._open.total() == 0)
