"""`sshcast server rescan`: shows the host keys that a server offers beside the pinned ones, and pins accepted ones."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from db.models import Server
from db.values import Role
from resolvers import host_keys, rights, servers
from resolvers.context import Context, Service
from resolvers.errors import NotFound
from resolvers.host_keys import KeyStatus, OfferedKey
from resolvers.inputs import ServerChange
from runner.ssh.scan_requests import ScanRequest
from sshcast.app import open_service
from sshcast.commands import local
from sshcast.commands.execute import require_server_id
from sshcast.commands.server_add import confirm
from sshcast.errors import CommandFailed
from sshcast.settings import Settings
from sshcast.ssh_wiring import build_pool, build_scans

# A fingerprint is to be compared at a glance, so that a row is never folded where nobody looks at a terminal.
LEAST_WIDTH, WIDTH_OF_NO_TERMINAL = 100, 10_000
QUESTION = "Compare what it offers with its own keys (ssh-keygen -lf on it). Pin these in place of the old? [y/N] "


@dataclass(frozen=True, slots=True)
class RescanOptions:
    """The options of `server rescan`: the server, the fingerprints to accept, and whether to accept all unasked."""

    server: str
    accept: tuple[str, ...]
    yes: bool


async def rescan(settings: Settings, given: RescanOptions, run_as: str | None) -> int:
    if given.accept and given.yes:
        raise CommandFailed("give either --accept FINGERPRINT or --yes")
    async with _open_service_with_scanner(settings) as service:
        ctx = await local.load_context(service, run_as)
        server = await _require_server_to_change(ctx, await require_server_id(ctx, given.server))
        offered = await _fetch_offered_keys(ctx, server)
        _print_keys(server, offered)
        if not given.accept and all(key.status is KeyStatus.PINNED for key in offered):
            print("All that it offers is pinned: nothing was changed.", file=sys.stderr)
            return 0
        if not given.accept and not given.yes and not confirm(QUESTION):
            raise CommandFailed("the host keys were not accepted, so nothing was changed")
        accepted = given.accept or [key.fingerprint for key in offered]
        await servers.update(ctx, server.id, ServerChange(accept_fingerprints=accepted))
    print(f"pinned {len(accepted)} host key{'s' if len(accepted) > 1 else ''} of {server.name}", file=sys.stderr)
    return 0


@asynccontextmanager
async def _open_service_with_scanner(settings: Settings) -> AsyncIterator[Service]:
    """Open the service with a scanner and no runner, so that scanning and accepting work as they do over the API."""
    async with open_service(settings) as service:
        pool = build_pool(settings)
        scans = build_scans(service, settings, pool, _print_to_stderr)
        await scans.start()
        try:
            yield service
        finally:
            await scans.stop()
            await pool.close()


async def _require_server_to_change(ctx: Context, id: int) -> Server:
    right = await rights.require_role(ctx, Role.ADMIN)
    await rights.enforce(ctx, right, id, NotFound.for_object("server", id))
    return await servers.get(ctx, id)


async def _fetch_offered_keys(ctx: Context, server: Server) -> list[OfferedKey]:
    """Return the server's keys, compared with its own pins only: other servers may be at the same address."""
    wanted = ScanRequest(
        host=server.host,
        port=server.port,
        legacy=tuple(server.legacy_algorithms),
        jump_server_id=server.jump_server_id,
    )
    return host_keys.compare_keys(await host_keys.fetch_keys(ctx, wanted, server.id), [server.host_keys])


def _print_keys(server: Server, offered: Sequence[OfferedKey]) -> None:
    """Print a row for each key: the offered ones with their status, then those that are only pinned."""
    console = Console(markup=False, highlight=False)
    console.width = max(console.width, LEAST_WIDTH) if console.is_terminal else WIDTH_OF_NO_TERMINAL
    table = Table(title=f"{server.name}: {server.host} port {server.port}", title_justify="left")
    for name in ("host key", "pinned", "offered"):
        table.add_column(name, no_wrap=True)
    for key in offered:
        pinned = "yes" if key.status is KeyStatus.PINNED else "no"
        table.add_row(f"{key.type} {key.fingerprint}", pinned, f"yes, {key.status}")
    here = {f"{key.type} {key.fingerprint}" for key in offered}
    for text in host_keys.format_keys(server.host_keys):
        if text not in here:
            table.add_row(text, "yes", "no")
    with console.capture() as shown:
        console.print(table)
    print(shown.get(), end="", flush=True)


def _print_to_stderr(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
