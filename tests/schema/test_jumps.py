"""Jump servers over GraphQL: set, shown to those who may see them, and hidden from others with their names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db import executions
from db.values import Reason, Role, State
from resolvers.jumps import HIDDEN
from tests.support.listed_rows import execution_values
from tests.support.service import Running
from tests.support.targets import Target, openssh, running_sshd

pytestmark = pytest.mark.anyio
__all__ = ["openssh"]

CREATE = """mutation($i: CreateServerInput!) { createServer(input: $i) {
  server { id jumpServer { id name jumpServer { id } } } errors { code message field } } }"""
UPDATE = """mutation($i: UpdateServerInput!) { updateServer(input: $i) {
  server { jumpServer { name } } errors { code message field } } }"""
DELETE = """mutation($i: DeleteServerInput!) { deleteServer(input: $i) { errors { code message field } } }"""
SCAN = """mutation($i: ScanHostKeysInput!) { scanHostKeys(input: $i) {
  hostKeys { line } errors { code message field } } }"""
RUN = """mutation($i: RunCommandInput!) { runCommand(input: $i) {
  execution { state exitCode message } errors { message } } }"""


@pytest.fixture
def inner(tmp_path: Path) -> Iterator[Target]:
    folder = tmp_path / "inner"
    folder.mkdir()
    with running_sshd(folder) as target:
        yield target


async def create(api: Running, target: Target, name: str, **changes: Any) -> Any:
    usual = {
        "name": name,
        "host": target.host,
        "port": target.port,
        "username": target.username,
        "hostKeys": [target.host_key],
        "credential": {"privateKey": target.private_key},
    }
    made = (await api.data(CREATE, "admin", i=usual | changes))["createServer"]
    assert made["errors"] == []
    return made["server"]


async def test_a_server_is_scanned_added_and_run_on_through_another(
    live: Running, openssh: Target, inner: Target
) -> None:
    outer = await create(live, openssh, "outer")
    address = {"host": inner.host, "port": inner.port, "jumpServerId": outer["id"]}
    scanned = (await live.data(SCAN, "admin", i=address))["scanHostKeys"]
    assert scanned == {"hostKeys": [{"line": inner.host_key}], "errors": []}
    made = await create(live, inner, "inner", jumpServerId=outer["id"])
    assert made["jumpServer"] == {"id": outer["id"], "name": "outer", "jumpServer": None}
    wanted = {"serverId": made["id"], "command": "exit 3", "wait": 30}
    ran = (await live.data(RUN, i=wanted))["runCommand"]
    assert ran == {"execution": {"state": "FAILED", "exitCode": 3, "message": None}, "errors": []}
    (refused,) = (await live.data(DELETE, "admin", i={"id": outer["id"]}))["deleteServer"]["errors"]
    assert (refused["code"], refused["field"], "inner" in refused["message"]) == ("CONFLICT", ["id"], True)
    changed = (await live.data(UPDATE, "admin", i={"id": made["id"], "jumpServerId": None}))["updateServer"]
    assert changed == {"server": {"jumpServer": None}, "errors": []}


async def test_who_may_not_see_the_jump_server_gets_null_and_no_name_of_it(fresh: Running) -> None:
    usual = {"name": "behind", "host": "127.0.0.1", "username": "root", "hostKeys": fresh.server.host_keys}
    values = usual | {"credential": {"password": "a password"}, "jumpServerId": str(fresh.server.id)}
    behind = (await fresh.data(CREATE, "admin", i=values))["createServer"]["server"]
    user, store = fresh.users[Role.NONE], fresh.service.store
    grant = "mutation($i: GrantRoleInput!) { grantRole(input: $i) { errors { message } } }"
    await fresh.data(grant, "admin", i={"userId": str(user.id), "serverId": behind["id"], "role": "VIEWER"})
    message = f"Jump server {fresh.server.id} (a server): 127.0.0.1 refused the connection on port 1."
    ended = {"server_id": int(behind["id"]), "state": State.FAILED, "reason": Reason.UNREACHABLE, "message": message}
    row = await store.run(executions.insert, execution_values(fresh, 1, ended))
    query = "{ servers { nodes { name jumpServer { name } } } executions { nodes { message server { name } } } }"
    hidden = await fresh.data(query, "none")
    assert hidden["servers"]["nodes"] == [{"name": "behind", "jumpServer": None}]
    assert hidden["executions"]["nodes"] == [{"message": HIDDEN, "server": {"name": "behind"}}]
    path = f"/api/task/{row.id}/log"
    assert HIDDEN in (await fresh.ask("GET", path, "none")).text
    assert message in (await fresh.ask("GET", path, "viewer")).text
    seen = await fresh.data(query, "viewer")
    assert {"name": "behind", "jumpServer": {"name": "a server"}} in seen["servers"]["nodes"]
    assert [each["message"] for each in seen["executions"]["nodes"]] == [message]
