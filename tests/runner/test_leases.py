"""Several runners on one PostgreSQL: who is alive, and that a dead one's executions are taken over."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from db import runners
from db.postgres_store import PostgresStore
from db.store import open_store
from db.values import Mode, Reason, State
from runner.execution.drive import Drive
from runner.execution.leases import LEAVE_SECONDS, Leases
from runner.execution.outcome import Outcome, decide_by_exit
from runner.ssh.protocol import ShellSource
from tests.support import runs
from tests.support.local_target import carrying
from tests.support.postgres import Postgres
from tests.support.rig import Rig, Wanted
from tests.support.run_marks import count_runs, mark_run
from tests.support.scripted_run import follow
from tests.support.targets import Target
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

BACKDATE = "UPDATE runners SET lease_until = lease_until - interval '{} seconds' WHERE id = '{}'"


@pytest.fixture
async def url(postgres: Postgres) -> AsyncIterator[str]:
    async with postgres.database() as found:
        yield found


class Member:
    """A runner with a lease, on a store of its own."""

    def __init__(self, rig: Rig, store: PostgresStore) -> None:
        self.rig = rig
        self.store = store
        self.id = rig.dispatcher.runner_id
        self.leases = Leases(bus=rig.bus, dispatcher=rig.dispatcher, lock=store.session_lock(self.id))

    async def start(self) -> None:
        self.rig.writer.start()
        await self.leases.join()
        self.rig.cancels.start()
        self.rig.dispatcher.start()

    async def stop(self) -> None:
        await self.rig.dispatcher.drain(0)
        await self.rig.cancels.stop()
        await self.leases.leave()
        await self.rig.writer.stop()
        await self.rig.pool.close()

    async def freeze(self) -> None:
        """As a process that the machine does not let run: no beats, but what it drives is not told."""
        await self.leases.stop()
        await self.rig.dispatcher.stop()

    async def backdate(self, seconds: int) -> None:
        await self.store.run(lambda conn: conn.exec_driver_sql(BACKDATE.format(seconds, self.id)))

    async def hang_up(self) -> None:
        await self.leases.lock.close()


@asynccontextmanager
async def member(url: str, name: str, **wanted: object) -> AsyncIterator[Member]:
    store = await open_store(url)
    assert isinstance(store, PostgresStore)
    made = Member(Rig(Wanted(store=store, name=name, **wanted)), store)  # type: ignore[arg-type]
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
        await store.close()


async def attaching(drive: Drive, shells: ShellSource) -> Outcome:
    """As durable mode: begins once, goes on where another left it, and ends when the test says so."""
    if drive.row.remote is None:
        await drive.record_progress({"remote": {"spool": "x"}})
    else:
        return decide_by_exit(7, None)
    await asyncio.Event().wait()
    raise AssertionError("never")


WAYS = {Mode.DURABLE: follow(attaching)}


async def test_a_runner_that_lives_is_left_alone(url: str, demo_target: Target) -> None:
    async with member(url, "first", ways=WAYS) as first, member(url, "second", ways=WAYS) as second:
        id = await first.rig.pending(await first.rig.server(demo_target, run_mode=Mode.DURABLE), "true")
        await first.rig.reaches(id, State.RUNNING)
        assert await second.store.run(runners.take_over, "second") == []
        assert (await first.rig.row(id)).state == State.RUNNING


@pytest.mark.parametrize(
    ("seconds", "session", "dead"),
    [(3, True, False), (3, False, False), (7, True, False), (7, False, True), (11, True, True), (11, False, True)],
)
async def test_a_runner_is_dead_when_its_lease_ended_or_beats_are_missed_and_its_session_is_gone(
    url: str, demo_target: Target, seconds: int, session: bool, dead: bool
) -> None:
    async with member(url, "first", ways=WAYS) as first:
        id = await first.rig.pending(await first.rig.server(demo_target, run_mode=Mode.DURABLE), "true")
        await first.rig.reaches(id, State.RUNNING)
        await first.freeze()
        await first.backdate(seconds)
        if not session:
            await first.hang_up()
        await first.store.run(runners.heartbeat, "second")
        taken = await first.store.run(runners.take_over, "second")
        assert [row.id for row in taken] == ([id] if dead else [])
        assert (await first.rig.row(id)).runner_id == ("second" if dead else "first")


async def test_a_runner_does_not_wait_for_a_database_that_is_away_to_leave() -> None:
    """At an address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = await open_store(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing?sslmode=disable")
        assert isinstance(store, PostgresStore)
        alone = Member(Rig(Wanted(store=store, name="alone")), store)
        async with asyncio.timeout(LEAVE_SECONDS + 3):
            await alone.leases.leave()
        await store.close()


async def test_a_dead_runners_execution_is_attached_to_by_another(url: str, demo_target: Target) -> None:
    async with member(url, "first", ways=WAYS) as first:
        id = await first.rig.pending(await first.rig.server(demo_target, run_mode=Mode.DURABLE), "true")
        await first.rig.noted(id)
        await first.freeze()
        await first.hang_up()
        await first.backdate(5)
        async with member(url, "second", ways=WAYS) as second:
            row = await second.rig.ended(id)
    assert (row.exit_code, row.runner_id) == (7, "second")


async def test_a_runner_that_comes_back_stops_driving_what_was_taken(url: str, demo_target: Target) -> None:
    async with member(url, "first", ways=WAYS) as first:
        id = await first.rig.pending(await first.rig.server(demo_target, run_mode=Mode.DURABLE), "true")
        await first.rig.noted(id)
        await first.leases.stop()
        await first.backdate(11)
        await first.store.run(runners.heartbeat, "second")
        assert await first.store.run(runners.take_over, "second")
        assert id in first.rig.dispatcher.drives
        first.leases.start()
        await until(lambda: not first.rig.dispatcher.drives)
        assert (await first.rig.row(id)).runner_id == "second"
        assert await first.store.read(runners.list_execution_ids, "first") == set()


async def test_a_runner_that_left_is_followed_at_once(url: str, demo_target: Target) -> None:
    async with member(url, "second", ways=WAYS) as second:
        async with member(url, "first", ways=WAYS) as first:
            await second.freeze()
            id = await first.rig.pending(await first.rig.server(demo_target, run_mode=Mode.DURABLE), "true")
            await first.rig.noted(id)
            second.leases.start()
            second.rig.dispatcher.start()
        assert (await second.rig.ended(id)).exit_code == 7


async def test_a_runner_that_drains_leaves_what_it_could_take_over_to_others(url: str, demo_target: Target) -> None:
    """Its connections are closed soon: it would call a run lost that goes on."""
    async with member(url, "third", ways=WAYS) as third, member(url, "second", ways=WAYS) as second:
        async with member(url, "first", ways=WAYS) as first:
            await third.freeze()
            await second.freeze()
            id = await first.rig.pending(await first.rig.server(demo_target, run_mode=Mode.DURABLE), "true")
            await first.rig.noted(id)
        await second.rig.dispatcher.drain(0.0)
        assert await second.rig.dispatcher.take_over() == 0
        assert second.rig.dispatcher.drives == {}
        assert (await second.rig.row(id)).state == State.RUNNING
        third.leases.start()
        third.rig.dispatcher.start()
        assert (await third.rig.ended(id)).exit_code == 7


async def test_a_runner_whose_beats_do_not_get_through_claims_nothing(url: str, demo_target: Target) -> None:
    async with member(url, "first") as first:
        await first.leases.stop()
        first.rig.dispatcher.extend_lease(0.0)
        id = await first.rig.pending(await first.rig.server(demo_target), "exit 3")
        await first.rig.dispatcher.tick()
        assert (await first.rig.row(id)).state == State.PENDING
        first.leases.start()
        assert (await first.rig.ended(id)).exit_code == 3


async def test_after_an_absence_of_the_database_nobody_is_buried_before_all_could_beat(url: str) -> None:
    async with member(url, "first") as first:
        await first.leases.stop()
        await first.store.run(runners.heartbeat, "second")
        await first.store.run(lambda conn: conn.exec_driver_sql(BACKDATE.format(60, "second")))
        first.leases._heartbeats = 0
        await first.leases.tick()
        await first.leases.tick()
        assert await names(first.store) == {"first", "second"}
        await first.leases.tick()
        assert await names(first.store) == {"first"}


async def names(store: PostgresStore) -> set[str]:
    return await store.read(lambda conn: set(conn.exec_driver_sql("SELECT id FROM runners").scalars()))


async def test_a_process_killed_in_an_attached_run_is_followed_by_another_that_ends_it(
    url: str, demo_target: Target, tmp_path: Path
) -> None:
    """Nobody holds the time limit of an attached run any more when its service was killed."""
    async with member(url, "second") as second:
        await second.freeze()
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.support.lone_runner", url, "first")
        marks = tmp_path / "runs"
        server = await second.rig.server(demo_target)
        id = await second.rig.pending(server, mark_run(marks, "trap '' HUP; echo up; sleep 60 & sleep 60"))
        await second.rig.printed(id)
        mark = ((await second.rig.row(id)).remote or {})["mark"]
        second.leases.start()
        second.rig.dispatcher.start()
        process.send_signal(signal.SIGKILL)
        await process.wait()
        row = await second.rig.ended(id)
    assert (row.reason, row.runner_id, count_runs(marks)) == (Reason.LOST, "second", 1)
    assert (row.verified_gone, carrying(mark)) == (True, [])
    assert "sshcast stopped while this attached run was going on, and what was left of it was ended" in str(row.message)


async def test_two_runners_share_what_is_pending_and_run_each_once(
    url: str, demo_target: Target, tmp_path: Path
) -> None:
    async with member(url, "first") as first, member(url, "second") as second:
        server = await first.rig.server(demo_target)
        ids = [await runs.pending(first.store, server, mark_run(tmp_path / f"{n}", f"exit {n}")) for n in range(40)]
        for n, id in enumerate(ids):
            assert (await second.rig.ended(id)).exit_code == n
            assert count_runs(tmp_path / f"{n}") == 1
