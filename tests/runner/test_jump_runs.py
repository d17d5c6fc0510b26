"""Runs on servers that are reached through others: cut in the middle, disabled before the start, and told by name."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from db import jumps, servers
from db.store import Store
from db.values import Mode, Reason, State
from tests.support.jump_chain import count_sign_ins, running_chain, store_chain
from tests.support.rig import BOTH_WAYS, Rig, Wanted, running
from tests.support.run_marks import count_runs, mark_run
from tests.support.stores import both_stores
from tests.support.targets import Target

pytestmark = pytest.mark.anyio

store = both_stores


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[Rig]:
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS))) as made:
        yield made


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Target]]:
    """Two jump servers and a target."""
    with running_chain(tmp_path_factory.mktemp("chain"), 2) as targets:
        yield targets


def kill_connections(target: Target) -> None:
    """Kill sshd's processes for the connections to it, as a reboot of that server would; it goes on listening."""
    listener = int((target.folder / "pid").read_text())
    children = Path(f"/proc/{listener}/task/{listener}/children").read_text().split()
    assert children
    for child in children:
        os.kill(int(child), signal.SIGKILL)


@pytest.mark.parametrize("hop", [1, 2])
async def test_a_durable_run_goes_on_and_loses_no_byte_when_a_jump_server_is_cut(
    rig: Rig, two: list[Target], tmp_path: Path, hop: int
) -> None:
    target = (await store_chain(rig.store, two, run_mode=Mode.DURABLE))[-1]
    go, times = tmp_path / "go", tmp_path / "times"
    command = mark_run(times, f"seq 20000; until [ -e {go} ]; do sleep 0.05; done; seq 20001 40000; exit 7")
    id = await rig.pending(target, command)
    await rig.printed(id, at_least=100)
    kill_connections(two[hop - 1])
    go.touch()
    row = await rig.ended(id)
    assert (row.state, row.exit_code, count_runs(times)) == (State.FAILED, 7, 1)
    assert (await rig.output(id))[0] == b"".join(b"%d\n" % n for n in range(1, 40_001))


async def test_the_message_of_a_run_names_the_jump_server_that_failed(rig: Rig, two: list[Target]) -> None:
    first, second, target = await store_chain(rig.store, two)
    assert await rig.store.run(servers.update, second, {"host_keys": [two[0].host_key]})
    row = await rig.ran(target, "true")
    assert (row.state, row.reason) == (State.FAILED, Reason.HOST_KEY_CHANGED)
    assert row.message is not None
    assert row.message.startswith(f"Jump server {second} (hop-2): ")
    assert first != second


async def test_a_pending_run_behind_a_disabled_jump_server_fails_with_a_sentence(rig: Rig, two: list[Target]) -> None:
    first, _, target = await store_chain(rig.store, two)
    before = [count_sign_ins(each) for each in two]
    assert await rig.store.run(servers.update, first, {"enabled": False})
    row = await rig.ran(target, "true")
    assert (row.state, row.reason) == (State.FAILED, Reason.START_FAILED)
    assert row.message == (
        f"the server cannot be reached now. Jump server {first} (hop-1) is disabled: an admin can enable it."
    )
    assert [count_sign_ins(each) for each in two] == before
    assert await rig.store.run(servers.update, first, {"enabled": True})
    assert (await rig.ran(target, "true")).state == State.SUCCESS


async def test_runs_behind_jump_servers_share_connections(rig: Rig, tmp_path: Path) -> None:
    with running_chain(tmp_path, 1) as targets:
        jump, target = await store_chain(rig.store, targets, run_mode=Mode.ATTACHED)
        rows = await asyncio.gather(*(rig.ran(target, "sleep 0.2") for _ in range(5)))
        assert {row.state for row in rows} == {State.SUCCESS}
        assert (await rig.ran(jump, "true")).state == State.SUCCESS
        assert count_sign_ins(targets[1]) == 1
        await rig.pool.close()


async def test_a_chain_is_loaded_from_the_own_jump_server_on(store: Store, two: list[Target]) -> None:
    first, second, target = await store_chain(store, two)
    assert [row.id for row in await store.read(jumps.load_chain, second)] == [second, first]
    assert [await store.read(jumps.measure_behind, id) for id in (first, second, target)] == [2, 1, 0]
    assert list(await store.read(jumps.list_behind, first, 5)) == ["hop-2"]


async def test_a_chain_that_is_a_circle_ends(store: Store, two: list[Target]) -> None:
    """No change makes one; if a database has one all the same, no query on it runs for ever."""
    first, second, _ = await store_chain(store, two)
    assert await store.run(servers.update, first, {"jump_server_id": second})
    assert 2 <= len(await store.read(jumps.load_chain, first)) <= jumps.MOST_HOPS + 2
    assert await store.read(jumps.measure_behind, first) > jumps.MOST_HOPS
