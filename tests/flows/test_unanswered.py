"""A session that no shell answers: it can be left at any time, and a server has one of them at a time."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.values import Mode, Reason, State
from tests.support.accounts.accounts import Account, Wish, accounts, needs_accounts
from tests.support.accounts.rigs import MODES, patient_rig
from tests.support.waiting import until

pytestmark = [needs_accounts, pytest.mark.anyio]

HANGS = Wish(files={".bashrc": 'echo waiting; echo . >>"$HOME/begun"; sleep 1000\n'})


@pytest.fixture
def account() -> Iterator[Account]:
    with accounts({"hangs": HANGS}) as made:
        yield made.named["hangs"]


@pytest.mark.parametrize("mode", MODES)
async def test_a_run_that_waits_for_an_answer_is_cancelled_within_seconds(
    account: Account, mode: Mode, tmp_path: Path
) -> None:
    async with patient_rig(tmp_path, start_seconds=60.0) as rig:
        id = await rig.pending(await rig.server(account.target, run_mode=mode), "touch ~/ran")
        await until(lambda: _sleeping(account) == 1)
        asked = time.monotonic()
        await rig.cancel(id)
        row = await rig.ended(id)
        assert (row.state, row.reason) == (State.CANCELLED, Reason.CANCELLED), row.message
        assert time.monotonic() - asked < 10
        await until(lambda: account.processes(of_sshd=False) == [])
    assert not (account.home / "ran").exists()


async def test_a_time_limit_shorter_than_the_wait_for_an_answer_starts_nothing(
    account: Account, tmp_path: Path
) -> None:
    """The limit is for the command; that no shell answers is told as such, or at the limit, and never as success."""
    async with patient_rig(tmp_path, start_seconds=4.0) as rig:
        row = await rig.ran(await rig.server(account.target), "touch ~/ran", timeout_seconds=1)
        assert (row.state, row.reason) == (State.FAILED, Reason.START_FAILED), row.message
    assert not (account.home / "ran").exists()


async def test_a_server_has_one_unanswered_session_at_a_time(account: Account, tmp_path: Path) -> None:
    most = 0
    async with patient_rig(tmp_path, start_seconds=1.5) as rig:
        servers = {mode: await rig.server(account.target, run_mode=mode) for mode in MODES}
        for server in servers.values():
            runs = [await rig.pending(server, "touch ~/ran") for _ in range(4)]
            ending = asyncio.gather(*(rig.ended(run) for run in runs))
            while not ending.done():
                most = max(most, _sleeping(account))
                await asyncio.wait([ending], timeout=0.05)
            assert {(row.state, row.reason) for row in ending.result()} == {(State.FAILED, Reason.START_FAILED)}
    assert most == 1
    assert not (account.home / "ran").exists()


async def test_a_shell_that_answers_late_runs_what_waits_for_it(tmp_path: Path) -> None:
    """The waiting stand behind the first, and all of them run."""
    slow = Wish(files={".bashrc": "sleep 1\n"})
    with accounts({"slow": slow}) as made:
        async with patient_rig(tmp_path, start_seconds=20.0) as rig:
            server = await rig.server(made.named["slow"].target)
            runs = [await rig.pending(server, "echo ran") for _ in range(5)]
            rows = await asyncio.gather(*(rig.ended(run) for run in runs))
            assert {row.state for row in rows} == {State.SUCCESS}


def _sleeping(account: Account) -> int:
    return sum(line.endswith(" sleep 1000") for line in account.processes())
