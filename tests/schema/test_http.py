"""GraphQL over HTTP: what is taken, what is refused and how, in both media types."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

MODERN = "application/graphql-response+json"
LEGACY = "application/json"


def only_error(answer: Any) -> dict[str, Any]:
    body = answer.json()
    assert set(body) == {"errors"}, body
    (error,) = body["errors"]
    return {"message": error["message"], **error["extensions"]}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (MODERN, MODERN),
        (LEGACY, LEGACY),
        ("*/*", LEGACY),
        ("", LEGACY),
        (f"{MODERN}; charset=utf-8, {LEGACY};q=0.9", MODERN),
        ("text/html", LEGACY),
    ],
)
async def test_the_answer_is_in_the_media_type_that_is_accepted(api: Running, accept: str, media_type: str) -> None:
    answer = await api.post({"query": "{ __typename }"}, Accept=accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media_type
    assert answer.json()["data"] == {"__typename": "Query"}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"query": "{"}, "Syntax Error"),
        ({"query": "{ nothing }"}, "Cannot query field"),
        ({"query": "query($id: ID!) { task(id: $id) { id } }"}, "id"),
        ({"query": "query A { me { id } } query B { me { id } }"}, "operationName"),
        ({"query": "query A { me { id } }", "operationName": "B"}, "no operation named B"),
    ],
)
async def test_a_document_that_cannot_run_is_400_or_200_by_the_media_type(
    api: Running, body: dict[str, Any], words: str
) -> None:
    for accept, status in ((MODERN, 400), (LEGACY, 200)):
        answer = await api.post(body, Accept=accept)
        assert answer.status_code == status
        error = only_error(answer)
        assert error["code"] == "DOCUMENT_INVALID"
        assert words in error["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"null", "body"),
        (b'"{ me { id } }"', "body"),
        (b'[{"query": "{ me { id } }"}]', "body"),
        (b"{}", "query"),
        (b'{"query": ""}', "query"),
        (b'{"query": 1}', "query"),
        (b'{"query": "{ __typename }", "variables": []}', "variables"),
        (b'{"query": "{ __typename }", "variables": "{}"}', "variables"),
        (b'{"query": "{ __typename }", "operationName": {}}', "operationName"),
        (b'{"query": "{ __typename }", "extensions": 1}', "extensions"),
        (b'{"query": "{ __typename }", "variables": {"a": NaN}}', "body"),
        (b'{"query": "\\ud800"}', "body"),
        (b'{"query": "\xff"}', "body"),
        (b'{"query": "{ __typename }", "variables": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}", "body"),
        (b"[" * 5000 + b"]" * 5000, "body"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_request_that_is_not_well_formed_is_400_and_names_the_part(
    api: Running, body: bytes, field: str
) -> None:
    for accept in (MODERN, LEGACY):
        headers = {"Content-Type": "application/json", "Accept": accept}
        answer = await api.ask("POST", "/graphql", content=body, headers=headers)
        assert answer.status_code == 400
        error = only_error(answer)
        assert (error["code"], error["field"]) == ("INVALID", [field])


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/graphql"},
        {"Content-Type": "application/json+x"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": ""},
    ],
    ids=lambda headers: headers["Content-Type"] or "none",
)
async def test_only_json_is_taken(api: Running, headers: dict[str, str]) -> None:
    answer = await api.ask("POST", "/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert answer.status_code == 415
    assert only_error(answer)["code"] == "UNSUPPORTED_MEDIA_TYPE"


async def test_a_compressed_body_is_not_taken(api: Running) -> None:
    body = gzip.compress(b'{"query": "{ __typename }"}')
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert (await api.ask("POST", "/graphql", content=body, headers=headers)).status_code == 415


async def test_a_body_of_more_than_256_kib_is_413(api: Running) -> None:
    padding = " " * (256 * 1024)
    answer = await api.post({"query": "{ __typename }" + padding})
    assert answer.status_code == 413
    assert only_error(answer)["code"] == "TOO_LARGE"
    assert (await api.post({"query": "{ __typename }" + padding[:-1000]})).status_code == 200


async def test_a_get_reads_and_never_changes_anything(api: Running) -> None:
    variables = '{"name": "User"}'
    query = "query A($name: String!) { __type(name: $name) { name } } query B { __typename }"
    params = {"query": query, "variables": variables, "operationName": "A"}
    answer = await api.ask("GET", "/graphql", params=params)
    assert answer.json()["data"] == {"__type": {"name": "User"}}
    mutation = "mutation { logout { user { id } } }"
    for accept in (MODERN, LEGACY, "text/event-stream"):
        answer = await api.ask("GET", "/graphql", params={"query": mutation}, headers={"Accept": accept})
        assert answer.status_code == 405
        assert answer.headers["allow"] == "POST"
        assert only_error(answer)["code"] == "METHOD_NOT_ALLOWED"
    assert (await api.data("{ me { name } }"))["me"] == {"name": "the.operator"}


@pytest.mark.parametrize(
    ("params", "field"), [({}, "query"), ({"query": "{ me { id } }", "variables": "{"}, "variables")]
)
async def test_a_get_that_asks_for_nothing_is_400(api: Running, params: dict[str, str], field: str) -> None:
    answer = await api.ask("GET", "/graphql", params=params)
    assert answer.status_code == 400
    assert only_error(answer)["field"] == [field]


async def test_a_browser_gets_the_playground_and_a_client_does_not(api: Running) -> None:
    page = await api.ask("GET", "/graphql", None, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    for headers in ({"Accept": "*/*"}, {"Accept": "application/json"}):
        answer = await api.ask("GET", "/graphql", params={"query": "{ __typename }"}, headers=headers)
        assert answer.json()["data"] == {"__typename": "Query"}


async def test_introspection_can_be_switched_off(tmp_path: Path) -> None:
    async with running(tmp_path, introspection=False) as service:
        for query in (
            "{ __schema { types { name } } }",
            '{ ...F } fragment F on Query { __type(name: "Task") { name } }',
        ):
            answer = await service.post({"query": query}, "admin")
            assert only_error(answer)["code"] == "FORBIDDEN"
            assert "Introspection" in only_error(answer)["message"]
        assert await service.data("{ __typename me { __typename } }")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_405(api: Running, method: str) -> None:
    assert (await api.ask(method, "/graphql")).status_code == 405


async def test_a_subscription_needs_a_transport_that_streams(api: Running) -> None:
    answer = await api.post({"query": "subscription { executionUpdates { id } }"}, Accept=LEGACY)
    assert answer.status_code == 406
    assert only_error(answer)["code"] == "NOT_ACCEPTABLE"


async def test_two_mutations_run_in_their_order_and_the_second_ones_failure_keeps_the_first(api: Running) -> None:
    query = """mutation($s: ID!) {
      first: createTask(input: {name: "in order", command: "df", serverId: $s, cronExpr: "@manual"}) { task { name } }
      second: createServer(input: {name: "x", host: "h", username: "u", hostKeys: [], credential: {}}) { server { id } }
    }"""
    body = await api.graphql(query, "operator", s=str(api.server.id))
    assert body["data"] == {"first": {"task": {"name": "in order"}}, "second": None}
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert body["errors"][0]["path"] == ["second"]


async def test_a_very_long_name_is_not_repeated_in_full(api: Running) -> None:
    answer = await api.post({"query": "{ " + "x" * 100_000 + " }"})
    assert len(answer.content) < 2000


@pytest.mark.parametrize("language", ["zh-CN,zh;q=0.9", "zh"])
async def test_messages_are_in_the_callers_language(api: Running, language: str) -> None:
    headers = {"Accept-Language": language}
    body = (await api.post({"query": "{ tasks(first: 0) { totalCount } }"}, **headers)).json()
    assert body["errors"][0]["message"] == "first 须在 1 到 100 之间。"
    query = 'mutation { deleteTask(input: {id: "999999"}) { errors { message } } }'
    body = (await api.post({"query": query}, **headers)).json()
    assert body["data"]["deleteTask"]["errors"] == [{"message": "任务 999999 不存在，或您无权查看。"}]
    body = (await api.post({"query": "{ me { id } }"}, None, **headers)).json()
    assert body["errors"][0]["message"] == "请先登录：令牌缺失、已过期或无效。"
