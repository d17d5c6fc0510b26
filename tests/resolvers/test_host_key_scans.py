"""Host keys that a runner fetches: compared with what is pinned, and pinned by the fingerprints that somebody accepted.

On real OpenSSH. The runner's part is at work on the desk's own bus.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from db import audit
from db.models import Server
from db.page import Window
from db.values import AuditKind, Role
from resolvers import grants, host_keys, servers
from resolvers.context import Context
from resolvers.errors import Conflict, Forbidden, Invalid, RateLimited, Unauthenticated, Unavailable, Unreachable
from resolvers.host_keys import KeyStatus
from resolvers.inputs import ServerChange
from resolvers.rates import Buckets, Rate, RateLimiter
from runner.ssh import scan_requests
from runner.ssh.keys import fingerprint
from runner.ssh.networks import NetworkPolicy
from runner.ssh.scan_requests import HostKeyScans, ScanRequest
from sshcast.demo.server import ensure_key
from tests.support.desk import Desk
from tests.support.new_host_key import give_new_host_key
from tests.support.new_host_key import two_keyed_sshd as sshd
from tests.support.targets import Target, make_key, public_line

__all__ = ["sshd"]

pytestmark = pytest.mark.anyio

CA = "@cert-authority * "


@dataclass(frozen=True, slots=True)
class World:
    """A desk with the runner's scans, and a server on it that is the sshd."""

    desk: Desk
    sshd: Target
    server: Server

    @property
    def rsa(self) -> str:
        return public_line(self.sshd.folder / "rsa")

    async def accept(self, *lines: str, ctx: Context | None = None, **changes: Any) -> Server:
        """Have the keys of these lines accepted by their fingerprints."""
        accepted = [fingerprint(line) for line in lines]
        return await servers.update(
            ctx or self.desk.admin, self.server.id, ServerChange(accept_fingerprints=accepted, **changes)
        )

    async def pinned(self) -> list[str]:
        return list((await servers.get(self.desk.admin, self.server.id)).host_keys)

    async def events(self, *kinds: AuditKind) -> list[tuple[Any, Any, Any]]:
        """Of these kinds, oldest first: the server's id, and what was before and after."""
        found = await self.desk.service.store.read(audit.page, audit.AuditFilter(kinds=kinds), Window(limit=100))
        ordered = sorted(found, key=lambda event: event.id)
        return [
            (each.object_id, each.before and json.loads(each.before), each.after and json.loads(each.after))
            for each in ordered
        ]


@asynccontextmanager
async def scans_at(desk: Desk, network_policy: NetworkPolicy | None = None) -> AsyncIterator[None]:
    scans = HostKeyScans(bus=desk.service.bus, network_policy=network_policy or desk.service.network_policy, waits=())
    await scans.start()
    try:
        yield
    finally:
        await scans.stop()


@pytest.fixture
async def world(desk: Desk, sshd: Target) -> AsyncIterator[World]:
    server = await desk.server(name="the sshd", port=sshd.port, host_keys=[sshd.host_key])
    async with scans_at(desk):
        yield World(desk, sshd, server)


@pytest.fixture
async def either_world(either_desk: Desk, sshd: Target) -> AsyncIterator[World]:
    """For what the database decides: on SQLite and on PostgreSQL."""
    server = await either_desk.server(name="the sshd", port=sshd.port, host_keys=[sshd.host_key])
    async with scans_at(either_desk):
        yield World(either_desk, sshd, server)


def at(target: Target, **changes: Any) -> ScanRequest:
    return replace(ScanRequest(host=target.host, port=target.port), **changes)


async def test_a_scan_shows_each_key_with_its_fingerprint_and_whether_it_is_pinned(world: World) -> None:
    first, second = await host_keys.scan(world.desk.admin, at(world.sshd, host=" 127.0.0.1 "))
    assert (first.line, first.type, first.status) == (world.sshd.host_key, "ssh-ed25519", KeyStatus.PINNED)
    assert first.fingerprint == fingerprint(world.sshd.host_key)
    assert (second.line, second.type, second.status) == (world.rsa, "ssh-rsa", KeyStatus.NEW)


async def test_of_servers_at_one_address_the_worst_is_told(world: World, tmp_path: Path) -> None:
    _, other = ensure_key(tmp_path / "other")
    await world.desk.server(name="another name", port=world.sshd.port, host_keys=[other])
    first, second = await host_keys.scan(world.desk.admin, at(world.sshd))
    assert (first.status, second.status) == (KeyStatus.CHANGED, KeyStatus.NEW)
    revoked = f"@revoked * {world.sshd.host_key}"
    await world.desk.server(name="a third", port=world.sshd.port, host_keys=[other, revoked])
    assert (await host_keys.scan(world.desk.admin, at(world.sshd)))[0].status is KeyStatus.REVOKED


async def test_a_changed_key_is_told_and_once_accepted_pinned_in_place_of_the_old(either_world: World) -> None:
    world, old = either_world, either_world.sshd.host_key
    new = await asyncio.to_thread(give_new_host_key, world.sshd)
    (first, _) = await host_keys.scan(world.desk.admin, at(world.sshd))
    assert (first.line, first.status) == (new, KeyStatus.CHANGED)
    assert (await world.accept(new)).host_keys == [new]
    assert (await host_keys.scan(world.desk.admin, at(world.sshd)))[0].status is KeyStatus.PINNED
    (event,) = await world.events(AuditKind.SERVER_UPDATED)
    assert event == (
        world.server.id,
        {"host_keys": [old], "fingerprints": [f"ssh-ed25519 {fingerprint(old)}"]},
        {"host_keys": [new], "fingerprints": [f"ssh-ed25519 {fingerprint(new)}"]},
    )


async def test_every_scan_is_in_the_audit_with_its_address_also_one_that_came_to_nothing(world: World) -> None:
    await host_keys.scan(world.desk.admin, at(world.sshd))
    with pytest.raises(Unreachable):
        await host_keys.scan(world.desk.admin, ScanRequest(host="127.0.0.1", port=1))
    with pytest.raises(Conflict):
        await world.accept(world.desk.host_key)
    here = (world.server.id, None, {"host": "127.0.0.1", "port": world.sshd.port})
    assert await world.events(AuditKind.SERVER_KEYS_SCANNED) == [
        here,
        (None, None, {"host": "127.0.0.1", "port": 1}),
        here,
    ]


async def test_a_key_that_is_not_on_offer_any_more_is_refused_with_what_is(world: World) -> None:
    """The key changes between the look and the acceptance."""
    (looked_at, _) = await host_keys.scan(world.desk.admin, at(world.sshd))
    new = await asyncio.to_thread(give_new_host_key, world.sshd)
    with pytest.raises(Conflict) as refused:
        await world.accept(looked_at.line)
    assert refused.value.field == ("accept_fingerprints",)
    for text in (refused.value.en, refused.value.chinese):
        assert looked_at.fingerprint in text
        assert f"ssh-ed25519 {fingerprint(new)}, ssh-rsa {fingerprint(world.rsa)}" in text
    assert await world.pinned() == [world.sshd.host_key]


async def test_one_key_that_is_not_on_offer_spoils_all(world: World) -> None:
    with pytest.raises(Conflict):
        await world.accept(world.rsa, world.desk.host_key)
    assert await world.pinned() == [world.sshd.host_key]


async def test_what_is_accepted_replaces_the_types_on_offer_and_leaves_marked_lines_and_other_types(
    world: World, tmp_path: Path
) -> None:
    make_key(tmp_path / "ecdsa", kind="ecdsa")
    ecdsa, authority, revoked = public_line(tmp_path / "ecdsa"), CA + world.desk.host_key, f"@revoked * {world.rsa}"
    lines = [authority, world.desk.host_key, revoked, ecdsa]
    await servers.update(world.desk.admin, world.server.id, ServerChange(host_keys=lines))
    await world.accept(world.sshd.host_key)
    assert await world.pinned() == [world.sshd.host_key, authority, revoked, ecdsa]


async def test_a_revoked_key_is_not_accepted(world: World) -> None:
    revoked = f"@revoked * {world.rsa}"
    await servers.update(world.desk.admin, world.server.id, ServerChange(host_keys=[world.sshd.host_key, revoked]))
    with pytest.raises(Conflict, match="revoked") as refused:
        await world.accept(world.sshd.host_key, world.rsa)
    assert refused.value.field == ("accept_fingerprints",)
    assert await world.pinned() == [world.sshd.host_key, revoked]


async def test_a_server_that_was_changed_while_its_keys_were_fetched_is_left_as_it_is(
    either_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, fetch = either_world, scan_requests.request_scan
    usual = ServerChange(host="127.0.0.1", port=world.sshd.port, host_keys=[world.sshd.host_key])
    for move in ({"host": "127.0.0.2"}, {"port": 22}, {"host_keys": [world.desk.host_key]}):

        async def fetch_while_it_moves(bus: Any, wanted: Any, move: dict[str, Any] = move) -> list[str]:
            found = await fetch(bus, wanted)
            await servers.update(world.desk.admin, world.server.id, ServerChange(**move))
            return found

        with monkeypatch.context() as patch:
            patch.setattr(host_keys, "request_scan", fetch_while_it_moves)
            with pytest.raises(Conflict, match="scan it again"):
                await world.accept(world.rsa)
        assert world.rsa not in await world.pinned()
        await servers.update(world.desk.admin, world.server.id, usual)


@pytest.mark.parametrize(
    "accepted", [[], ["SHA256:short"], ["MD5:aa:bb"], [f"SHA256:{'a' * 43}="], [f"SHA256:{n:043}" for n in range(17)]]
)
async def test_what_is_no_fingerprint_is_told_before_anything_is_asked_of_the_server(
    world: World, accepted: list[str]
) -> None:
    with pytest.raises(Invalid) as refused:
        await servers.update(world.desk.admin, world.server.id, ServerChange(accept_fingerprints=accepted))
    assert refused.value.field == ("accept_fingerprints",)
    assert await world.events(AuditKind.SERVER_KEYS_SCANNED) == []


async def test_fingerprints_and_keys_are_not_given_together(world: World) -> None:
    with pytest.raises(Invalid, match="hostKeys") as refused:
        await world.accept(world.rsa, host_keys=[world.rsa])
    assert refused.value.field == ("accept_fingerprints",)


async def test_a_server_that_moves_is_asked_where_it_will_be(world: World) -> None:
    await servers.update(world.desk.admin, world.server.id, ServerChange(port=1))
    moved = await world.accept(world.sshd.host_key, port=world.sshd.port)
    assert (moved.port, moved.host_keys) == (world.sshd.port, [world.sshd.host_key])


@pytest.mark.parametrize("role", [None, Role.NONE, Role.VIEWER, Role.OPERATOR])
async def test_who_is_no_admin_has_nothing_connected_to(world: World, role: Role | None) -> None:
    ctx = world.desk.as_a(role)
    with pytest.raises(Forbidden if role else Unauthenticated):
        await host_keys.scan(ctx, at(world.sshd))
    with pytest.raises(Forbidden if role else Unauthenticated):
        await world.accept(world.rsa, ctx=ctx)
    assert await world.events(AuditKind.SERVER_KEYS_SCANNED) == []
    assert len(await world.events(AuditKind.FORBIDDEN)) == (2 if role else 0)


async def test_an_admin_by_a_grant_scans_where_their_server_is_and_nowhere_else(either_world: World) -> None:
    world, ctx = either_world, either_world.desk.as_a(Role.NONE)
    user = world.desk.users[Role.NONE]
    await grants.give(world.desk.admin, user.id, world.server.id, None, Role.ADMIN)
    await world.desk.server(name="not theirs", port=world.sshd.port, host_keys=[world.desk.host_key])
    assert [key.status for key in await host_keys.scan(ctx, at(world.sshd))] == [KeyStatus.PINNED, KeyStatus.NEW]
    with pytest.raises(Forbidden):  # server 1 of the desk is there, and is not theirs
        await host_keys.scan(ctx, ScanRequest(host="127.0.0.1", port=22))
    with pytest.raises(Forbidden):
        await host_keys.scan(ctx, ScanRequest(host="127.0.0.1", port=1))
    await grants.give(world.desk.admin, user.id, world.server.id, None, Role.OPERATOR)
    with pytest.raises(Forbidden):
        await host_keys.scan(ctx, at(world.sshd))


async def test_an_admin_by_a_grant_accepts_keys_where_the_server_is_and_nowhere_else(world: World) -> None:
    ctx, user = world.desk.as_a(Role.NONE), world.desk.users[Role.NONE]
    await grants.give(world.desk.admin, user.id, world.server.id, None, Role.ADMIN)
    with pytest.raises(Forbidden):
        await world.accept(world.rsa, ctx=ctx, host="localhost")
    await world.accept(world.rsa, ctx=ctx)
    assert await world.pinned() == [world.rsa]
    await grants.give(world.desk.admin, user.id, world.server.id, None, Role.OPERATOR)
    with pytest.raises(Forbidden):
        await world.accept(world.rsa, ctx=ctx)


async def test_a_denied_network_is_refused_by_the_service_and_by_the_runner(world: World) -> None:
    denied = NetworkPolicy.of(denied=["127.0.0.0/8"])
    service = replace(world.desk.service, network_policy=denied)
    with pytest.raises(Invalid) as refused:
        await host_keys.scan(replace(world.desk.admin, service=service), at(world.sshd))
    assert refused.value.field == ("host",)
    service = replace(world.desk.service, network_policy=NetworkPolicy.of(ports=[22]))
    with pytest.raises(Invalid) as port:
        await host_keys.scan(replace(world.desk.admin, service=service), at(world.sshd))
    assert port.value.field == ("port",)
    assert await world.events(AuditKind.SERVER_KEYS_SCANNED) == []
    async with scans_at(world.desk, denied):  # a name may stand for another address by the time it is dialled
        with pytest.raises(Unreachable, match="SSHCAST_ALLOWED_NETWORKS"):
            await host_keys.scan(world.desk.admin, at(world.sshd))


async def test_why_nothing_was_shown_is_told_in_the_sentence_of_the_connection(world: World) -> None:
    async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n")
        writer.close()

    with pytest.raises(Unreachable, match="refused the connection on port 1") as dead:
        await host_keys.scan(world.desk.admin, ScanRequest(host="127.0.0.1", port=1))
    assert (dead.value.field, dead.value.code) == (("host",), "UNREACHABLE")
    assert "refused the connection" in dead.value.chinese
    async with await asyncio.start_server(speak_http, "127.0.0.1", 0) as server:
        with pytest.raises(Unreachable, match="HTTP"):
            await host_keys.scan(world.desk.admin, at(world.sshd, port=server.sockets[0].getsockname()[1]))


@pytest.mark.parametrize(
    "wrong", [{"host": "me@host"}, {"host": ""}, {"port": 0}, {"port": 65_536}, {"legacy": ("des",)}]
)
async def test_what_is_no_address_is_told_with_its_field(world: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        await host_keys.scan(world.desk.admin, at(world.sshd, **wrong))


async def test_a_user_scans_so_often_and_no_more(world: World) -> None:
    rates = RateLimiter(scans=Buckets(Rate(1, 2), clock=lambda: 0.0))
    ctx = replace(world.desk.admin, service=replace(world.desk.service, rates=rates))
    for _ in range(2):
        await host_keys.scan(ctx, at(world.sshd))
    with pytest.raises(RateLimited, match="scans"):
        await host_keys.scan(ctx, at(world.sshd))
    with pytest.raises(RateLimited, match="scans"):
        await world.accept(world.rsa, ctx=ctx)
    assert len(await world.events(AuditKind.SERVER_KEYS_SCANNED)) == 2


async def test_without_a_runner_that_is_told_and_nothing_is_changed(desk: Desk, sshd: Target) -> None:
    with pytest.raises(Unavailable, match="No runner is at work: try again shortly") as refused:
        await host_keys.scan(desk.admin, at(sshd))
    assert "运行器" in refused.value.chinese
    with pytest.raises(Unavailable):
        await World(desk, sshd, await servers.get(desk.admin, 1)).accept(sshd.host_key)
