"""GET /api/servers: the servers that the caller may see, without anything of their credentials."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from db import servers, users
from db.models import Server
from db.values import Role
from resolvers import grants
from tests.support.rest import Face, face_of, opened

pytestmark = pytest.mark.anyio

FIELDS = {
    *("id", "name", "host", "port", "username", "tags", "max_parallel", "status", "jump_server_id"),
    *("created_by", "created_at", "updated_at"),
}
NAMES = ("web-1", "web-2", "db_1")


@pytest.fixture(scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Face]:
    """A service with a server for each of NAMES beside the first: each is reached through the one before it."""
    folder = tmp_path_factory.mktemp("servers")
    async with opened(folder) as service, face_of(service, folder) as face:
        before = face.server
        for name in NAMES:
            values = {column: getattr(before, column) for column in Server.model_fields if column != "id"}
            values |= {"name": name, "tags": [name[:2]], "jump_server_id": before.id, "enabled": name != "web-2"}
            values.pop("name_folded")
            before = await service.store.run(servers.insert, values)
        yield face


async def ask(face: Face, role: str = "viewer", **params: Any) -> dict[str, Any]:
    answer = await face.ask("GET", "/api/servers", role, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_page_has_the_keys_of_every_list_and_no_credential(kept: Face) -> None:
    answer = await kept.ask("GET", "/api/servers", "viewer")
    body = answer.json()
    assert set(body) == {"list", "total", "page", "page_size"}
    assert (body["total"], body["page"], body["page_size"]) == (4, 1, 10)
    assert [each["name"] for each in body["list"]] == [*NAMES[::-1], "a server"]
    assert all(set(each) == FIELDS for each in body["list"])
    assert not any(word in answer.text for word in ("credential", "PRIVATE", "host_keys", "password"))


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"name": "WEB"}, ["web-2", "web-1"]),
        ({"name": "_"}, ["db_1"]),
        ({"tag": "we"}, ["web-2", "web-1"]),
        ({"tag": "w"}, []),
        ({"status": "0"}, ["web-2"]),
        ({"name": "web", "status": "1"}, ["web-1"]),
        ({"page": "2", "page_size": "3"}, ["a server"]),
        ({"name": "", "tag": "", "status": ""}, [*NAMES[::-1], "a server"]),
    ],
)
async def test_filters_and_pages(kept: Face, params: dict[str, str], names: list[str]) -> None:
    assert [each["name"] for each in (await ask(kept, **params))["list"]] == names


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "2"), ("tag", "a b"), ("tag", "x" * 65), ("name", "n" * 101), ("page", "0"), ("page_size", "101")],
)
async def test_a_wrong_value_is_named(kept: Face, name: str, value: str) -> None:
    answer = await kept.ask("GET", "/api/servers", "viewer", params={name: value})
    assert (answer.status_code, answer.json()["field"]) == (400, name)


async def test_a_user_with_a_grant_sees_that_server_and_not_the_one_it_is_reached_through(kept: Face) -> None:
    service, shown = kept.service, (await ask(kept, name="web-2"))["list"][0]
    assert shown["jump_server_id"] == (await ask(kept, name="web-1"))["list"][0]["id"]
    hash = kept.users["viewer"].password_hash
    user = await service.store.run(
        users.insert, name="granted.one", password_hash=hash, role=Role.NONE, at=service.clock()
    )
    kept.users["granted"] = user
    await grants.give_locally(service, user.id, shown["id"], None, Role.VIEWER)
    body = await ask(kept, "granted")
    assert (body["total"], [each["id"] for each in body["list"]]) == (1, [shown["id"]])
    assert body["list"][0]["jump_server_id"] is None


async def test_nobody_sees_servers_without_signing_in(kept: Face) -> None:
    answer = await kept.ask("GET", "/api/servers", None)
    assert (answer.status_code, answer.json()["error"]) == (401, "UNAUTHENTICATED")
