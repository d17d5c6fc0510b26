"""Sealing every stored secret with the current master key, while the service runs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import Connection

from db import servers
from db.models import Server
from resolvers.context import Service
from runner.vault import Vault

BATCH = 100


@dataclass(frozen=True, slots=True)
class Progress:
    """How many secrets were looked at by now, and how many of them were sealed anew."""

    seen: int
    sealed: int


async def rewrap(service: Service) -> AsyncIterator[Progress]:
    """Go over all servers, a batch a transaction. Cut off anywhere, it goes on where it is run again."""
    last, seen, sealed = 0, 0, 0
    while batch := await service.store.read(servers.sealed_after, last, BATCH):
        sealed += await service.store.run(rewrap_batch, batch, service.vault)
        seen += len(batch)
        last = batch[-1].id
        yield Progress(seen, sealed)


def rewrap_batch(conn: Connection, batch: list[Server], vault: Vault) -> int:
    return sum(rewrap_one(conn, server, vault) for server in batch)


def rewrap_one(conn: Connection, server: Server, vault: Vault) -> bool:
    """Whether it had to be sealed anew. One that was changed meanwhile is under the current key already."""
    if vault.is_current(server.credential):
        return False
    new = vault.rewrap(server.credential, table="servers", row=str(server.id), field="credential")
    return servers.replace_credential(conn, server.id, server.credential, new)
