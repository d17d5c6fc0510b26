"""Sealed values in the database: check that they can be opened, and seal them again with the current master key.

The service may run meanwhile.
"""

import base64
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db import executions, fleets, master_key_check, secrets, servers, stdin, tasks
from db.fleet_models import FleetRun
from db.models import Server, Task, TaskExecution
from db.secret_models import RegisteredSecret
from resolvers.context import Service
from runner.secrets import bindings
from runner.secrets.vault import Binding, Vault, VaultError

BATCH = 100

SealedValue = tuple[bytes, Binding]
PLACE_OF_CHECK = {"table": "master_key_check", "row": "1", "field": "sealed"}


@dataclass(frozen=True, slots=True)
class RotationProgress:
    """The numbers of rows seen and of values sealed again so far."""

    seen: int
    sealed: int


@dataclass(frozen=True, slots=True)
class SealedCount:
    """The number of sealed values, and of those that no available key opens (`closed`)."""

    sealed: int
    closed: int


@dataclass(frozen=True, slots=True)
class SealedKind:
    """Functions for one kind of rows with sealed values.

    `after` loads rows above an id, in order; `list_values` yields a row's sealed values; `rewrap` seals them again and
    returns how many.
    """

    after: Callable[[Connection, int, int], Sequence[Any]]
    list_values: Callable[[Any], Iterator[SealedValue]]
    rewrap: Callable[[Connection, Any, Vault], int]


async def rewrap(service: Service) -> AsyncIterator[RotationProgress]:
    """Seal the values of all kinds again, a batch in each transaction. Run it again after an interruption."""
    seen, sealed = 0, 0
    for kind in KINDS:
        last = 0
        while batch := await service.store.read(kind.after, last, BATCH):
            sealed += await service.store.run(_rewrap_batch, kind, batch, service.vault)
            seen += len(batch)
            last = batch[-1].id
            yield RotationProgress(seen, sealed)


async def rewrap_check(service: Service) -> None:
    """Seal the check value (`db.master_key_check`) again. Run it last: until then both keys are accepted."""
    old = await service.store.read(master_key_check.load_value)
    new = None if old is None else _rewrap_value(service.vault, old, PLACE_OF_CHECK)
    if old is not None and new is not None:
        await service.store.run(master_key_check.replace, old, new)


def count_sealed(conn: Connection, vault: Vault) -> SealedCount:
    opened = [vault.can_open(blob, place) for blob, place in _list_sealed_values(conn)]
    return SealedCount(len(opened), opened.count(False))


def has_sealed_values(conn: Connection) -> bool:
    """Return whether the database has values that a new master key could not open."""
    return master_key_check.load_value(conn) is not None or next(_list_sealed_values(conn), None) is not None


def _list_sealed_values(conn: Connection) -> Iterator[SealedValue]:
    """Yield every sealed value with its binding, except the master key's check value."""
    for kind in KINDS:
        last = 0
        while batch := kind.after(conn, last, BATCH):
            for row in batch:
                yield from kind.list_values(row)
            last = batch[-1].id


def _rewrap_batch(conn: Connection, kind: SealedKind, batch: Sequence[Any], vault: Vault) -> int:
    return sum(kind.rewrap(conn, row, vault) for row in batch)


def _rewrap_server(conn: Connection, server: Server, vault: Vault) -> int:
    """Seal a server's credential again. One that was changed meanwhile is already under the current key."""
    new = _rewrap_value(vault, server.credential, bindings.build_credential_binding(server.id))
    return 0 if new is None else servers.replace_credential(conn, server.id, server.credential, new)


def _rewrap_registered(conn: Connection, secret: RegisteredSecret, vault: Vault) -> int:
    new = _rewrap_value(vault, secret.value, bindings.build_registered_binding(secret.id))
    return 0 if new is None else secrets.replace_value(conn, secret.id, secret.value, new)


def _rewrap_task(conn: Connection, task: Task, vault: Vault) -> int:
    new = _rewrap_values(vault, task.sealed_env, "tasks", task.id)
    return len(new) if new and tasks.replace_sealed(conn, task.id, task.sealed_env, task.sealed_env | new) else 0


def _rewrap_fleet_run(conn: Connection, row: FleetRun, vault: Vault) -> int:
    own, sealed = row.sealed_env or {}, 0
    if new := _rewrap_values(vault, own, *_find_fleet_owner(row)):
        sealed += len(new) * fleets.replace_sealed(conn, row.id, "sealed_env", own, own | new)
    if row.sealed_stdin is not None:
        stdin = _rewrap_value(vault, row.sealed_stdin, bindings.build_fleet_stdin_binding(row.id))
        sealed += stdin is not None and fleets.replace_sealed(conn, row.id, "sealed_stdin", row.sealed_stdin, stdin)
    return sealed


def _rewrap_execution(conn: Connection, row: TaskExecution, vault: Vault) -> int:
    own, sealed = row.sealed_env or {}, 0
    if new := _rewrap_values(vault, own, *bindings.find_values_owner(row)):
        sealed += len(new) * executions.replace_sealed(conn, row.id, "sealed_env", own, own | new)
    if row.sealed_run is not None:
        run = _rewrap_value(vault, row.sealed_run, bindings.build_run_binding(row.id))
        sealed += run is not None and executions.replace_sealed(conn, row.id, bindings.RUN, row.sealed_run, run)
    return sealed


def _rewrap_stdin(conn: Connection, row: Any, vault: Vault) -> int:
    """Seal an execution's input again. If its run has ended meanwhile, it is gone."""
    new = _rewrap_value(vault, row.sealed, bindings.build_stdin_binding(row.id))
    return 0 if new is None else stdin.replace_sealed(conn, row.id, row.sealed, new)


def _rewrap_value(vault: Vault, blob: bytes, place: Binding) -> bytes | None:
    """Return the value sealed with the current key; None if it is already. VaultError if no available key opens it."""
    try:
        return None if vault.is_current(blob) else vault.rewrap(blob, **place)
    except VaultError as error:
        where = f"{place['field']} of row {place['row']} in {place['table']}"
        raise VaultError(
            f"{where}: {error}. Give the key that sealed it beside the others, or set that value anew, and rotate again"
        ) from error


def _rewrap_values(vault: Vault, values: Mapping[str, str], table: str, id: int) -> dict[str, str]:
    """Seal those of a row's variables again that the current key has not sealed yet."""
    found = {
        name: _rewrap_value(vault, base64.b64decode(blob), bindings.build_value_binding(table, id, name))
        for name, blob in values.items()
    }
    return {name: base64.b64encode(blob).decode() for name, blob in found.items() if blob is not None}


def _list_sealed_in_server(server: Server) -> Iterator[SealedValue]:
    yield server.credential, bindings.build_credential_binding(server.id)


def _list_sealed_in_secret(secret: RegisteredSecret) -> Iterator[SealedValue]:
    yield secret.value, bindings.build_registered_binding(secret.id)


def _list_sealed_in_task(task: Task) -> Iterator[SealedValue]:
    return _list_sealed_in_variables(task.sealed_env, "tasks", task.id)


def _list_sealed_in_fleet_run(row: FleetRun) -> Iterator[SealedValue]:
    yield from _list_sealed_in_variables(row.sealed_env or {}, *_find_fleet_owner(row))
    if row.sealed_stdin is not None:
        yield row.sealed_stdin, bindings.build_fleet_stdin_binding(row.id)


def _find_fleet_owner(row: FleetRun) -> tuple[str, int]:
    return (bindings.FLEET_RUNS, row.id) if row.task_id is None else ("tasks", row.task_id)


def _list_sealed_in_execution(row: TaskExecution) -> Iterator[SealedValue]:
    yield from _list_sealed_in_variables(row.sealed_env or {}, *bindings.find_values_owner(row))
    if row.sealed_run is not None:
        yield row.sealed_run, bindings.build_run_binding(row.id)


def _list_sealed_in_stdin(row: Any) -> Iterator[SealedValue]:
    yield row.sealed, bindings.build_stdin_binding(row.id)


def _list_sealed_in_variables(values: Mapping[str, str], table: str, id: int) -> Iterator[SealedValue]:
    for name, blob in values.items():
        yield base64.b64decode(blob), bindings.build_value_binding(table, id, name)


# Tasks before fleet runs, and both before executions: values that a run copies meanwhile are under the current key, or
# are sealed again after it.
KINDS = (
    SealedKind(servers.list_sealed_after, _list_sealed_in_server, _rewrap_server),
    SealedKind(secrets.list_sealed_after, _list_sealed_in_secret, _rewrap_registered),
    SealedKind(tasks.list_sealed_after, _list_sealed_in_task, _rewrap_task),
    SealedKind(fleets.list_sealed_after, _list_sealed_in_fleet_run, _rewrap_fleet_run),
    SealedKind(executions.list_sealed_after, _list_sealed_in_execution, _rewrap_execution),
    SealedKind(stdin.list_sealed_after, _list_sealed_in_stdin, _rewrap_stdin),
)
