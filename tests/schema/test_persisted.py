"""Persisted documents: those that clients register by hash, and the operator's list, alone or beside them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from schema.manifest import KnownOperation, format_manifest, hash_document
from schema.persisted import AVERAGE_BYTES, RegisteredDocuments
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

ME = "query Me { me { name } }"
LISTED = "query Listed { me { name } }"
WATCH = "subscription Watch { executionUpdates { id } }"
KNOWN = [
    KnownOperation(hash_document(LISTED), "Listed", "query", LISTED),
    KnownOperation("watch-1", "Watch", "subscription", WATCH),
]
TRANSPORTS = ["application/json", "text/event-stream", "multipart/mixed;subscriptionSpec=1.0"]


def named(id: str, **more: Any) -> dict[str, Any]:
    """The body of a request that names a document."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": id}}, **more}


def told(answer: Any) -> tuple[str, str]:
    """The code and message of an answer's only error."""
    (error,) = answer.json()["errors"]
    return error["extensions"]["code"], error["message"]


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Running]:
    """A service that runs nothing but its list."""
    (tmp_path / "list.json").write_text(format_manifest(KNOWN))
    async with running(tmp_path, operations=tmp_path / "list.json", operations_only=True) as found:
        yield found


@pytest.fixture
async def lenient(tmp_path: Path) -> AsyncIterator[Running]:
    """A service with a list, and room for two registered documents."""
    (tmp_path / "list.json").write_text(format_manifest(KNOWN))
    async with running(tmp_path, operations=tmp_path / "list.json", persisted_queries=2) as found:
        yield found


async def test_a_document_is_registered_with_its_hash_and_runs_by_it_from_then_on(fresh: Running) -> None:
    id = hash_document(ME)
    absent = await fresh.post(named(id))
    assert (absent.status_code, told(absent)) == (200, ("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"))
    for body in (named(id, query=ME), named(id)):
        assert (await fresh.post(body)).json()["data"] == {"me": {"name": "the.operator"}}
    found = await fresh.ask("GET", "/graphql?" + urlencode({"extensions": json.dumps(named(id)["extensions"])}))
    assert found.json()["data"] == {"me": {"name": "the.operator"}}
    async with fresh.socket() as socket:
        await socket.send(id="1", type="subscribe", payload=named(id))
        assert (await socket.receive())["payload"]["data"] == {"me": {"name": "the.operator"}}


async def test_a_browser_that_names_a_document_by_get_gets_its_answer_and_not_the_playground(fresh: Running) -> None:
    address = "/graphql?" + urlencode({"extensions": json.dumps(named(hash_document(ME))["extensions"])})
    answer = await fresh.ask("GET", address, headers={"Accept": "text/html,*/*"})
    assert told(answer)[0] == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_mutation_by_its_hash_is_never_sent_by_get(fresh: Running) -> None:
    text = 'mutation { deleteTask(input: {id: "1"}) { task { id } } }'
    assert "data" in (await fresh.post(named(hash_document(text), query=text))).json()
    answer = await fresh.ask(
        "GET", "/graphql?" + urlencode({"extensions": json.dumps(named(hash_document(text))["extensions"])})
    )
    assert (answer.status_code, told(answer)[0]) == (405, "METHOD_NOT_ALLOWED")


async def test_a_hash_that_is_another_documents_registers_nothing(fresh: Running) -> None:
    id = hash_document(ME)
    assert told(await fresh.post(named(id, query="{ me { id } }")))[0] == "DOCUMENT_INVALID"
    assert told(await fresh.post(named(id)))[0] == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("query", ["{", "{ nothing }", "{ ... @defer { me { id } } }"])
async def test_a_document_that_may_not_run_is_not_registered(fresh: Running, query: str) -> None:
    id = hash_document(query)
    assert told(await fresh.post(named(id, query=query)))[0] == "DOCUMENT_INVALID"
    assert told(await fresh.post(named(id)))[0] == "PERSISTED_QUERY_NOT_FOUND"


async def test_who_has_not_signed_in_registers_nothing(fresh: Running) -> None:
    id = hash_document("{ __typename }")
    assert (await fresh.post(named(id, query="{ __typename }"), None)).json()["data"] == {"__typename": "Query"}
    assert told(await fresh.post(named(id), None))[0] == "PERSISTED_QUERY_NOT_FOUND"
    assert told(await fresh.post(named(hash_document(ME), query=ME), None))[0] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "given", ["x", 1, [], {"version": 2, "sha256Hash": "a"}, {"version": 1}, {"version": 1, "sha256Hash": "a" * 129}]
)
async def test_a_bad_form_is_told_by_its_name(fresh: Running, given: object) -> None:
    answer = await fresh.post({"query": ME, "extensions": {"persistedQuery": given}})
    code, message = told(answer)
    assert code == "INVALID"
    assert message == 'extensions.persistedQuery must be {"version": 1, "sha256Hash": "…"}.'


async def test_the_least_recently_used_makes_room(lenient: Running) -> None:
    texts = [f"query Q{n} {{ me {{ name }} }}" for n in range(3)]
    for text in (texts[0], texts[1], texts[0], texts[2]):
        await lenient.post(named(hash_document(text), query=text))
    kept = ["data" in (await lenient.post(named(hash_document(text)))).json() for text in texts]
    assert kept == [True, False, True]


def test_registered_documents_are_bounded_in_bytes_too() -> None:
    kept = RegisteredDocuments(4)
    for number in range(9):
        kept.add(str(number), "x" * AVERAGE_BYTES * 2)
        kept.add(str(number), "twice")
    assert (len(kept), kept.taken) == (2, 4 * AVERAGE_BYTES)
    kept.add("large", "界" * AVERAGE_BYTES * 2)
    assert (len(kept), kept.taken) == (0, 0)


async def test_without_room_clients_are_told_that_it_is_not_supported(tmp_path: Path) -> None:
    async with running(tmp_path, persisted_queries=0) as service:
        for body in (named(hash_document(ME)), named(hash_document(ME), query=ME)):
            assert told(await service.post(body)) == ("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")


async def test_the_list_is_known_from_the_start_beside_every_other_document(lenient: Running) -> None:
    assert (await lenient.post(named(KNOWN[0].id), "viewer")).json()["data"] == {"me": {"name": "the.viewer"}}
    assert told(await lenient.post(named(KNOWN[0].id), None))[0] == "UNAUTHENTICATED"
    assert (await lenient.graphql(ME))["data"]


@pytest.mark.parametrize("accept", TRANSPORTS)
async def test_a_service_with_only_its_list_runs_it_and_refuses_the_rest_over_http(
    strict: Running, accept: str
) -> None:
    for body in (named(KNOWN[0].id), {"query": LISTED}, named(KNOWN[0].id, query="{ me { id } }")):
        answer = await strict.post(body, Accept=accept)
        assert '"the.operator"' in answer.text
    for body, code in (
        ({"query": ME}, "QUERY_NOT_IN_SAFELIST"),
        ({"query": "{"}, "QUERY_NOT_IN_SAFELIST"),
        ({"query": "{ __schema { types { name } } }"}, "QUERY_NOT_IN_SAFELIST"),
        (named(hash_document(ME), query=ME), "QUERY_NOT_IN_SAFELIST"),
        (named(hash_document(ME)), "PERSISTED_QUERY_NOT_IN_LIST"),
    ):
        answer = await strict.post(body, Accept=accept)
        assert told(answer)[0] == code
        assert "SSHCAST_OPERATIONS_ONLY" in told(answer)[1]


async def test_a_service_with_only_its_list_does_so_over_a_socket_too(strict: Running) -> None:
    async with strict.socket() as socket:
        for number, (payload, code) in enumerate(
            [({"query": ME}, "QUERY_NOT_IN_SAFELIST"), (named("nobody's"), "PERSISTED_QUERY_NOT_IN_LIST")]
        ):
            await socket.send(id=f"refused {number}", type="subscribe", payload=payload)
            message = await socket.receive()
            assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", code)
        await socket.send(id="listed", type="subscribe", payload=named(KNOWN[0].id))
        assert (await socket.receive())["payload"]["data"] == {"me": {"name": "the.operator"}}
        assert (await socket.receive())["type"] == "complete"


async def test_a_listed_subscription_runs_by_its_id(strict: Running) -> None:
    body = named("watch-1")
    assert told(await strict.post(body))[0] == "NOT_ACCEPTABLE"
    async with strict.http.stream(
        "POST", "/graphql", json=body, headers=strict.as_user("operator") | {"Accept": "text/event-stream"}
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
