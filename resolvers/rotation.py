"""Sealing every stored secret with the current master key, while the service runs."""

import base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db import executions, secrets, servers, tasks
from db.models import Server, Task, TaskExecution
from db.secret_models import RegisteredSecret
from resolvers.context import Service
from runner import run_secrets
from runner.vault import Vault

BATCH = 100

Place = dict[str, str]
"""The table, row and field that a sealed secret is bound to: see `runner.vault`."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many rows were looked at by now, and how many secrets in them were sealed anew."""

    seen: int
    sealed: int


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows that hold secrets: those `after` an id, in order, and what seals one anew and counts what it sealed."""

    after: Callable[[Connection, int, int], Sequence[Any]]
    rewrap: Callable[[Connection, Any, Vault], int]


async def rewrap(service: Service) -> AsyncIterator[Progress]:
    """Go over all kinds, a batch a transaction. Cut off anywhere, it goes on where it is run again."""
    seen, sealed = 0, 0
    for kind in KINDS:
        last = 0
        while batch := await service.store.read(kind.after, last, BATCH):
            sealed += await service.store.run(rewrap_batch, kind, batch, service.vault)
            seen += len(batch)
            last = batch[-1].id
            yield Progress(seen, sealed)


def rewrap_batch(conn: Connection, kind: Kind, batch: Sequence[Any], vault: Vault) -> int:
    return sum(kind.rewrap(conn, row, vault) for row in batch)


def rewrap_server(conn: Connection, server: Server, vault: Vault) -> int:
    """One that was changed meanwhile is under the current key already; so it is with all of them."""
    place = {"table": "servers", "row": str(server.id), "field": "credential"}
    new = rewrapped(vault, server.credential, place)
    return 0 if new is None else servers.replace_credential(conn, server.id, server.credential, new)


def rewrap_registered(conn: Connection, secret: RegisteredSecret, vault: Vault) -> int:
    new = rewrapped(vault, secret.value, run_secrets.place_of_registered(secret.id))
    return 0 if new is None else secrets.replace_value(conn, secret.id, secret.value, new)


def rewrap_task(conn: Connection, task: Task, vault: Vault) -> int:
    new = rewrapped_values(vault, task.sealed_env, "tasks", task.id)
    return len(new) if new and tasks.replace_sealed(conn, task.id, task.sealed_env, task.sealed_env | new) else 0


def rewrap_execution(conn: Connection, row: TaskExecution, vault: Vault) -> int:
    table, id = (run_secrets.EXECUTIONS, row.id) if row.task_id is None else ("tasks", row.task_id)
    own, sealed = row.sealed_env or {}, 0
    if new := rewrapped_values(vault, own, table, id):
        sealed += len(new) * executions.replace_sealed(conn, row.id, "sealed_env", own, own | new)
    if row.sealed_run is not None:
        run = rewrapped(vault, row.sealed_run, run_secrets.place_of_run(row.id))
        sealed += run is not None and executions.replace_sealed(conn, row.id, run_secrets.RUN, row.sealed_run, run)
    return sealed


def rewrapped(vault: Vault, blob: bytes, place: Place) -> bytes | None:
    """None if the current key seals it already."""
    return None if vault.is_current(blob) else vault.rewrap(blob, **place)


def rewrapped_values(vault: Vault, values: Mapping[str, str], table: str, id: int) -> dict[str, str]:
    """Those of a row's variables that the current key did not seal yet."""
    found = {
        name: rewrapped(vault, base64.b64decode(blob), run_secrets.place_of_value(table, id, name))
        for name, blob in values.items()
    }
    return {name: base64.b64encode(blob).decode() for name, blob in found.items() if blob is not None}


# Tasks before executions: what a run takes from its task meanwhile is under the current key then, or is found.
KINDS = (
    Kind(servers.sealed_after, rewrap_server),
    Kind(secrets.sealed_after, rewrap_registered),
    Kind(tasks.sealed_after, rewrap_task),
    Kind(executions.sealed_after, rewrap_execution),
)
