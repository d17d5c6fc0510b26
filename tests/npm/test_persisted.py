"""Apollo Client's own link for persisted queries, by hash and by the operator's list."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Commands
from tests.support.npm import node_modules, run_script
from tests.support.service import Running, running

__all__ = ["node_modules"]

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("node_modules")]
ME = {"me": {"__typename": "User", "name": "the.viewer"}}


async def run_client(service: Running, *more: str) -> dict[str, Any]:
    done = await asyncio.to_thread(run_script, "persisted.mjs", service.url, service.token("viewer"), *more)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_a_query_is_sent_once_and_named_by_its_hash_from_then_on(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        found = await run_client(service)
    by_id = ["GET", "id", 200]
    assert found == {"data": ME, "requests": [by_id, ["POST", "text", 200], by_id, by_id]}


async def test_a_service_without_room_gets_whole_documents(tmp_path: Path) -> None:
    async with running(tmp_path, persisted_queries=0) as service:
        found = await run_client(service)
    assert found["data"] == ME
    assert [kind for _, kind, _ in found["requests"]] == ["id", "text", "text", "text"]


async def test_a_query_of_the_list_is_only_named_and_brings_the_typenames(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "me.graphql").write_text("query Me { me { name } }")
    built = Commands(tmp_path / "data").within("operation", "build", str(tmp_path / "documents"), "--typenames")
    (tmp_path / "list.json").write_bytes(built.stdout)
    async with running(tmp_path, operations=tmp_path / "list.json", operations_only=True) as service:
        found = await run_client(service, str(tmp_path / "list.json"))
    assert found == {"data": ME, "requests": [["POST", "id", 200]] * 3}
