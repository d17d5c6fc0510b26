"""`sshcast server add`: registers a server with its credential and host keys."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from db.values import Role
from resolvers import host_names, servers
from resolvers.context import Context, Service
from resolvers.inputs import NewCredential, NewServer
from runner.execution.endpoint import open_jump
from runner.ssh.keys import fingerprint
from runner.ssh.protocol import ConnectFailed, ServerConnection
from runner.ssh.scan import ScanOptions, scan_host_keys
from sshcast.app import build_network_policy, open_service
from sshcast.commands import local
from sshcast.commands.execute import require_server_id
from sshcast.errors import CommandFailed
from sshcast.server_options import ServerOptions
from sshcast.settings import Settings
from sshcast.ssh_wiring import build_pool


async def add_server(settings: Settings, given: ServerOptions, run_as: str | None) -> int:
    given.check()
    given = replace(given, host=host_names.check_host(given.host))  # before anything is asked of it
    credential = NewCredential(
        password=given.password,
        private_key=_read_text_file(given.key),
        passphrase=given.passphrase,
        certificate=_read_text_file(given.certificate),
    )
    async with open_service(settings) as service:
        ctx = await local.load_context(service, run_as)  # before a person is asked about keys
        jump_id = None if given.jump is None else await _require_jump(ctx, given.jump)
        keys = await _scan_and_confirm_keys(service, settings, given, jump_id) if given.scan else given.host_keys
        server = await servers.create(ctx, _new_server(given, credential, keys, jump_id))
    print(server.id)
    return 0


def _new_server(
    given: ServerOptions, credential: NewCredential, keys: tuple[str, ...], jump_id: int | None
) -> NewServer:
    return NewServer(
        name=given.name,
        host=given.host,
        port=given.port,
        username=given.username,
        host_keys=keys,
        host_key_alias=given.host_key_alias,
        legacy_algorithms=given.allowed,
        output_encoding=given.output_encoding,
        credential=credential,
        jump_server_id=jump_id,
    )


async def _scan_and_confirm_keys(
    service: Service, settings: Settings, given: ServerOptions, jump_id: int | None
) -> tuple[str, ...]:
    """Fetch the server's keys, and return them once a person has confirmed their fingerprints."""
    policy = build_network_policy(settings)
    scan = ScanOptions(legacy=given.allowed, network_policy=policy, on_wait=_print_to_stderr)
    try:
        async with _open_jump(service, settings, jump_id) as through:
            keys = tuple(await scan_host_keys(given.host, given.port, replace(scan, through=through)))
    except ConnectFailed as error:
        raise CommandFailed(error.detail) from error
    for key in keys:
        print(f"{key.split()[0]} {fingerprint(key)}", file=sys.stderr)
    question = "Compare these with the server's own (ssh-keygen -lf on it). Are they its keys? [y/N] "
    if not given.yes and not confirm(question):
        raise CommandFailed("the host keys were not accepted, so nothing was added")
    return keys


async def _require_jump(ctx: Context, server: str) -> int:
    """Return the id of the jump server, which is signed in to before the new server is created."""
    ctx.require_role(Role.ADMIN)
    return (await servers.get(ctx, await require_server_id(ctx, server))).id


@asynccontextmanager
async def _open_jump(
    service: Service, settings: Settings, jump_id: int | None
) -> AsyncIterator[ServerConnection | None]:
    """Yield a connection to the jump server; None if there is none. Raises ConnectFailed."""
    if jump_id is None:
        yield None
        return
    pool = build_pool(settings)
    try:
        async with open_jump(service.store, service.vault, pool, jump_id) as through:
            yield through
    finally:
        await pool.close()


def _print_to_stderr(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def confirm(question: str) -> bool:
    """Ask on stderr: stdout is for the id alone."""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _read_text_file(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"cannot read {path}: {error}") from error
