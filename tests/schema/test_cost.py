"""`extensions.cost`: what a document cost, the most that one may cost, and what is left of it."""

from typing import Any

import pytest
from graphql import OperationDefinitionNode

from resolvers.context import Context
from schema.build import build_schema
from schema.documents import Document, Documents
from schema.engine import Answer, Engine
from schema.limits import Limits, Measure, Size
from schema.operation import Operation
from schema.request import GraphQLRequest
from tests.support.service import Running

pytestmark = pytest.mark.anyio

LIMIT = Limits().objects
EVENTS = {"Accept": "text/event-stream"}
PAGES = "query($n: Int) { tasks(first: $n) { nodes { id } } }"
TOO_MANY = "{ tasks(first: 100) { nodes { executions(first: 100) { nodes { id } } } } }"
UPDATES = "subscription { executionUpdates { id state } }"


def cost(asked: int) -> dict[str, int]:
    return {"asked": asked, "limit": LIMIT, "left": LIMIT - asked}


@pytest.mark.parametrize(
    ("query", "variables", "asked"),
    [
        ("{ __typename }", {}, 0),
        ("{ me { id } }", {}, 1),
        ("{ tasks(first: 7) { nodes { id } } }", {}, 7 * 2),
        ("{ tasks(first: 7) { nodes { server { id } } } }", {}, 7 * 3),
        (PAGES, {"n": 50}, 50 * 2),
        (PAGES, {"n": 51}, 51 * 2),
        (PAGES, {}, 20 * 2),
        ('mutation { deleteTask(input: {id: "999999"}) { task { id } errors { code } } }', {}, 3),
    ],
)
async def test_an_answer_tells_the_cost_of_its_document_with_its_variables(
    api: Running, query: str, variables: dict[str, Any], asked: int
) -> None:
    assert (await api.graphql(query, **variables))["extensions"] == {"cost": cost(asked)}
    async with api.socket() as socket:
        (found,) = [payload async for payload in socket.follow(query, **variables)]
        assert found["extensions"] == {"cost": cost(asked)}


async def test_an_answer_with_errors_tells_it_too(api: Running) -> None:
    body = await api.graphql('mutation { deleteTask(input: {id: "1"}) { task { id } } }', "viewer")
    assert body["errors"]
    assert body["extensions"] == {"cost": cost(2)}


async def test_a_document_that_is_too_costly_is_refused_with_the_same_numbers(api: Running) -> None:
    asked = 100 * (1 + 1 + 100 * 2)
    body = await api.graphql(TOO_MANY)
    (error,) = body["errors"]
    assert error["message"] == f"The document asks for too much at once: objects {asked}, where the most is {LIMIT}."
    assert error["extensions"] == {"code": "TOO_COMPLEX", "cost": {"asked": asked, "limit": LIMIT, "left": 0}}
    async with api.socket() as socket:
        await socket.subscribe(TOO_MANY)
        assert (await socket.receive())["payload"][0]["extensions"] == error["extensions"]


async def test_a_cost_beyond_measure_is_told_in_a_number_that_json_readers_can_read(api: Running) -> None:
    spreads = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }} " for n in range(60))
    body = await api.graphql(f"{{ ...F0 }} {spreads} fragment F60 on Query {{ __typename me {{ id }} }}")
    assert body["errors"][0]["extensions"]["code"] == "TOO_COMPLEX"


async def test_the_frames_of_a_subscription_do_not_tell_it(live: Running) -> None:
    async with live.socket("admin") as socket:
        await socket.subscribe(UPDATES)
        run = 'mutation($id: ID!) { runCommand(input: {serverId: $id, command: "true"}) { execution { id } } }'
        assert "cost" in (await live.graphql(run, "admin", id=live.server.id))["extensions"]
        frame = await socket.receive()
        assert frame["payload"]["data"]["executionUpdates"]["id"]
        assert "extensions" not in frame["payload"]


async def test_the_cost_of_a_document_is_measured_once_for_each_choice_of_pages(
    api: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[str] = []
    measure = Measure.measure_operation

    def count(self: Measure, node: OperationDefinitionNode) -> Size:
        times.append("measured")
        return measure(self, node)

    monkeypatch.setattr(Measure, "measure_operation", count)
    engine = Engine(build_schema())
    ctx: Context = api.context("operator")
    for n in (5, 5, 6, 6, 5):
        answer = await engine.run(GraphQLRequest(PAGES, {"n": n}), Operation(ctx))
        assert isinstance(answer, Answer)
        assert answer.cost == cost(n * 2)
    assert len(times) == 3  # as prepared, and for each of the two sizes


def test_the_choices_of_pages_that_are_remembered_are_bounded() -> None:
    documents = Documents(build_schema()._schema, Limits())
    made: Document = documents.get(PAGES, hide_suggestions=False)
    chosen = made.require_operation(None)
    for n in range(-500, 500):
        assert documents.measure_size(made, chosen, {"n": n}).objects == 2 * min(max(n, 1), 100)
    assert len(chosen.sizes) <= 100


@pytest.mark.parametrize("text", ["{ ... @defer { me { id } } }", "{ tasks { nodes @stream { id } } }"])
async def test_incremental_delivery_is_refused_in_words_that_say_what_to_do(api: Running, text: str) -> None:
    for accept in ("application/json", "multipart/mixed;deferSpec=20220824", "multipart/mixed;subscriptionSpec=1.0"):
        (error,) = (await api.post({"query": text}, Accept=accept)).json()["errors"]
        assert error["message"].startswith("@defer and @stream are not supported: ask for what may come later")
        assert error["extensions"]["code"] == "DOCUMENT_INVALID"
    (chinese,) = (await api.post({"query": text}, **{"Accept-Language": "zh"})).json()["errors"]
    assert chinese["message"].startswith("不支持 @defer 和 @stream")


async def test_other_unknown_directives_are_refused_as_before(api: Running) -> None:
    (error,) = (await api.graphql("{ me @nothing { id } }"))["errors"]
    assert error["message"] == "Unknown directive '@nothing'."
