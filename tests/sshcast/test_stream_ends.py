"""Every form in which something is streamed, on either face, ends with the rights of its reader, and as soon."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed

from db.values import Role
from resolvers import grants, personal_tokens, sign_in, streaming, users
from resolvers.context import Context
from runner.bus import user_address
from tests.support.rest import PASSWORD, Run
from tests.support.service import Running, running
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

OUTPUT = "subscription($id: ID!) { executionOutput(executionId: $id) { __typename } }"
MULTIPART = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0"
# Of one second, with room for a busy machine; a stream that waits for the next look at the database takes ten.
BOUND_SECONDS = 5.0

Ending = Callable[[], Awaitable[object]]


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as found:
        yield found


async def read_rest(api: Running, run: Run, token: str, accept: str) -> str:
    """The error that the last event of a log tells of."""
    headers = {"Authorization": f"Bearer {token}", "Accept": accept}
    async with api.http.stream("GET", run.path, headers=headers) as answer:
        lines = [line.removeprefix("data: ") async for line in answer.aiter_lines()]
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return str(found[-1]["error"])


async def read_raw(api: Running, run: Run, token: str) -> str:
    """A raw log has no words for its end: what is cut does not look complete."""
    headers = {"Authorization": f"Bearer {token}"}
    async with api.http.stream("GET", run.path, params={"follow": "true"}, headers=headers) as answer:
        with pytest.raises(httpx2.RemoteProtocolError):
            await answer.aread()
    return "cut"


async def poll(api: Running, run: Run, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    answer = await api.http.get(run.path, params={"wait": 60}, headers=headers, timeout=60)
    return str(answer.json()["error"])


async def read_graphql(api: Running, run: Run, token: str, accept: str) -> str:
    """The code of the last answer of a subscription over HTTP."""
    headers = {"Authorization": f"Bearer {token}", "Accept": accept}
    body = {"query": OUTPUT, "variables": {"id": run.id}}
    async with api.http.stream("POST", "/graphql", json=body, headers=headers) as answer:
        lines = [line.removeprefix("data: ") async for line in answer.aiter_lines()]
    told = [json.loads(line) for line in lines if '"errors"' in line][-1]
    return str(told.get("payload", told)["errors"][0]["extensions"]["code"])


async def read_socket(api: Running, run: Run, token: str) -> str:
    """The code of the last answer of a subscription, or what the socket is closed with."""
    async with api.socket("viewer", Authorization=f"Bearer {token}") as socket:
        await socket.subscribe(OUTPUT, id=run.id)
        message: dict[str, Any] = {}
        try:
            while "errors" not in message.get("payload", {}):
                message = await socket.receive()
        except ConnectionClosed:
            return str((await socket.closed())[0])
        return str(message["payload"]["errors"][0]["extensions"]["code"])


FORMS: dict[str, Callable[[Running, Run, str], Coroutine[Any, Any, str]]] = {
    "rest events": partial(read_rest, accept="text/event-stream"),
    "rest ndjson": partial(read_rest, accept="application/x-ndjson"),
    "rest raw": read_raw,
    "rest long poll": poll,
    "graphql events": partial(read_graphql, accept="text/event-stream"),
    "graphql multipart": partial(read_graphql, accept=MULTIPART),
    "graphql socket": read_socket,
}


async def seconds_until_all_ended(api: Running, token: str, end: Ending, code: str) -> float:
    """Open every form, wait until each has looked once at who reads, `end` their right, and wait for all to end."""
    run, loop = await api.run(), asyncio.get_running_loop()
    readers = {form: asyncio.create_task(read(api, run, token)) for form, read in FORMS.items()}

    def are_settled() -> bool:
        for reader in readers.values():
            assert not reader.done(), reader.result()
        open_now = api.service.bus._watches.get(user_address(api.users[Role.VIEWER].id), set())
        return len(open_now) == len(FORMS) and not any(watch.is_set for watch in open_now)

    await until(are_settled)
    began = loop.time()
    await end()
    async with asyncio.timeout(30):
        found = dict(zip(readers, await asyncio.gather(*readers.values()), strict=True))
    took = loop.time() - began
    closed = "4403" if code == "UNAUTHENTICATED" else code
    assert found == dict.fromkeys(FORMS, code) | {"rest raw": "cut", "graphql socket": closed}
    return took


@pytest.mark.parametrize("how", ["logout", "password", "role", "disabled"])
async def test_every_stream_ends_within_a_second_of_its_session(
    fresh: Running, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "TRUST_SECONDS", 3600.0)  # so that no look that was due anyway ends it
    service, id = fresh.service, fresh.users[Role.VIEWER].id
    token = (await sign_in.login(Context(service), "the.viewer", PASSWORD)).access_token
    viewer = await sign_in.authenticate_token(service, token)
    ends: dict[str, Ending] = {
        "logout": lambda: sign_in.logout(Context(service, viewer)),
        "password": lambda: users.set_password(service, id, "another password"),
        "role": lambda: users.change(service, id, role="operator"),
        "disabled": lambda: users.change(service, id, disabled=True),
    }
    assert await seconds_until_all_ended(fresh, token, ends[how], "UNAUTHENTICATED") < BOUND_SECONDS


async def test_every_stream_ends_within_a_second_of_its_personal_token(
    fresh: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "TRUST_SECONDS", 3600.0)
    ctx = fresh.context(Role.VIEWER)
    made = await personal_tokens.create(ctx, "for ci", "read", 30)
    took = await seconds_until_all_ended(
        fresh, made.token, lambda: personal_tokens.revoke(ctx, made.row.id), "UNAUTHENTICATED"
    )
    assert took < BOUND_SECONDS


async def test_every_stream_ends_with_its_token(fresh: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "TRUST_SECONDS", 3600.0)
    token = fresh.service.tokens.access(fresh.users[Role.VIEWER], seconds=4)
    over = fresh.service.tokens.read(token, "access").expires_at

    async def pass_by() -> None:
        await until(lambda: fresh.service.clock() >= over)

    await seconds_until_all_ended(fresh, token, pass_by, "UNAUTHENTICATED")
    assert fresh.service.clock() - over < timedelta(seconds=BOUND_SECONDS)


async def test_every_stream_ends_within_a_second_of_a_grant_that_it_stands_on(
    fresh: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "TRUST_SECONDS", 3600.0)
    id, admin = fresh.users[Role.VIEWER].id, fresh.context(Role.ADMIN)
    await users.change(fresh.service, id, role="none")
    token = (await sign_in.login(Context(fresh.service), "the.viewer", PASSWORD)).access_token
    grant = await grants.give(admin, id, fresh.server.id, None, "viewer")
    took = await seconds_until_all_ended(fresh, token, lambda: grants.revoke(admin, grant.id), "NOT_FOUND")
    assert took < BOUND_SECONDS


async def test_every_stream_ends_when_another_process_ends_the_session(
    fresh: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No hint comes: the database is looked at, as often on either face."""
    assert streaming.TRUST_SECONDS <= 10
    monkeypatch.setattr(streaming, "TRUST_SECONDS", 0.5)
    token = fresh.service.tokens.access(fresh.users[Role.VIEWER])
    took = await seconds_until_all_ended(
        fresh, token, lambda: fresh.change_user(Role.VIEWER, disabled=True), "UNAUTHENTICATED"
    )
    assert took < BOUND_SECONDS
