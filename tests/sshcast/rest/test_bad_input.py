"""Bad input for every field of every route: a 400 that names the field, and nothing done."""

import json
from typing import Any

import pytest

from tests.support.rest import Face

pytestmark = pytest.mark.anyio

STRINGS: tuple[Any, ...] = (None, 7, True, 1.5, [], {}, ["a"])
BAD_NAMES = (*STRINGS, "", " ", "\t", "n" * 101, "名" * 101, "a\nb", "a\0b", "a\x1bb", "a\u2028b", "\ud800")
BAD_COMMANDS = (*STRINGS, "", " ", "\n", "a\0b", "c" * 65_537, "名" * 21_846, "\udfff")
BAD_CRONS = (
    *STRINGS,
    "",
    " ",
    "* * * *",
    "60 * * * *",
    "* * 30 2 *",
    "@never",
    "nonsense",
    "0" * 51,
    ",".join(map(str, range(17))) + " 10 10 *  *",
    "*/5 * * * *\n",
    "\ud800",
)


class Json(str):
    """JSON as it stands."""


IDS = (0, -1, 2**63, 10**30, Json("-1" + "0" * 5000), 1.0, Json("1e999"), "1", "", True, False, None, [1], {"id": 1})
BAD_STATUS: tuple[Any, ...] = (-1, 2, 2**64, True, False, 1.0, "1", None, [])
FIELDS = {"name": BAD_NAMES, "command": BAD_COMMANDS, "server_id": IDS, "cron_expr": BAD_CRONS}
BODIES = [(field, value) for field, values in FIELDS.items() for value in values]

PATH_IDS = ("0", "-1", "9223372036854775808", "1" * 40, "1.0", "abc", "%20", "1%00", "1e3", "+1", "%D9%A3", "0x1")
PAGES = ("0", "-1", "1000001", "9" * 30, "1.5", "a", " ", "1;2", "true")
SIZES = ("0", "-1", "101", "9" * 30, "1.5", "a", " ")
TIMES = (
    "yesterday",
    "2026-11-24",
    "2026-11-24T10:00:00",
    "20261124T100000Z",
    "2026-W48-2T10:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-11-24T25:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "-1",
    "1.5",
    "9" * 12,
    "٣",
    " ",
)
QUERIES = {
    "page": PAGES,
    "page_size": SIZES,
    "server_id": ("0", "-1", "9223372036854775808", "1" * 5000, "a", "1.0", "true", " 1"),
    "created_by": ("0", "-1", "9223372036854775808", "a", "1.0"),
    "status": ("2", "-1", "true", "enabled", "1.0"),
    "start_time": TIMES,
    "end_time": TIMES,
    "name": ("n" * 101, "a\0b", "a\nb"),
    "sort": ("id", ""),
    "Page": ("1",),
}
LOG_QUERIES = {
    "follow": ("yes", "TRUE", "2"),
    "wait": ("-1", "61", "1.5", "a", "9" * 30),
    "tail": ("-1", "x", "1.5", "2147483648", "9" * 40),
    "cursor": ("o", "x1", "o-1", "o1.5", "5", "o" + "9" * 20, "o" + "9" * 19, "o1", "o9223372036854775807", "%00"),
    "stream": ("both", "STDOUT", "stderr,stdout"),
    "encoding": ("latin-1", "BASE64"),
    "access_token": ("x",),
}


def assert_names(answer: Any, field: str) -> None:
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert set(body) == {"code", "message", "error", "field"}
    assert body["code"] == 400
    assert body["field"] == field
    assert field in body["message"] or body["error"] == "SCHEDULE_INVALID"
    assert len(body["message"]) < 300


def written(found: Any) -> str:
    if isinstance(found, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{written(value)}" for name, value in found.items()) + "}"
    return found if isinstance(found, Json) else json.dumps(found)


def brief(value: Any) -> str:
    return ascii(value)[:24]


async def send(rest: Face, method: str, path: str, found: Any) -> Any:
    return await rest.ask(method, path, content=written(found), headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(("field", "value"), BODIES, ids=brief)
async def test_create_names_the_field_that_is_wrong(rest: Face, field: str, value: Any) -> None:
    wanted = {"name": "never kept: bad input", "command": "df", "server_id": rest.server.id, "cron_expr": "@once"}
    assert_names(await send(rest, "POST", "/api/tasks", wanted | {field: value}), field)
    assert (await rest.ask("GET", "/api/tasks", params={"name": "never kept: bad input"})).json()["total"] == 0


@pytest.fixture(scope="module")
async def task_id(rest: Face) -> int:
    """A task that every refused change leaves as it was."""
    return int((await rest.create(name="as it was"))["id"])


@pytest.mark.parametrize(("field", "value"), [*BODIES, *(("status", value) for value in BAD_STATUS)], ids=brief)
async def test_update_names_the_field_that_is_wrong(rest: Face, task_id: int, field: str, value: Any) -> None:
    assert_names(await send(rest, "PUT", f"/api/tasks/{task_id}", {"name": "changed"} | {field: value}), field)
    assert (await rest.ask("GET", "/api/tasks", params={"name": "as it was"})).json()["total"] == 1


@pytest.mark.parametrize(
    "field", ["id", "status", "enabled", "created_by", "timeout_seconds", "env", "Name", "", "__class__"]
)
async def test_create_takes_no_other_field(rest: Face, field: str) -> None:
    wanted = {"name": "a", "command": "df", "server_id": rest.server.id, "cron_expr": "@once", field: 1}
    assert_names(await rest.ask("POST", "/api/tasks", json=wanted), field or '""')


@pytest.mark.parametrize("field", ["id", "created_by", "next_run", "execution_id", "x" * 100])
async def test_update_takes_no_other_field(rest: Face, task_id: int, field: str) -> None:
    assert_names(await rest.ask("PUT", f"/api/tasks/{task_id}", json={field: 1}), field)


async def test_an_unknown_name_is_repeated_only_as_far_as_it_is_harmless(rest: Face, task_id: int) -> None:
    answer = await send(rest, "PUT", f"/api/tasks/{task_id}", {"\ud800" + "x" * 200: 1})
    assert_names(answer, "?" + "x" * 99)


@pytest.mark.parametrize("id", PATH_IDS, ids=brief)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/tasks/{}"),
        ("DELETE", "/api/tasks/{}"),
        ("POST", "/api/tasks/{}/execute"),
        ("GET", "/api/tasks/{}/executions"),
        ("GET", "/api/task/{}/log"),
    ],
)
async def test_every_route_with_an_id_names_it_when_it_is_wrong(rest: Face, method: str, path: str, id: str) -> None:
    body: dict[str, Any] = {"json": {}} if method == "PUT" else {}
    assert_names(await rest.ask(method, path.format(id), **body), "id")


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in QUERIES.items() for value in values], ids=brief
)
async def test_the_list_names_the_parameter_that_is_wrong(rest: Face, field: str, value: str) -> None:
    assert_names(await rest.ask("GET", "/api/tasks", params={field: value}), field)


@pytest.mark.parametrize(
    ("field", "value"),
    [*(("page", value) for value in PAGES), *(("page_size", value) for value in SIZES), ("name", "a"), ("status", "1")],
    ids=brief,
)
async def test_the_executions_name_the_parameter_that_is_wrong(
    rest: Face, task_id: int, field: str, value: str
) -> None:
    assert_names(await rest.ask("GET", f"/api/tasks/{task_id}/executions", params={field: value}), field)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "application/x-ndjson"])
@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in LOG_QUERIES.items() for value in values], ids=brief
)
async def test_the_log_names_the_parameter_that_is_wrong(rest: Face, field: str, value: str, accept: str) -> None:
    run = await rest.run()
    assert_names(await rest.ask("GET", run.path, params={field: value}, headers={"Accept": accept}), field)


async def test_a_last_event_id_that_is_no_cursor_is_named(rest: Face) -> None:
    run = await rest.run()
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "42"}
    assert_names(await rest.ask("GET", run.path, headers=headers), "cursor")


async def test_a_parameter_given_twice_is_named(rest: Face) -> None:
    assert_names(await rest.ask("GET", "/api/tasks?page=1&page=2"), "page")


@pytest.mark.parametrize(
    ("path", "field", "longest"),
    [
        ("/api/auth/login", "username", 64),
        ("/api/auth/login", "password", 1024),
        ("/api/auth/refresh", "refresh_token", 4096),
        ("/api/auth/link", "code", 128),
    ],
)
async def test_the_sign_in_routes_name_the_field_that_is_wrong(rest: Face, path: str, field: str, longest: int) -> None:
    good = {"username": "a", "password": "b"} if path.endswith("login") else {}
    for value in (*STRINGS, "", "x" * (longest + 1), "\ud800"):
        assert_names(await send(rest, "POST", path, good | {field: value}), field)
    assert_names(await send(rest, "POST", path, {name: good[name] for name in good if name != field}), field)
    assert_names(await send(rest, "POST", path, good | {field: "x", "role": "admin"}), "role")


@pytest.mark.parametrize("path", ["/api/tasks/{}/execute", "/api/auth/logout"])
async def test_routes_without_fields_take_none(rest: Face, task_id: int, path: str) -> None:
    assert_names(await rest.ask("POST", path.format(task_id), json={"force": True}), "force")


async def test_the_profile_takes_no_parameters(rest: Face) -> None:
    assert_names(await rest.ask("GET", "/api/auth/profile", params={"id": "1"}), "id")
