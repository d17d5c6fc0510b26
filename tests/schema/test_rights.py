"""What is not granted is seen in no field, filter, total, nested list, subscription or route, by whichever role."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from db import slots
from db.models import User
from db.values import Role
from schema.engine import Answer
from schema.node_ids import format_node_id
from tests.support import granted as world
from tests.support.granted import Granted, granted
from tests.support.listed_rows import add_executions, moment
from tests.support.root_fields import NODE_ID, document, root_fields
from tests.support.walking import Visited, documents, fields_of_objects

pytestmark = pytest.mark.anyio
__all__ = ["granted"]

# One line for each root field: what a user gets with each role granted on one server, there and on the other one.
MATRIX = Path(__file__).parent / "access_by_grant.txt"
HIDDEN = re.compile(r"veiled[\w. -]*|8800\d\d", re.IGNORECASE)
# A mistake repeats what was asked for.
ECHO = re.compile(r"There is no \w+ \d+, or you may not see it\.")
# Only mutations and subscriptions show these.
ELSEWHERE = re.compile(
    r"(\w+Payload|Tokens|Mutation|Subscription|(Fleet)?Output\w+|StateChange|ScheduleInvalid|SignInRefused"
    r"|CommandRefused|ServersRefused|RefusedServer|ObjectConflict|ServerUnreachable|OfferedHostKey"
    r"|ServerCheck|ServerCheckStep|CheckedHostKey)\."
)
COUNTED = """{ servers { totalCount } tasks { totalCount } executions { totalCount } scheduleLedger { totalCount }
  fleetRuns { totalCount } }"""
# Its subscriptions go on for as long as the fleet run does: test_fleet_rights.py.
OF_FLEET_RUNS = ("fleetRun", "cancelFleetRun", "retryFleetRun")
# What the `id` of a root field may name, as its own name tells.
NAMED = ("server", "task", "execution")


def text(answer: Answer) -> str:
    return ECHO.sub("", orjson.dumps(answer.body()).decode())


def canaries(found: str) -> set[str]:
    return {word.strip() for word in HIDDEN.findall(found)}


@pytest.mark.sampled(every=2)
async def test_no_field_shows_anything_of_a_server_that_is_not_granted(granted: Granted) -> None:
    visited: Visited = set()
    hidden = [world.SERVER, world.TASK, world.RUN, world.SLOT, world.USER, world.FLEET, world.SHARED]
    asked = list(documents(visited, hidden, "veiled"))
    for query in asked:
        for role, user in granted.users.items():
            answer = await granted.ask(user, query)
            codes = {str((error.extensions or {}).get("code")) for error in answer.errors}
            assert codes <= {"FORBIDDEN", "NOT_FOUND", "INVALID"}, (query, answer.errors)
            assert not canaries(text(answer)), (role, query)
    left_out = {name for name in fields_of_objects() - visited if not ELSEWHERE.match(name)}
    assert left_out == set()


@pytest.mark.sampled(every=2)
async def test_the_walk_sees_all_that_is_hidden_when_somebody_may_see_it(granted: Granted) -> None:
    asked = documents(set(), [world.SERVER, world.TASK, world.RUN, world.USER, world.FLEET], "veiled")
    found = {word for query in asked for word in canaries(text(await granted.ask(granted.api.users["admin"], query)))}
    ids = {str(id) for id in range(world.SERVER, world.FLEET + 1)}
    assert found >= ids | {"veiled server", "veiled.example", "veiled-tag", "veiled task", "veiled.user", "veiled"}


async def test_totals_count_what_is_seen(granted: Granted) -> None:
    for role, user in granted.users.items():
        data = (await granted.ask(user, COUNTED)).data
        assert data is not None
        assert {field["totalCount"] for field in data.values()} == {0 if role is Role.NONE else 1}, role


async def test_a_user_sees_their_role_on_a_server_and_their_own_grants_alone(granted: Granted) -> None:
    query = "{ me { role grants { role server { id } } } servers { nodes { viewerRole createdBy { grants { id } } } } }"
    for role, user in granted.users.items():
        data: Any = (await granted.ask(user, query)).data
        expected = [] if role is Role.NONE else [{"role": role.name, "server": {"id": "1"}}]
        assert data["me"] == {"role": "NONE", "grants": expected}
        assert [node["viewerRole"] for node in data["servers"]["nodes"]] == [each["role"] for each in expected]
        assert all(node["createdBy"]["grants"] is None for node in data["servers"]["nodes"])


@pytest.mark.sampled(every=2)
async def test_every_root_field_by_a_grant_is_as_in_the_matrix(granted: Granted) -> None:
    """`allowed/NOT_FOUND`: on the server of the grant, and on the other one."""
    lines = []
    for kind, name, field in root_fields():
        text = document(kind, name, field)
        words = [f"{role}={await outcomes(granted, user, text, name)}" for role, user in granted.users.items()]
        lines.append(f"{kind} {name}: {' '.join(words)}\n")
    assert "".join(sorted(lines)) == MATRIX.read_text()


async def outcomes(granted: Granted, user: User, text: str, name: str) -> str:
    there, elsewhere = await granted.fresh()
    queries = [with_ids(text, name, ids) for ids in (there, elsewhere)]
    if queries[0] == queries[1]:
        return await outcome(granted, user, text)
    return "/".join([await outcome(granted, user, query) for query in queries])


def with_ids(text: str, name: str, ids: dict[str, int]) -> str:
    """The document with the ids of these objects in place of those of none."""
    for kind, id in ids.items():
        text = text.replace(f'{kind}Id: "999999"', f'{kind}Id: "{id}"')
    if name in OF_FLEET_RUNS:
        return text.replace('id: "999999"', f'id: "{ids["fleetrun"]}"')
    text = text.replace(NODE_ID, f'"{format_node_id("Task", ids["task"])}"')
    own = next((kind for kind in NAMED if kind in name.lower()), None)
    return text if own is None else re.sub(r'\bid: "999999"', f'id: "{ids[own]}"', text)


async def outcome(granted: Granted, user: User, text: str) -> str:
    """The code of the first error, of either kind; `absent` for a null; else `allowed`."""
    if any(name in text for name in ("executionUpdates", "scheduleEvents", "subscription { events ")):
        return "watched"  # they go on for ever: tests/resolvers/test_rights.py
    answer = await granted.ask(user, text.replace("{ __typename }", f"{{ __typename {extra(text)} }}"))
    if answer.code is not None:
        return answer.code
    (found,) = (answer.data or {}).values()
    if found is None:
        return "absent"
    errors = found.get("errors") if isinstance(found, dict) else None
    return errors[0]["code"] if errors else "allowed"


def extra(text: str) -> str:
    """Payloads tell mistakes in their errors."""
    return "errors { code }" if text.startswith("mutation") or "checkCommand" in text else ""


async def test_what_has_moved_out_of_sight_is_a_number_and_nothing_more(granted: Granted) -> None:
    """A slot of the shown task whose run was on the hidden server, and a run here of a task that is there now."""
    moved = {"task_id": world.TASK, "server_id": granted.shown["server"]}
    (run,) = await add_executions(granted.api, 1, **moved)
    line = {"task_id": granted.shown["task"], "slot": moment(1), "outcome": "fired", "execution_id": world.MOVED}
    await granted.api.service.store.run(slots.record, [line | {"decided_at": moment(1)}])
    query = f"""{{ execution(id: "{run}") {{ taskId task {{ name }} }}
        scheduleLedger(first: 1) {{ nodes {{ executionId execution {{ id }} }} }} }}"""
    data: Any = (await granted.ask(granted.users[Role.ADMIN], query)).data
    assert data["execution"] == {"taskId": str(world.TASK), "task": None}
    assert data["scheduleLedger"]["nodes"] == [{"executionId": str(world.MOVED), "execution": None}]


ROUTES = [
    ("PUT", "/api/tasks/{task}", {"name": "renamed"}),
    ("DELETE", "/api/tasks/{task}", None),
    ("POST", "/api/tasks/{task}/execute", None),
    ("GET", "/api/tasks/{task}/executions", None),
    ("GET", "/api/task/{execution}/log", None),
    ("GET", "/api/task/{execution}/log?follow=true", None),
    ("GET", "/api/task/{execution}/log?wait=1", None),
    ("POST", "/api/tasks", {"name": "x", "command": "df", "server_id": "{server}", "cron_expr": "@manual"}),
]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.ADMIN])
async def test_no_route_tells_what_is_hidden_from_what_is_not_there(granted: Granted, role: Role) -> None:
    token = granted.api.service.tokens.access(granted.users[role])
    headers = {"Authorization": f"Bearer {token}"}
    listed = await granted.api.http.get("/api/tasks", headers=headers)
    assert (listed.json()["total"], canaries(listed.text)) == (1, set())
    for method, path, body in ROUTES:
        told = []
        for ids in (granted.hidden, dict.fromkeys(granted.hidden, 999_999)):
            given = None if body is None else body | ({"server_id": ids["server"]} if "server_id" in body else {})
            answer = await granted.api.http.request(method, path.format(**ids), headers=headers, json=given)
            told.append((answer.status_code, re.sub(r"\d{6}", "ID", answer.text)))
        assert told[0] == told[1]
        changes = method != "GET" and role is Role.VIEWER
        assert told[0][0] == (403 if changes else 404), (method, path)
