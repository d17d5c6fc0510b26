"""All that is sealed in the database: whether it opens, and sealing it anew with the current master key.

A service may run meanwhile.
"""

import base64
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db import executions, master_key_check, secrets, servers, stdin, tasks
from db.models import Server, Task, TaskExecution
from db.secret_models import RegisteredSecret
from resolvers.context import Service
from runner import run_secrets
from runner.vault import Place, Vault, VaultError

BATCH = 100

Sealed = tuple[bytes, Place]
PLACE_OF_CHECK = {"table": "master_key_check", "row": "1", "field": "sealed"}


@dataclass(frozen=True, slots=True)
class Progress:
    """How many rows were looked at by now, and how many secrets in them were sealed anew."""

    seen: int
    sealed: int


@dataclass(frozen=True, slots=True)
class Opened:
    """How many sealed values there are, and how many of them no key at hand opens."""

    sealed: int
    closed: int


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows that hold secrets: those `after` an id, in order, what one has `held` sealed, and what seals it anew.

    `rewrap` counts what it sealed.
    """

    after: Callable[[Connection, int, int], Sequence[Any]]
    held: Callable[[Any], Iterator[Sealed]]
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


async def rewrap_check(service: Service) -> None:
    """The value that tells the master key (`db.master_key_check`), after all else: until then either key is right."""
    old = await service.store.read(master_key_check.sealed)
    new = None if old is None else rewrapped(service.vault, old, PLACE_OF_CHECK)
    if old is not None and new is not None:
        await service.store.run(master_key_check.replace, old, new)


def count_opened(conn: Connection, vault: Vault) -> Opened:
    opened = [vault.opens(blob, place) for blob, place in sealed_values(conn)]
    return Opened(len(opened), opened.count(False))


def holds_sealed(conn: Connection) -> bool:
    """Whether a new master key would not open what is here."""
    return master_key_check.sealed(conn) is not None or next(sealed_values(conn), None) is not None


def sealed_values(conn: Connection) -> Iterator[Sealed]:
    """Every sealed value with its place, but for the one that tells the master key."""
    for kind in KINDS:
        last = 0
        while batch := kind.after(conn, last, BATCH):
            for row in batch:
                yield from kind.held(row)
            last = batch[-1].id


def rewrap_batch(conn: Connection, kind: Kind, batch: Sequence[Any], vault: Vault) -> int:
    return sum(kind.rewrap(conn, row, vault) for row in batch)


def rewrap_server(conn: Connection, server: Server, vault: Vault) -> int:
    """One that was changed meanwhile is under the current key already; so it is with all of them."""
    new = rewrapped(vault, server.credential, place_of_credential(server.id))
    return 0 if new is None else servers.replace_credential(conn, server.id, server.credential, new)


def rewrap_registered(conn: Connection, secret: RegisteredSecret, vault: Vault) -> int:
    new = rewrapped(vault, secret.value, run_secrets.place_of_registered(secret.id))
    return 0 if new is None else secrets.replace_value(conn, secret.id, secret.value, new)


def rewrap_task(conn: Connection, task: Task, vault: Vault) -> int:
    new = rewrapped_values(vault, task.sealed_env, "tasks", task.id)
    return len(new) if new and tasks.replace_sealed(conn, task.id, task.sealed_env, task.sealed_env | new) else 0


def rewrap_execution(conn: Connection, row: TaskExecution, vault: Vault) -> int:
    own, sealed = row.sealed_env or {}, 0
    if new := rewrapped_values(vault, own, *owner_of_values(row)):
        sealed += len(new) * executions.replace_sealed(conn, row.id, "sealed_env", own, own | new)
    if row.sealed_run is not None:
        run = rewrapped(vault, row.sealed_run, run_secrets.place_of_run(row.id))
        sealed += run is not None and executions.replace_sealed(conn, row.id, run_secrets.RUN, row.sealed_run, run)
    return sealed


def rewrap_stdin(conn: Connection, row: Any, vault: Vault) -> int:
    """One whose run has ended meanwhile is gone."""
    new = rewrapped(vault, row.sealed, run_secrets.place_of_stdin(row.id))
    return 0 if new is None else stdin.replace_sealed(conn, row.id, row.sealed, new)


def rewrapped(vault: Vault, blob: bytes, place: Place) -> bytes | None:
    """None if the current key seals it already. VaultError, which names its place, if no key at hand opens it."""
    try:
        return None if vault.is_current(blob) else vault.rewrap(blob, **place)
    except VaultError as error:
        where = f"{place['field']} of row {place['row']} in {place['table']}"
        raise VaultError(
            f"{where}: {error}. Give the key that sealed it beside the others, or set that value anew, and rotate again"
        ) from error


def rewrapped_values(vault: Vault, values: Mapping[str, str], table: str, id: int) -> dict[str, str]:
    """Those of a row's variables that the current key did not seal yet."""
    found = {
        name: rewrapped(vault, base64.b64decode(blob), run_secrets.place_of_value(table, id, name))
        for name, blob in values.items()
    }
    return {name: base64.b64encode(blob).decode() for name, blob in found.items() if blob is not None}


def held_by_server(server: Server) -> Iterator[Sealed]:
    yield server.credential, place_of_credential(server.id)


def held_by_registered(secret: RegisteredSecret) -> Iterator[Sealed]:
    yield secret.value, run_secrets.place_of_registered(secret.id)


def held_by_task(task: Task) -> Iterator[Sealed]:
    return held_values(task.sealed_env, "tasks", task.id)


def held_by_execution(row: TaskExecution) -> Iterator[Sealed]:
    yield from held_values(row.sealed_env or {}, *owner_of_values(row))
    if row.sealed_run is not None:
        yield row.sealed_run, run_secrets.place_of_run(row.id)


def held_by_stdin(row: Any) -> Iterator[Sealed]:
    yield row.sealed, run_secrets.place_of_stdin(row.id)


def held_values(values: Mapping[str, str], table: str, id: int) -> Iterator[Sealed]:
    for name, blob in values.items():
        yield base64.b64decode(blob), run_secrets.place_of_value(table, id, name)


def owner_of_values(row: TaskExecution) -> tuple[str, int]:
    """The row that an execution's variables are bound to: the values of a task stay bound to the task."""
    return (run_secrets.EXECUTIONS, row.id) if row.task_id is None else ("tasks", row.task_id)


def place_of_credential(id: int) -> Place:
    return {"table": "servers", "row": str(id), "field": "credential"}


# Tasks before executions: what a run takes from its task meanwhile is under the current key then, or is found.
KINDS = (
    Kind(servers.sealed_after, held_by_server, rewrap_server),
    Kind(secrets.sealed_after, held_by_registered, rewrap_registered),
    Kind(tasks.sealed_after, held_by_task, rewrap_task),
    Kind(executions.sealed_after, held_by_execution, rewrap_execution),
    Kind(stdin.sealed_after, held_by_stdin, rewrap_stdin),
)
