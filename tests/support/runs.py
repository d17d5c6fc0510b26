"""Rows that tests need, written as the resolvers would."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Connection

from db import claims, executions, output, servers, users
from db import stdin as stdins
from db.models import TaskExecution
from db.store import Store
from db.values import Mode, Role, Trigger
from runner.secrets import bindings
from runner.secrets.vault import Vault
from tests.support.targets import Target

VAULT = Vault({"1": bytes(32)}, "1")


def now() -> datetime:
    return datetime.now(UTC)


async def user(store: Store, name: str = "ada") -> int:
    """The id of the user called `name`, made if there is none."""
    known = await store.read(users.by_name, name)
    if known is not None:
        return known.id
    made = await store.run(users.insert, name=name, password_hash="x", role=Role.OPERATOR, at=now())
    return made.id


def sealed(target: Target, server_id: int, vault: Vault = VAULT) -> bytes:
    secret = {"kind": "key", "secret": target.private_key, "passphrase": None, "certificate": None}
    return vault.seal(orjson.dumps(secret), table="servers", row=str(server_id), field="credential")


async def server(store: Store, target: Target, *, vault: Vault = VAULT, **changes: Any) -> int:
    """The id of a new server's row for `target`."""
    values: dict[str, Any] = {
        "name": f"{target.name} {now().timestamp()}",
        "host": target.host,
        "port": target.port,
        "username": target.username,
        "host_keys": [target.host_key],
        "credential_kind": "key",
        "credential": b"",
        "tags": [],
        "max_parallel": 20,
        "run_mode": Mode.ATTACHED,
        "enabled": True,
        "created_by": await user(store),
        "created_at": now(),
        "updated_at": now(),
    }
    row = await store.run(servers.insert, values | changes)
    if "credential" not in changes:
        await store.run(servers.update, row.id, {"credential": sealed(target, row.id, vault)})
    return row.id


async def pending(
    store: Store, server_id: int, command: str = "true", own: Mapping[str, str] | None = None, **changes: Any
) -> int:
    """The id of a new pending execution, with these secret variables of its own, and `stdin` if that is given."""
    stdin: bytes | None = changes.pop("stdin", None)
    values: dict[str, Any] = {
        "task_id": None,
        "server_id": server_id,
        "command": command,
        "env": {},
        "working_dir": None,
        "timeout_seconds": 30,
        "output_limit": 100_000_000,
        "trigger": Trigger.API,
        "created_at": now(),
        "created_by": await user(store),
    }
    if stdin is not None:
        values |= {"stdin_bytes": len(stdin), "stdin_sha256": sha256(stdin).hexdigest()}
    return await store.run(inserted, values | changes, own or {}, stdin or b"")


def inserted(conn: Connection, values: dict[str, Any], own: Mapping[str, str], stdin: bytes) -> int:
    row = executions.insert(conn, values)
    if stdin:
        stdins.insert_sealed(conn, row.id, VAULT.seal(stdin, **bindings.build_stdin_binding(row.id)))
    places = {name: bindings.build_value_binding("task_executions", row.id, name) for name in own}
    sealed = {name: b64encode(VAULT.seal(own[name].encode(), **places[name])).decode() for name in own}
    assert not own or executions.store_sealed(conn, row.id, {"sealed_env": sealed})
    return row.id


async def claimed(store: Store, server_id: int, **changes: Any) -> TaskExecution:
    """A running execution of the runner `runner-1`."""
    await pending(store, server_id, **changes)
    (row,) = await store.run(claims.claim, runner_id="runner-1", at=now(), limit=1)
    return row


async def stored(store: Store, execution_id: int) -> tuple[bytes, bytes]:
    """Stored stdout and stderr; positions and offsets must be without gap."""
    streams = {"stdout": bytearray(), "stderr": bytearray()}
    position = 0
    while chunks := await store.read(output.list_after, execution_id, position):
        for chunk in chunks:
            assert (chunk.position, chunk.stream_offset) == (position, len(streams[chunk.stream]))
            streams[chunk.stream] += bytes(chunk.data)
            position += chunk.size
    return bytes(streams["stdout"]), bytes(streams["stderr"])
