"""Who may use which field: every root field of the schema, with nobody signed in and with each role."""

from pathlib import Path
from typing import Any

import pytest

from db.values import Role
from tests.support.root_fields import document, root_fields
from tests.support.service import Running

pytestmark = pytest.mark.anyio

# One line for each root field, as this test finds it; a new field fails until its line says who may use it.
MATRIX = Path(__file__).parent / "access.txt"
CALLERS = (None, *Role)
# These go on for ever, for those who may watch them.
ENDLESS = {
    "executionUpdates": Role.NONE,
    "scheduleEvents": Role.NONE,
    "subscription { events ": Role.NONE,
    "auditTrail": Role.ADMIN,
}


async def outcome(api: Running, caller: Role | None, text: str) -> str:
    """UNAUTHENTICATED, FORBIDDEN, or allowed: what else may be wrong is none of this test's business."""
    headers = (api.as_user(caller) if caller else {}) | {"Accept": "text/event-stream, application/json"}
    async with api.http.stream("POST", "/graphql", json={"query": text}, headers=headers) as answer:
        if answer.status_code == 401:
            return "UNAUTHENTICATED"
        if any(name in text and caller and caller.rank >= role.rank for name, role in ENDLESS.items()):
            return "allowed"
        body = (await answer.aread()).decode()
    return next((code for code in ("UNAUTHENTICATED", "FORBIDDEN") if f'"code":"{code}"' in body), "allowed")


@pytest.mark.parametrize("fresh", [True, False], ids=["by plans", "by graphql-core"], indirect=True)
async def test_every_root_field_is_open_to_those_in_the_matrix_and_to_nobody_else(fresh: Running) -> None:
    found: dict[str, list[str]] = {}
    for caller in CALLERS:
        for kind, name, field in root_fields():
            word = await outcome(fresh, caller, document(kind, name, field))
            found.setdefault(f"{kind} {name}", []).append(f"{caller or 'nobody'}={word}")
    lines = "".join(f"{name}: {' '.join(words)}\n" for name, words in sorted(found.items()))
    assert lines == MATRIX.read_text()


@pytest.mark.parametrize(
    "text",
    [
        "{ __schema { types { name } } }",
        '{ __type(name: "User") { name } }',
        "{ __typename me { name } }",
        "query { ...F } fragment F on Query { me { name } }",
        "{ ... on Query { tasks { totalCount } } }",
        'mutation { login(input: {username: "a", password: "b"}) { errors { code } } logout { errors { code } } }',
        "subscription { executionUpdates { id } }",
    ],
)
async def test_nobody_reads_anything_without_signing_in(api: Running, text: str) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Accept": "text/event-stream"}):
        answer = await api.post({"query": text}, None, **headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_a_stale_token_is_refused_wherever_it_is_not_for_signing_in(api: Running) -> None:
    stale = {"Authorization": f"Bearer {api.service.tokens.access(api.users['viewer'], seconds=-60)}"}
    for text in ("{ me { name } }", "{ __typename }"):
        assert (await api.post({"query": text}, None, **stale)).status_code == 401
    login = 'mutation { login(input: {username: "x", password: "y"}) { errors { code } } }'
    assert (await api.post({"query": login}, None, **stale)).status_code == 200
    assert (await api.post({"query": "{ __typename }"}, None)).status_code == 200


async def test_suggestions_are_for_those_who_have_signed_in(api: Running) -> None:
    query = "{ me { nam } }"
    assert "Did you mean" in (await api.graphql(query, "viewer"))["errors"][0]["message"]
    assert "Did you mean" not in (await api.graphql(query, None))["errors"][0]["message"]
    variables = {"query": "mutation($i: LoginInput!) { login(input: $i) { errors { code } } }"}
    for role, hidden in (("viewer", False), (None, True)):
        answer = await api.post(variables | {"variables": {"i": {"usernam": "x", "password": "y"}}}, role)
        assert ("Did you mean" in answer.text) is not hidden


@pytest.mark.parametrize("change", [{"disabled": True}, {"token_version": 7}])
async def test_a_user_who_was_disabled_or_signed_out_is_nobody_at_once(fresh: Running, change: dict[str, Any]) -> None:
    assert (await fresh.post({"query": "{ me { name } }"}, "admin")).status_code == 200
    await fresh.change_user("admin", **change)
    assert (await fresh.post({"query": "{ me { name } }"}, "admin")).status_code == 401


async def test_a_demoted_user_has_the_new_role_at_once(fresh: Running) -> None:
    token = fresh.as_user("admin")
    await fresh.change_user("admin", role=Role.VIEWER)
    mutation = 'mutation { deleteTask(input: {id: "1"}) { task { id } } }'
    body = (await fresh.post({"query": mutation}, None, **token)).json()
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"
