"""GET /api/tasks: pages, filters, order."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from db import tasks
from tests.support.rest import Face, face_of, opened
from tests.support.rest_tasks import TASK_FIELDS

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
UNIX_NOON = int(NOON.timestamp())
NAMES = ("backup of db", "Backup of logs", "100% done", "under_score", "underXscore", "磁盘检查 Ä")


@pytest.fixture(scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Face]:
    """A service with NAMES for tasks: the n-th ran n minutes after noon, but for the last, which never ran."""
    folder = tmp_path_factory.mktemp("list")
    async with opened(folder) as service, face_of(service, folder) as found:
        for number, name in enumerate(NAMES):
            id = (await found.create(name=name))["id"]
            ran = NOON.replace(minute=number, microsecond=250_000)
            values: dict[str, Any] = {"last_run": ran if name != NAMES[-1] else None, "enabled": number % 2 == 0}
            await service.store.run(
                tasks.update, id, values | {"created_by": found.users["admin"].id} if number == 4 else values
            )
        yield found


async def names(face: Face, **params: Any) -> list[str]:
    answer = await face.ask("GET", "/api/tasks", "viewer", params=params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["total"] == len(body["list"])
    return [item["name"] for item in body["list"]][::-1]


async def test_an_empty_list_is_a_list(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("empty")
    async with opened(folder) as service, face_of(service, folder) as face:
        answer = await face.ask("GET", "/api/tasks")
    assert answer.content == b'{"list":[],"total":0,"page":1,"page_size":10}'


async def test_the_page_has_these_keys_and_no_others(kept: Face) -> None:
    body = (await kept.ask("GET", "/api/tasks")).json()
    assert set(body) == {"list", "total", "page", "page_size"}
    assert all(set(item) == TASK_FIELDS for item in body["list"])
    assert (body["total"], body["page"], body["page_size"]) == (len(NAMES), 1, 10)


async def test_times_are_null_where_there_is_none(kept: Face) -> None:
    newest = (await kept.ask("GET", "/api/tasks")).json()["list"][0]
    assert newest["last_run"] is None
    assert newest["next_run"] is None


async def test_the_newest_task_comes_first_and_pages_share_nothing(kept: Face) -> None:
    pages = [(await kept.ask("GET", "/api/tasks", params={"page": page, "page_size": 4})).json() for page in (1, 2, 3)]
    assert [[item["name"] for item in page["list"]] for page in pages] == [
        list(NAMES[:1:-1]),
        list(NAMES[1::-1]),
        [],
    ]
    assert [(page["total"], page["page"], page["page_size"]) for page in pages] == [(6, 1, 4), (6, 2, 4), (6, 3, 4)]


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"name": "backup"}, NAMES[:2]),
        ({"name": "BACKUP OF"}, NAMES[:2]),
        ({"name": "%"}, NAMES[2:3]),
        ({"name": "0%"}, NAMES[2:3]),
        ({"name": "_"}, NAMES[3:4]),
        ({"name": "磁盘"}, NAMES[5:]),
        ({"name": "ä"}, NAMES[5:]),
        ({"name": " "}, (*NAMES[:3], NAMES[5])),
        ({"name": "'; DROP TABLE tasks; --"}, ()),
        ({"name": "\\"}, ()),
        ({"status": "1"}, NAMES[::2]),
        ({"status": "0"}, NAMES[1::2]),
        ({"server_id": "1"}, NAMES),
        ({"server_id": "2"}, ()),
        ({"server_id": "9223372036854775807"}, ()),
        ({"created_by": "admin"}, NAMES[4:5]),
        ({"created_by": "operator"}, (*NAMES[:4], NAMES[5])),
        ({"start_time": "2026-11-24T12:03:00Z"}, NAMES[3:5]),
        ({"start_time": "2026-11-24T12:03:00.250000Z"}, NAMES[3:5]),
        ({"start_time": "2026-11-24T12:03:00.250001Z"}, NAMES[4:5]),
        ({"end_time": "2026-11-24T12:01:00.25Z"}, NAMES[:2]),
        ({"end_time": "2026-11-24T12:01:00.249999Z"}, NAMES[:1]),
        ({"start_time": "2026-11-24T20:03:00+08:00"}, NAMES[3:5]),
        ({"start_time": "2026-11-24t12:03:00z"}, NAMES[3:5]),
        ({"start_time": str(UNIX_NOON + 180)}, NAMES[3:5]),
        ({"end_time": str(UNIX_NOON + 60)}, NAMES[:2]),
        ({"start_time": str(UNIX_NOON + 60), "end_time": str(UNIX_NOON + 60)}, NAMES[1:2]),
        ({"start_time": str(UNIX_NOON + 61), "end_time": str(UNIX_NOON)}, ()),
        ({"start_time": "0001-01-01T00:00:00Z"}, NAMES[:5]),
        ({"name": "backup", "status": "1"}, NAMES[:1]),
        ({"name": "under", "status": "1", "created_by": "admin"}, NAMES[4:5]),
        ({"name": "under", "status": "0", "created_by": "admin"}, ()),
        (
            {
                "name": "o",
                "status": "0",
                "server_id": "1",
                "created_by": "operator",
                "start_time": str(UNIX_NOON),
                "end_time": "2026-11-24T12:02:59Z",
            },
            NAMES[1:2],
        ),
        ({"name": "", "status": "", "server_id": "", "created_by": "", "start_time": "", "end_time": ""}, NAMES),
        ({"page": "", "page_size": ""}, NAMES),
    ],
)
async def test_filters_alone_and_together(kept: Face, filter: dict[str, str], found: tuple[str, ...]) -> None:
    if filter.get("created_by"):
        filter = filter | {"created_by": str(kept.users[filter["created_by"]].id)}
    assert await names(kept, **filter) == list(found)


async def test_a_plus_that_was_not_escaped_in_a_time_zone_is_understood(kept: Face) -> None:
    answer = await kept.ask("GET", "/api/tasks?start_time=2026-11-24T20:04:00+08:00")
    assert [item["name"] for item in answer.json()["list"]] == [NAMES[4]]


async def test_a_deleted_task_is_in_no_list(kept: Face) -> None:
    id = (await kept.create(name="soon gone"))["id"]
    assert await names(kept, name="soon gone") == ["soon gone"]
    await kept.ask("DELETE", f"/api/tasks/{id}")
    assert await names(kept, name="soon gone") == []
