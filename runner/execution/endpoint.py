"""Builds the SSH endpoint of a server and its jump servers, with credentials opened for as long as they are needed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson

from db import jumps as chains
from db.models import Server
from db.store import Store
from runner.secrets.bindings import build_credential_binding
from runner.secrets.vault import Vault, VaultError
from runner.ssh.jumps.messages import name_jump
from runner.ssh.pool import Pool
from runner.ssh.protocol import ConnectFailed, Credential, Endpoint, ServerConnection

MOST_TUNNELS = 100
"""How many connections to servers behind it one connection to a jump server carries."""


def build_endpoint(server: Server, vault: Vault, jumps: Sequence[Server] = ()) -> Endpoint:
    """Build the endpoint. `jumps`: its jump servers, from its own one to the one that we connect to.

    Raises VaultError if a credential was sealed with an unknown key, or the contents are not a credential.
    """
    return replace(_build_direct(server, vault), jump=_build_jump(jumps, vault))


def _build_jump(jumps: Sequence[Server], vault: Vault) -> Endpoint | None:
    """Build the endpoint of the first of these jump servers, which is reached through the others. Raises VaultError."""
    found = None
    for server in reversed(jumps):
        direct = _build_direct(server, vault)
        found = replace(direct, jump=found, name=server.name, max_channels=MOST_TUNNELS)
    return found


@asynccontextmanager
async def open_jump(store: Store, vault: Vault, pool: Pool, server_id: int) -> AsyncIterator[ServerConnection]:
    """Yield a connection of the pool to the jump server. Raises ConnectFailed."""
    async with pool.tunnel(await _load_jump(store, vault, server_id)) as connection:
        yield connection


async def _load_jump(store: Store, vault: Vault, server_id: int) -> Endpoint:
    chain = await store.read(chains.load_chain, server_id)
    disabled = find_disabled_jump(chain)
    if disabled is not None:
        raise disabled
    try:
        found = _build_jump(chain, vault)
    except VaultError:
        raise ConnectFailed(
            "AUTH_FAILED", "The credential of a jump server cannot be opened with the keys at hand.", at_jump=True
        ) from None
    if found is None:
        raise ConnectFailed("UNREACHABLE", f"There is no server {server_id} to jump through.", at_jump=True)
    return found


def find_disabled_jump(chain: Sequence[Server]) -> ConnectFailed | None:
    """Return the failure if a jump server of the chain is disabled or deleted."""
    for jump in chain:
        if not jump.enabled or jump.deleted_at is not None:
            named = name_jump(jump.id, jump.name)
            return ConnectFailed("UNREACHABLE", f"{named} is disabled: an admin can enable it.", at_jump=True)
    return None


def _build_direct(server: Server, vault: Vault) -> Endpoint:
    return Endpoint(
        server_id=server.id,
        host=server.host,
        port=server.port,
        username=server.username,
        host_keys=tuple(server.host_keys),
        legacy_algorithms=tuple(server.legacy_algorithms),
        host_key_alias=server.host_key_alias,
        credential=_parse_credential(vault.open(server.credential, **build_credential_binding(server.id))),
    )


def _parse_credential(opened: bytes) -> Credential:
    try:
        kept = orjson.loads(opened)
        return Credential(kept["kind"], kept["secret"], kept["passphrase"], kept["certificate"])
    except (ValueError, LookupError, TypeError):
        raise VaultError("what was sealed here is not a credential") from None
