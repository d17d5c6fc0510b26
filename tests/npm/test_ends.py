"""The clients that people use come to an end by themselves: what is over, or refused for good, is not asked again."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from anyio import to_thread

from db.models import User
from runner.bus import user_address
from sshcast.graphql.close_reasons import BadToken, NoToken, WrongProtocol
from tests.support import rows
from tests.support.npm import node_modules, run_script
from tests.support.service import Running, running
from tests.support.waiting import until

__all__ = ["node_modules"]

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("node_modules")]

WATCH = "subscription($id: ID!) { executionOutput(executionId: $id) { __typename } }"


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("ends")) as found:
        yield found


async def script(name: str, *given: str) -> Any:
    done = await to_thread.run_sync(partial(run_script, name, *given, timeout=30))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def ended_run(service: Running) -> int:
    run = await service.run()
    await run.write(b"one line\n")
    await run.end()
    return run.id


async def test_an_event_source_that_nobody_closes_is_sent_away_when_it_comes_back_after_the_end(
    service: Running,
) -> None:
    url = f"{service.url}/api/task/{await ended_run(service)}/log"
    found = await script("events.mjs", "eventsource", url, service.token("viewer"))
    assert found["events"] == ["chunk", "state", "end"]
    assert found["statuses"] == [200, 204]
    later = await script("events.mjs", "eventsource", url, service.token("viewer"), found["lastId"])
    assert (later["events"], later["statuses"]) == ([], [204])


async def test_fetch_event_source_reads_to_the_end_once(service: Running) -> None:
    url = f"{service.url}/api/task/{await ended_run(service)}/log"
    found = await script("events.mjs", "fetch-event-source", url, service.token("viewer"))
    assert (found["events"], found["statuses"]) == (["chunk", "state", "end"], [200])


async def test_an_event_source_of_a_subscription_ends_with_complete(service: Running) -> None:
    variables = json.dumps({"id": str(await ended_run(service))})
    url = f"{service.url}/graphql?{urlencode({'query': WATCH, 'variables': variables})}"
    found = await script("events.mjs", "eventsource", url, service.token("viewer"))
    assert found["events"] == ["next", "next", "next", "complete"]
    assert found["statuses"] == [200, 204]


async def test_an_event_source_without_a_good_token_does_not_come_back(service: Running) -> None:
    url = f"{service.url}/api/task/{await ended_run(service)}/log"
    found = await script("events.mjs", "eventsource", url, "nonsense")
    assert (found["events"], found["statuses"]) == ([], [401])


@pytest.mark.parametrize("params", [{}, {"authToken": "x"}, {"headers": {"Authorization": "Bearer x"}}], ids=str)
async def test_graphql_ws_gives_up_at_once_where_connection_params_have_no_token(
    service: Running, params: dict[str, Any]
) -> None:
    found = await script("closes.mjs", "graphql-ws", f"{service.url}/graphql", json.dumps(params))
    assert (found["closes"], found["acknowledged"]) == ([[4401, NoToken().en]], 0)
    assert found["told"] == NoToken().en


async def test_graphql_ws_gives_up_at_once_with_a_token_that_is_no_longer_good(service: Running) -> None:
    stale = service.service.tokens.access(service.users["viewer"], seconds=-60)
    given = json.dumps({"Authorization": f"Bearer {stale}"})
    found = await script("closes.mjs", "graphql-ws", f"{service.url}/graphql", given)
    assert found["closes"] == [[4401, BadToken().en]]


async def test_graphql_ws_comes_back_with_a_new_token_when_its_session_ends_on_the_way(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks for its connectionParams anew; one that then has nothing better is told so, and stops."""
    monkeypatch.setattr("resolvers.streaming.TRUST_SECONDS", 0.1)
    user, first = service.users["operator"], service.users["operator"].token_version
    users = [User(**rows.as_dict(user) | {"token_version": first + later}) for later in (0, 1)]
    given = [json.dumps({"Authorization": f"Bearer {service.service.tokens.access(each)}"}) for each in users]
    running = asyncio.create_task(script("closes.mjs", "graphql-ws", f"{service.url}/graphql", *given))
    watch = await watch_of(service, user.id, running)
    await service.change_user("operator", token_version=first + 1)
    await watch_of(service, user.id, running, watch)
    await service.change_user("operator", token_version=first + 2)
    found = await running
    ends = [4403, "Your session has ended."]
    assert (found["closes"], found["acknowledged"]) == ([ends, ends, [4401, BadToken().en]], 2)


async def watch_of(service: Running, user_id: int, running: "asyncio.Task[Any]", before: Any = None) -> Any:
    """What a subscription of the user looks at, once there is another one than `before`."""
    found: list[Any] = []

    def another() -> bool:
        found[:] = [each for each in service.service.bus._watches.get(user_address(user_id), ()) if each is not before]
        return bool(found) or running.done()

    await until(another)
    assert not running.done(), running.result()
    return found[0]


async def test_the_client_of_the_old_protocol_is_told_which_one_to_use(service: Running) -> None:
    given = json.dumps({"Authorization": f"Bearer {service.token('viewer')}"})
    found = await script("closes.mjs", "subscriptions-transport-ws", f"{service.url}/graphql", given)
    assert found["told"] == WrongProtocol().en
    assert found["closes"] == [[4406, WrongProtocol().en]]
