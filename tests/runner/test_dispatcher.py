"""Claiming and driving: limits, fairness, faults of the database, take-over and drain."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import pytest

from db.store import Store
from db.values import Mode, State
from runner.execution.drive import Drive
from runner.execution.outcome import Outcome, decide_by_exit
from runner.ssh.attempts import RetryPolicy
from runner.ssh.client import ConnectTimeouts, Endpoint, ServerConnection, connect
from runner.ssh.protocol import ShellSource
from tests.support import runs
from tests.support.rig import Rig, Wanted, running
from tests.support.scripted_run import follow
from tests.support.stores import both_stores
from tests.support.targets import Target
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

store = both_stores


class Recorder:
    """A way of running that runs nothing: it notes who runs at once, and ends when told to."""

    def __init__(self) -> None:
        self.running: list[int] = []
        self.order: list[int] = []
        self.most = 0
        self.gate = asyncio.Event()

    async def __call__(self, drive: Drive, shells: ShellSource) -> Outcome:
        self.running.append(drive.row.id)
        self.order.append(drive.row.id)
        self.most = max(self.most, len(self.running))
        await self.gate.wait()
        self.running.remove(drive.row.id)
        return decide_by_exit(0, None)


@pytest.fixture
async def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def starting() -> AsyncIterator[Callable[[Rig], Awaitable[Rig]]]:
    """Starts runners, and drains them at the end."""
    async with AsyncExitStack() as stack:

        async def start(rig: Rig) -> Rig:
            return await stack.enter_async_context(running(rig))

        yield start


@contextmanager
def black_hole() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def recorded(store: Store, recorder: Recorder, **changes: Any) -> Rig:
    return Rig(Wanted(store=store, ways={Mode.ATTACHED: follow(recorder), Mode.DURABLE: follow(recorder)}, **changes))


Starting = Callable[[Rig], Awaitable[Rig]]


async def test_no_more_commands_run_at_once_than_there_are_slots(
    store: Store, recorder: Recorder, demo_target: Target, starting: Starting
) -> None:
    rig = recorded(store, recorder, slots=3)
    server = await rig.server(demo_target)
    ids = [await rig.pending(server, "true") for _ in range(10)]
    await starting(rig)
    await until(lambda: len(recorder.running) == 3)
    assert [(await rig.row(id)).state for id in ids].count(State.PENDING) == 7
    recorder.gate.set()
    for id in ids:
        await rig.ended(id)
    assert recorder.most == 3


async def test_no_more_commands_run_on_a_server_than_it_allows(
    store: Store, recorder: Recorder, demo_target: Target, starting: Starting
) -> None:
    rig = recorded(store, recorder)
    small = await rig.server(demo_target, max_parallel=2)
    large = await rig.server(demo_target, max_parallel=20)
    ids = [await rig.pending(server, "true") for server in (small, large) for _ in range(6)]
    await starting(rig)
    await until(lambda: len(recorder.running) == 8)
    assert sorted(recorder.running) == [*ids[:2], *ids[6:]]
    recorder.gate.set()
    for id in ids:
        await rig.ended(id)


async def test_two_runners_together_keep_to_a_servers_limit(
    store: Store, recorder: Recorder, demo_target: Target, starting: Starting
) -> None:
    rigs = [recorded(store, recorder, name=f"runner-{n}") for n in (1, 2)]
    server = await rigs[0].server(demo_target, max_parallel=3)
    for rig in rigs:
        await starting(rig)
    ids = [await rigs[0].pending(server, "true") for _ in range(12)]
    await until(lambda: len(recorder.running) == 3)
    recorder.gate.set()
    for id in ids:
        await rigs[0].ended(id)
    assert recorder.most <= 3
    assert sorted(recorder.order) == ids


async def test_servers_take_turns(store: Store, recorder: Recorder, demo_target: Target, starting: Starting) -> None:
    rig = recorded(store, recorder, slots=4)
    busy, other = await rig.server(demo_target), await rig.server(demo_target)
    many = [await rig.pending(busy, "true") for _ in range(10)]
    few = [await rig.pending(other, "true") for _ in range(2)]
    await starting(rig)
    await until(lambda: len(recorder.running) == 4)
    assert sorted(recorder.running) == sorted([*many[:2], *few])
    recorder.gate.set()
    for id in many:
        await rig.ended(id)


async def test_users_of_one_server_take_turns(
    store: Store, recorder: Recorder, demo_target: Target, starting: Starting
) -> None:
    rig = recorded(store, recorder, slots=4)
    server = await rig.server(demo_target)
    many = [await rig.pending(server, "true") for _ in range(10)]
    other = await runs.user(store, "grace")
    few = [await rig.pending(server, "true", created_by=other) for _ in range(2)]
    await starting(rig)
    await until(lambda: len(recorder.running) == 4)
    assert sorted(recorder.running) == sorted([*many[:2], *few])
    recorder.gate.set()
    for id in many:
        await rig.ended(id)


async def test_a_dead_host_with_fifty_runs_delays_nobody(store: Store, demo_target: Target, starting: Starting) -> None:
    retry_policy = RetryPolicy(attempts=1, seconds=600)
    rig = await starting(Rig(Wanted(store=store, slots=4, retry_policy=retry_policy, connect=stubborn)))
    with black_hole() as port:
        dead = await rig.server(demo_target, port=port, max_parallel=50)
        waiting = [await rig.pending(dead, "true") for _ in range(50)]
        await until(lambda: rig.dispatcher.drives)
        good = await rig.server(demo_target)
        assert [(await rig.ran(good, f"exit {n}")).exit_code for n in range(10)] == list(range(10))
        assert {(await rig.row(id)).state for id in waiting} <= {State.PENDING, State.RUNNING}


async def stubborn(endpoint: Endpoint) -> ServerConnection:
    """Waits for a silent host for longer than any test lasts."""
    return await connect(endpoint, timeouts=ConnectTimeouts(login=600.0))
