"""Servers that are reached through others: on real OpenSSH, whose forwarding is what `ssh -J` uses."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from runner.ssh.client import ConnectTimeouts, connect
from runner.ssh.networks import NetworkPolicy
from runner.ssh.pool import Pool
from runner.ssh.protocol import ConnectFailed, Credential, Endpoint
from runner.ssh.scan import ScanOptions, scan_host_keys
from tests.support.jump_chain import build_chain, change_hop, count_sign_ins, running_chain
from tests.support.targets import Target, run_in_shell, running_keyed_server

pytestmark = pytest.mark.anyio

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJVgY2kPTYHX8mLtkVFsz8sgIhTDfa0vjQ4tNq3VQ0Ww"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def build_pool(clock: Callable[[], float] = time.monotonic, **how: Any) -> Pool:
    connecting = partial(connect, **how)
    return Pool(connecting, connect_through=connecting, clock=clock)


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    made = build_pool()
    yield made
    await made.close()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Target]]:
    """Two jump servers and a target."""
    with running_chain(tmp_path_factory.mktemp("chain"), 2) as targets:
        yield targets


async def run(pool: Pool, endpoint: Endpoint, command: str = "echo $SSH_CLIENT; exit 3") -> tuple[int | None, str]:
    async with pool.channel(endpoint) as shells:
        exit, output = await run_in_shell(shells, command)
    return exit.status, output.stdout.decode()


async def fail(pool: Pool, endpoint: Endpoint) -> ConnectFailed:
    with pytest.raises(ConnectFailed) as failed:
        await run(pool, endpoint)
    return failed.value


@pytest.mark.parametrize("hops", [1, 2, 4])
async def test_a_command_runs_through_so_many_jump_servers(pool: Pool, tmp_path: Path, hops: int) -> None:
    with running_chain(tmp_path, hops) as targets:
        status, _ = await run(pool, build_chain(targets))
        assert (status, [count_sign_ins(target) for target in targets]) == (3, [1] * (hops + 1))
        await pool.close()


async def test_much_output_arrives_whole_through_jump_servers(pool: Pool, two: list[Target]) -> None:
    status, text = await run(pool, build_chain(two), "seq 300000")
    assert (status, text) == (0, "".join(f"{n}\n" for n in range(1, 300_001)))


async def test_targets_behind_one_jump_server_share_its_connection_which_is_closed_when_idle(tmp_path: Path) -> None:
    clock = Clock()
    pool = build_pool(clock)
    with running_chain(tmp_path, 1) as targets:
        ends = [build_chain(targets, server_id=number) for number in range(10, 25)]
        found = await asyncio.gather(*(run(pool, end, "exit 0") for end in ends))
        assert [status for status, _ in found] == [0] * 15
        assert [count_sign_ins(target) for target in targets] == [1, 15]
        clock.now = 61.0
        await pool.sweep()
        await asyncio.wait(set(pool._tasks))
        clock.now = 122.0
        await pool.sweep()
        await pool.sweep()
        assert not pool._groups
        assert (await run(pool, ends[0], "exit 0"))[0] == 0
        assert count_sign_ins(targets[0]) == 2
        await pool.close()


@pytest.mark.parametrize("hop", [1, 2])
async def test_a_jump_server_with_another_host_key_is_named_and_gets_no_credential(
    pool: Pool, two: list[Target], hop: int
) -> None:
    before = [count_sign_ins(target) for target in two]
    error = await fail(pool, change_hop(build_chain(two), hop, host_keys=(OTHER_KEY,)))
    assert error.reason == "HOST_KEY_CHANGED"
    assert error.detail.startswith(f"Jump server {hop} (hop-{hop}): ")
    assert [count_sign_ins(target) for target in two[hop - 1 :]] == before[hop - 1 :]


async def test_a_jump_server_that_refuses_the_credential_is_named(pool: Pool, two: list[Target]) -> None:
    error = await fail(pool, change_hop(build_chain(two), 2, credential=Credential("password", "wrong")))
    assert error.reason == "AUTH_FAILED"
    assert error.detail.startswith("Jump server 2 (hop-2): ")


async def test_a_target_that_refuses_the_credential_is_told_without_a_jump_server(
    pool: Pool, two: list[Target]
) -> None:
    error = await fail(pool, build_chain(two, credential=Credential("password", "wrong")))
    assert (error.reason, error.at_jump) == ("AUTH_FAILED", False)


async def test_a_jump_server_that_cannot_reach_the_target_says_so_and_keeps_its_connection(
    pool: Pool, two: list[Target]
) -> None:
    await run(pool, build_chain(two))
    before = [count_sign_ins(target) for target in two]
    error = await fail(pool, build_chain(two, port=1))
    assert (error.reason, error.passing) == ("UNREACHABLE", True)
    assert error.detail.startswith("Jump server 2 (hop-2) could not connect to 127.0.0.1 port 1 (")
    assert [count_sign_ins(target) for target in two] == before


async def test_a_jump_server_that_is_down_is_named(pool: Pool, two: list[Target]) -> None:
    error = await fail(pool, change_hop(build_chain(two), 1, port=1))
    assert (error.reason, error.passing) == ("UNREACHABLE", True)
    assert error.detail.startswith("Jump server 1 (hop-1): 127.0.0.1 refused the connection on port 1.")


async def test_a_jump_server_that_allows_no_forwarding_says_what_to_change(pool: Pool, tmp_path: Path) -> None:
    with running_chain(tmp_path, 1, "AllowTcpForwarding no") as targets:
        error = await fail(pool, build_chain(targets))
        assert (error.reason, error.passing) == ("UNREACHABLE", False)
        assert error.detail.startswith("Jump server 1 (hop-1) does not allow connections to 127.0.0.1 port ")
        assert "AllowTcpForwarding" in error.detail
        await pool.close()


async def test_a_target_that_says_nothing_leaves_the_jump_server_usable(two: list[Target]) -> None:
    pool = build_pool(timeouts=ConnectTimeouts(connect=5.0, login=0.5, channel=5.0))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = await fail(pool, build_chain(two, port=silent.getsockname()[1]))
    assert (error.reason, "timeout" in error.detail) == ("UNREACHABLE", True)
    before = count_sign_ins(two[0])
    assert (await run(pool, build_chain(two)))[0] == 3
    assert count_sign_ins(two[0]) == before
    await pool.close()


@pytest.mark.parametrize("host", ["169.254.169.254", "0xA9FEA9FE", "::ffff:169.254.169.254", "10.1.2.3"])
@pytest.mark.parametrize("jump_names", [False, True])
async def test_a_literal_address_in_a_denied_network_is_refused_behind_a_jump_server(
    two: list[Target], host: str, jump_names: bool
) -> None:
    policy = NetworkPolicy.of(denied=["10.0.0.0/8"], jump_names=jump_names)
    pool = build_pool(network_policy=policy)
    error = await fail(pool, build_chain(two, host=host))
    assert error.detail.startswith(f"{host} is at an address that sshcast may not connect to.")
    await pool.close()


async def test_a_name_behind_a_jump_server_is_resolved_here_and_its_address_checked(
    two: list[Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo

    def answer(host: Any, port: Any, *args: Any, **how: Any) -> Any:
        known = {"inside.example": "127.0.0.1", "denied.example": "169.254.169.254"}
        return look_up(known.get(host, host), port, *args, **how)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    pool = build_pool()
    assert (await run(pool, build_chain(two, host="inside.example")))[0] == 3
    error = await fail(pool, build_chain(two, host="denied.example"))
    assert "SSHCAST_ALLOWED_NETWORKS" in error.detail
    await pool.close()


async def test_with_jump_names_the_last_jump_server_resolves_the_name(
    two: list[Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    look_up = socket.getaddrinfo

    def note(host: Any, *args: Any, **how: Any) -> Any:
        if host == "localhost" and "flags" not in how:
            asked.append(host)
        return look_up(host, *args, **how)

    monkeypatch.setattr(socket, "getaddrinfo", note)
    pool = build_pool(network_policy=NetworkPolicy.of(jump_names=True))
    assert (await run(pool, build_chain(two, host="localhost")))[0] == 3
    assert not asked
    await pool.close()


async def test_host_keys_are_scanned_through_jump_servers(pool: Pool, two: list[Target]) -> None:
    jump = build_chain(two).jump
    assert jump is not None
    async with pool.tunnel(jump) as through:
        found = await scan_host_keys(two[-1].host, two[-1].port, ScanOptions(every=True, through=through))
        assert found == [two[-1].host_key]
        with pytest.raises(ConnectFailed, match=r"Jump server 2 \(hop-2\) could not connect"):
            await scan_host_keys(two[-1].host, 1, ScanOptions(through=through, waits=()))


async def test_a_connection_that_a_jump_server_makes_too_late_is_closed_and_its_own_one_stays(tmp_path: Path) -> None:
    """The channel's opening cannot be withdrawn: left open, each such try would hold one on the jump server."""
    go, opened = asyncio.Event(), asyncio.Event()
    closed = asyncio.Event()

    class SlowServer(asyncssh.SSHServer):
        def connection_requested(self, *_: Any) -> Any:
            return open_late()

    class Session(asyncssh.SSHTCPSession[bytes]):
        def connection_lost(self, exc: Exception | None) -> None:
            closed.set()

    async def open_late() -> Any:
        await go.wait()
        opened.set()
        return Session()

    async with running_keyed_server(tmp_path, SlowServer) as jump:
        pool = build_pool(timeouts=ConnectTimeouts(connect=0.3, login=5.0, channel=5.0))
        hop = jump.endpoint(server_id=1, name="slow", max_channels=100)
        error = await fail(pool, jump.endpoint(server_id=2, jump=hop))
        assert error.detail.startswith("Jump server 1 (slow) gave no connection to 127.0.0.1 port ")
        go.set()
        async with asyncio.timeout(20):
            await opened.wait()
            await closed.wait()
        (group,) = (group for endpoint, group in pool._groups.items() if endpoint == hop)
        assert [pooled.connection.is_alive for pooled in group.connections] == [True]
        await pool.close()
