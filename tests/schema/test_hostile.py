"""Hostile documents are answered, each in the right words and with little work, over HTTP and over WebSocket."""

import asyncio
import threading
from typing import Any

import pytest

from schema.build import build_schema
from schema.documents import LONGEST_TEXT, DocumentRefused, Documents
from schema.engine import SHORT_TEXT
from schema.errors import TooComplex
from schema.limits import Limits
from sshcast.graphql.requests import JSON
from tests.support.hostile import CASES, Hostile
from tests.support.service import Running
from tests.support.work import calls

pytestmark = pytest.mark.anyio

SCHEMA = build_schema()._schema
# Calls of Python functions for one document: about 50 ms of work. The longest take half of it.
MOST_CALLS = 250_000
LONGEST_ANSWER = 32_768
WHOLE_SCHEMA = "the tools' introspection"
MESSAGE_BYTES = 60_000


async def answer(api: Running, case: Hostile, role: str | None) -> Any:
    headers = {"content-type": JSON} | case.headers
    return await api.ask("POST", "/graphql", role, content=case.content, headers=headers)


def code_of(body: dict[str, Any]) -> str | None:
    return body["errors"][0]["extensions"]["code"] if body.get("errors") else None


def test_there_are_more_than_a_hundred_and_each_has_a_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 100


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_is_answered_in_the_right_words(api: Running, case: Hostile) -> None:
    found = await answer(api, case, "operator")
    assert found.status_code in (200, 400, 406, 413, 415)
    assert code_of(found.json()) == case.code, found.text[:500]
    assert len(found.content) < LONGEST_ANSWER or case.name == WHOLE_SCHEMA


async def test_a_stranger_is_answered_too_and_learns_nothing(api: Running) -> None:
    for case in CASES:
        found = await answer(api, case, None)
        assert found.status_code in (200, 400, 401, 406, 413, 415), case.name
        assert "Did you mean" not in found.text, case.name
        assert len(found.content) < LONGEST_ANSWER, case.name
        assert "errors" in found.json() or found.json()["data"] == {"__typename": "Query"} or case.code is None


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("case", [case for case in CASES if case.query], ids=lambda case: case.name)
def test_preparing_it_takes_little_work(case: Hostile) -> None:
    made = Documents(SCHEMA, Limits())
    assert calls(lambda: made.get(str(case.query), hide_suggestions=False), DocumentRefused, TooComplex) < MOST_CALLS


async def test_a_long_new_text_is_prepared_beside_what_everybody_else_does(
    api: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    prepare = Documents.prepare

    def noted(self: Documents, text: str, *, hide_suggestions: bool) -> Any:
        threads.append(threading.get_ident())
        return prepare(self, text, hide_suggestions=hide_suggestions)

    monkeypatch.setattr(Documents, "prepare", noted)
    for number in range(2):
        await api.data("{ __typename }" + "#" * (SHORT_TEXT + number))
        await api.data("{ __typename }" + "#" * (SHORT_TEXT + number))
    await api.data("{ __typename } # short")
    assert [thread == threading.get_ident() for thread in threads] == [False, False, True]


def test_a_text_beyond_the_limit_is_not_even_read() -> None:
    with pytest.raises(TooComplex, match="characters"):
        Documents(SCHEMA, Limits()).get("#" * LONGEST_TEXT + "\n", hide_suggestions=True)


def fits_a_socket(case: Hostile) -> bool:
    """A message with too many values, or too long a one, is none; and a subscription is at home there."""
    if case.query is None or len(case.content) > MESSAGE_BYTES or "extensions" in case.body:
        return False
    return case.code != "NOT_ACCEPTABLE" and not (case.code == "INVALID" and len(case.content) > 10_000)


async def test_a_socket_outlives_all_of_them(api: Running) -> None:
    async with api.socket("operator") as socket, asyncio.timeout(60):
        for number, case in enumerate(filter(fits_a_socket, CASES)):
            await socket.send(id=f"case {number}", type="subscribe", payload=case.body)
            message = await socket.receive()
            assert message["id"] == f"case {number}", (case.name, message)
            if message["type"] == "error":
                assert message["payload"][0]["extensions"]["code"] == case.code, case.name
            else:
                assert code_of(message["payload"]) == case.code, case.name
                assert (await socket.receive())["type"] == "complete", case.name
        (found,) = [payload async for payload in socket.follow("{ __typename }")]
        assert found["data"] == {"__typename": "Query"}
