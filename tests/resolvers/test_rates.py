"""How often a caller may ask: buckets that refill, told alike on every face with the time to wait."""

import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from db import audit
from db.audit import AuditFilter
from resolvers import rates
from resolvers.errors import RateLimited
from resolvers.rates import MOST_KEYS, Buckets, Rate, RateLimiter
from sshcast.graphql import sockets
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

CHANGE = (
    'mutation { a: deleteTask(input: {id: "1"}) { errors { code } } b: deleteTask(input: {id: "2"}) { task { id } } }'
)
THREE = "mutation { ...A ...A c: logout { ok } } fragment A on Mutation { logout { ok } }"


@dataclass(slots=True)
class Seconds:
    """A clock that a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def still(burst: int) -> Buckets:
    """Buckets that are never filled again."""
    return Buckets(Rate(1, burst), clock=lambda: 0.0)


def test_a_burst_is_let_through_and_then_so_many_a_second() -> None:
    clock = Seconds()
    made = Buckets(Rate(per_second=2, burst=5), clock=clock)
    assert [made.take("ada") for _ in range(6)] == [0, 0, 0, 0, 0, 0.5]
    assert made.take("grace") == 0
    clock.now += 1
    assert [made.take("ada") for _ in range(3)] == [0, 0, 0.5]
    clock.now += 10**6
    assert [made.take("ada") for _ in range(6)] == [0, 0, 0, 0, 0, 0.5]


def test_what_is_refused_takes_nothing() -> None:
    clock = Seconds()
    made = Buckets(Rate(per_second=1, burst=4), clock=clock)
    assert made.take("ada", 3) == 0
    assert made.take("ada", 2) == 1
    assert made.take("ada", 1) == 0
    assert made.take("ada", 1) == 1


def test_more_than_a_bucket_holds_is_given_once_it_is_full() -> None:
    clock = Seconds()
    made = Buckets(Rate(per_second=1, burst=4), clock=clock)
    assert made.take("ada", 10) == 0
    assert made.take("ada", 10) == 10
    clock.now += 9
    assert made.take("ada", 1) == 0


def test_callers_without_number_cost_no_memory_without_bound() -> None:
    made = Buckets(Rate(per_second=1, burst=1))
    for number in range(MOST_KEYS):
        made.take(number)
    tracemalloc.start()
    for number in range(MOST_KEYS, 5 * MOST_KEYS):
        made.take(number)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(made) == MOST_KEYS
    assert grown < 4_000_000
    assert made.take(5 * MOST_KEYS - 1) > 0


def test_what_was_used_up_already_is_owed_however_much_it_is() -> None:
    found = RateLimiter(requests=still(10), strangers=still(10))
    found.charge_work(1, "", seconds=0.1)
    found.charge_work(None, "10.0.0.1", seconds=0.1)
    for refused in (partial(found.check_request, 1), partial(found.check_stranger, "10.0.0.1")):
        with pytest.raises(RateLimited) as limited:
            refused()
        assert limited.value.retry_after == 191
    found.check_request(2)
    found.check_stranger("10.0.0.2")


def test_the_wait_is_told_in_whole_seconds() -> None:
    found = RateLimiter(requests=Buckets(Rate(0.4, 1), clock=lambda: 0.0))
    found.check_request(1)
    with pytest.raises(RateLimited) as refused:
        found.check_request(1)
    assert refused.value.retry_after == 3


def test_addresses_of_one_network_of_ipv6_share_a_bucket() -> None:
    found = RateLimiter(strangers=Buckets(Rate(1, 1), clock=lambda: 0.0))
    found.check_stranger("2001:db8::1")
    with pytest.raises(RateLimited):
        found.check_stranger("2001:db8::2")
    found.check_stranger("2001:db8:1::1")


def test_fifty_requests_a_second_are_never_noticed() -> None:
    clock = Seconds()
    found = RateLimiter(
        requests=Buckets(Rate(500, 500 * rates.BURST_SECONDS), clock=clock),
        changes=Buckets(Rate(300, 300 * rates.BURST_SECONDS), clock=clock),
    )
    for _ in range(50 * 120):
        found.check_request(1)
        found.check_change(1)
        clock.now += 1 / 50


@pytest.fixture
async def service(tmp_path_factory: pytest.TempPathFactory, request: Any) -> AsyncIterator[Running]:
    names = {name: still(burst) for name, burst in request.param.items()}
    async with running(tmp_path_factory.mktemp("rates"), parts={"rates": RateLimiter(**names)}) as found:
        yield found


def refused(answer: Any) -> None:
    """429 with the seconds to wait, in the words of its face."""
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) == 1
    body = answer.json()
    if "errors" in body:
        assert body["errors"][0]["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": 1}
        assert "data" not in body
    else:
        assert (body["code"], body["error"]) == (429, "RATE_LIMITED")


@pytest.mark.parametrize("service", [{"requests": 3}], indirect=True)
async def test_the_requests_of_a_user_are_counted_on_all_faces_together(service: Running) -> None:
    assert (await service.ask("GET", "/api/tasks")).status_code == 200
    assert (await service.post({"query": "{ me { name } }"})).status_code == 200
    async with service.socket("operator") as socket:
        (found,) = [payload async for payload in socket.follow("{ me { name } }")]
        assert "errors" not in found
        await socket.subscribe("{ me { name } }")
        message = await socket.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": 1}
    refused(await service.ask("GET", "/api/tasks"))
    refused(await service.post({"query": "{ me { name } }"}))
    refused(await service.post({"query": "{ me { name } }"}, Accept="application/graphql-response+json"))
    assert (await service.ask("GET", "/api/tasks", "viewer")).status_code == 200


@pytest.mark.parametrize("service", [{"changes": 4}], indirect=True)
async def test_changes_are_counted_apart_each_field_of_a_mutation_as_one(service: Running) -> None:
    assert (await service.ask("DELETE", "/api/tasks/1")).status_code == 404
    assert "data" in (await service.post({"query": CHANGE})).json()
    refused(await service.post({"query": CHANGE}))
    assert (await service.ask("POST", "/api/tasks/1/execute")).status_code == 404
    refused(await service.ask("POST", "/api/tasks/1/execute"))
    assert (await service.ask("GET", "/api/tasks")).status_code == 200
    assert (await service.post({"query": "{ me { name } }"})).status_code == 200


@pytest.mark.parametrize("service", [{"strangers": 6}], indirect=True)
async def test_those_without_a_good_token_are_counted_by_address_and_delay_no_user(service: Running) -> None:
    bad = {"Authorization": "Bearer nonsense"}
    for headers in ({}, bad):
        assert (await service.http.get("/api/tasks", headers=headers)).status_code == 401
        assert (await service.http.post("/graphql", headers=headers, json={"query": "{ __typename }"})).status_code in (
            (401,) if headers else (200,)
        )
    wrong = {"username": "the.viewer", "password": "wrong"}
    for body in (wrong, {}):
        assert (await service.http.post("/api/auth/login", json=body)).status_code in (400, 401)
    refused(await service.http.post("/api/auth/login", json=wrong))
    for headers in ({}, bad):
        refused(await service.http.get("/api/tasks", headers=headers))
        refused(await service.http.post("/graphql", headers=headers, json={"query": "{ __typename }"}))
    async with service.socket(None) as socket:
        assert await socket.closed() == (1013, "Too many requests: wait, then try again.")
    assert (await service.ask("GET", "/api/tasks")).status_code == 200


@pytest.mark.parametrize("service", [{"refusals": 2}], indirect=True)
async def test_nobody_fills_the_audit_with_refusals(service: Running) -> None:
    delete = 'mutation { deleteServer(input: {id: "1"}) { errors { code } } }'
    sudo = 'mutation { runCommand(input: {serverId: "1", command: "sudo true"}) { errors { code } } }'
    assert (await service.graphql(delete))["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert (await service.data(sudo))["runCommand"]["errors"] == [{"code": "COMMAND_REFUSED"}]
    for query in (delete, sudo):
        assert (await service.graphql(query))["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    refused(await service.ask("DELETE", "/api/tasks/1", "viewer") and await last(service))
    assert await service.service.store.read(audit.count, AuditFilter(actor_id=service.users["operator"].id)) == 2


async def last(service: Running) -> Any:
    """The third refusal of the viewer."""
    await service.ask("DELETE", "/api/tasks/1", "viewer")
    return await service.ask("DELETE", "/api/tasks/1", "viewer")


@pytest.mark.parametrize("service", [{"requests": 3}], indirect=True)
async def test_a_document_that_is_much_work_counts_as_many_requests(service: Running) -> None:
    much = f"{{ {' '.join(f'...F{n}' for n in range(90))} }} " + "fragment F on Query { __typename } " * 90
    assert (await service.graphql(much))["errors"][0]["extensions"]["code"] == "DOCUMENT_INVALID"
    assert (await service.post({"query": "{ me { name } }"})).status_code == 429


async def test_a_flood_of_messages_ends_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MESSAGES", Rate(0.001, 3))
    async with running(tmp_path) as service, service.socket("viewer") as socket:
        for _ in range(2):
            await socket.send(type="ping")
            assert (await socket.receive())["type"] == "pong"
        await socket.send(type="ping")
        assert await socket.closed() == (1013, "Too many messages")
