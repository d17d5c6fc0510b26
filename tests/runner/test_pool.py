"""The pool: reuse, growth, replacement of dead connections, and no host delays another."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from runner.ssh.client import ConnectFailed, Credential, Endpoint, Exit, ServerConnection, connect
from runner.ssh.pool import Pool
from tests.support.targets import Output, Target, make_key, run_in_shell, running_sshd
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


class Counting:
    """The real connect, counted. `gate` holds the connections to one host back."""

    def __init__(self) -> None:
        self.made: list[ServerConnection] = []
        self.going_on = 0
        self.most_at_once = 0
        self.slow_host = ""
        self.gate = asyncio.Event()

    async def __call__(self, endpoint: Endpoint) -> ServerConnection:
        self.going_on += 1
        self.most_at_once = max(self.most_at_once, self.going_on)
        try:
            if endpoint.host == self.slow_host:
                await self.gate.wait()
            self.made.append(await connect(endpoint))
            return self.made[-1]
        finally:
            self.going_on -= 1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def counting() -> Counting:
    return Counting()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def pool(counting: Counting, clock: Clock) -> AsyncIterator[Pool]:
    made = Pool(counting, clock=clock)
    yield made
    await made.close()


async def pooled(pool: Pool, endpoint: Endpoint, command: str) -> tuple[Exit, Output]:
    async with pool.channel(endpoint) as shells:
        return await run_in_shell(shells, command)


async def test_the_next_command_uses_the_same_connection(pool: Pool, counting: Counting, target: Target) -> None:
    for status in (1, 2, 3):
        exit, _ = await pooled(pool, target.endpoint(), f"exit {status}")
        assert exit.status == status
    assert len(counting.made) == 1


async def test_fifty_commands_at_once_share_five_connections(pool: Pool, counting: Counting, openssh: Target) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(pooled(pool, openssh.endpoint(), f"sleep 0.5; echo {n}; exit {n}")) for n in range(50)
        ]
    assert [task.result()[0].status for task in tasks] == list(range(50))
    assert [bytes(task.result()[1].stdout) for task in tasks] == [f"{n}\n".encode() for n in range(50)]
    assert 1 < len(counting.made) <= 5
    assert counting.most_at_once == 1


async def test_a_server_that_allows_fewer_channels_gets_more_connections(
    pool: Pool, counting: Counting, tmp_path: Path
) -> None:
    with running_sshd(tmp_path, "MaxSessions 3") as target:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(pooled(pool, target.endpoint(), f"sleep 0.5; exit {n}")) for n in range(12)]
        assert [task.result()[0].status for task in tasks] == list(range(12))
        assert len(counting.made) > 3
        await pool.close()


async def test_a_server_that_opens_no_channel_at_all_is_a_clear_failure_for_everyone(
    pool: Pool, counting: Counting, tmp_path: Path
) -> None:
    with running_sshd(tmp_path, "MaxSessions 0") as target:
        asked = [pooled(pool, target.endpoint(), "true") for _ in range(15)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert {getattr(result, "reason", None) for result in results} == {"START_FAILED"}
        assert len(counting.made) < 5
        await pool.close()


async def test_a_dead_connection_is_replaced(pool: Pool, counting: Counting, target: Target) -> None:
    await pooled(pool, target.endpoint(), "true")
    await counting.made[0].close()
    exit, _ = await pooled(pool, target.endpoint(), "exit 6")
    assert (exit.status, len(counting.made)) == (6, 2)


async def test_a_connection_that_the_server_dropped_is_replaced(
    pool: Pool, counting: Counting, openssh: Target
) -> None:
    _, output = await pooled(pool, openssh.endpoint(), "echo $PPID")
    os.kill(int(output.stdout), signal.SIGKILL)
    exit, _ = await pooled(pool, openssh.endpoint(), "exit 6")
    assert (exit.status, len(counting.made)) == (6, 2)


@pytest.mark.parametrize("changed", ["host_keys", "credential", "host"])
async def test_a_changed_endpoint_never_gets_the_old_connection(
    pool: Pool, counting: Counting, demo_target: Target, tmp_path: Path, changed: str
) -> None:
    old = demo_target.endpoint()
    await pooled(pool, old, "true")
    new = {
        "host_keys": replace(old, host_keys=()),
        "credential": replace(old, credential=Credential("key", make_key(tmp_path / "stranger"))),
        "host": replace(old, host="no-such-host.invalid"),
    }[changed]
    with pytest.raises(ConnectFailed):
        await pooled(pool, new, "true")
    assert len(counting.made) == 1


async def test_all_who_wait_for_one_attempt_hear_of_its_failure_at_once(
    pool: Pool, counting: Counting, demo_target: Target
) -> None:
    endpoint = demo_target.endpoint(host_keys=())
    waiting = [asyncio.create_task(pooled(pool, endpoint, "true"), name="waiting") for _ in range(20)]
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {getattr(result, "reason", None) for result in results} == {"HOST_KEY_UNKNOWN"}
    assert counting.most_at_once == 1


async def test_a_slow_host_delays_nobody_else(pool: Pool, counting: Counting, demo_target: Target) -> None:
    counting.slow_host = "localhost"
    slow = asyncio.create_task(pooled(pool, demo_target.endpoint(host="localhost"), "exit 1"), name="slow")
    await until(lambda: counting.going_on)
    assert (await pooled(pool, demo_target.endpoint(), "exit 2"))[0].status == 2
    assert not slow.done()
    counting.gate.set()
    assert (await slow)[0].status == 1


async def test_a_waiter_that_gives_up_leaves_the_connection_to_the_next(
    pool: Pool, counting: Counting, demo_target: Target
) -> None:
    counting.slow_host = demo_target.host
    waiting = asyncio.create_task(pooled(pool, demo_target.endpoint(), "true"), name="waiting")
    await until(lambda: counting.going_on)
    waiting.cancel()
    await asyncio.wait([waiting])
    counting.gate.set()
    assert (await pooled(pool, demo_target.endpoint(), "exit 8"))[0].status == 8
    assert len(counting.made) == 1


async def test_a_holder_may_start_a_second_command_while_its_first_runs(
    pool: Pool, counting: Counting, demo_target: Target
) -> None:
    endpoint = demo_target.endpoint(max_channels=1)
    async with pool.channel(endpoint) as shells:
        first = (await shells.open_shell(on_output=Output())).process
        assert (await run_in_shell(shells, "exit 2"))[0].status == 2
        first.write_eof()
        assert (await first.wait()).status == 0
        assert (await run_in_shell(shells, "exit 3"))[0].status == 3
    assert len(counting.made) == 2


async def test_a_command_that_outlives_its_holder_keeps_its_channel(
    pool: Pool, counting: Counting, demo_target: Target
) -> None:
    endpoint = demo_target.endpoint(max_channels=1)
    async with pool.channel(endpoint) as shells:
        process = (await shells.open_shell(on_output=Output())).process
    await pooled(pool, endpoint, "true")
    assert len(counting.made) == 2
    process.write_eof()
    assert (await process.wait()).status == 0


async def test_an_idle_connection_is_closed_and_a_used_one_is_not(
    pool: Pool, counting: Counting, clock: Clock, demo_target: Target
) -> None:
    async with pool.channel(demo_target.endpoint()) as shells:
        clock.now = 1000.0
        await pool.sweep()
        assert (await run_in_shell(shells, "exit 1"))[0].status == 1
    clock.now = 1059.0
    await pool.sweep()
    assert counting.made[0].is_alive
    clock.now = 1060.0
    await pool.sweep()
    await until(lambda: not counting.made[0].is_alive)


async def test_a_closed_pool_has_closed_its_connections_and_makes_no_more(
    counting: Counting, demo_target: Target
) -> None:
    pool = Pool(counting)
    await pooled(pool, demo_target.endpoint(), "true")
    await pool.close()
    assert not counting.made[0].is_alive
    with pytest.raises(ConnectFailed, match="stopping"):
        await pooled(pool, demo_target.endpoint(), "true")


async def test_closing_the_pool_ends_an_attempt_that_goes_on(counting: Counting, demo_target: Target) -> None:
    counting.slow_host = demo_target.host
    pool = Pool(counting)
    waiting = asyncio.create_task(pooled(pool, demo_target.endpoint(), "true"), name="waiting")
    await until(lambda: counting.going_on)
    await pool.close()
    with pytest.raises(ConnectFailed, match="stopping"):
        await waiting
    assert counting.going_on == 0
