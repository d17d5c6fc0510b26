"""Many runs at once on SSH servers that take few channels, and on one that speaks nothing that we speak."""

import asyncio
from pathlib import Path

import pytest

from db.models import TaskExecution
from db.values import Mode, Reason, State
from tests.support.accounts.accounts import needs_accounts
from tests.support.accounts.old_servers import account_of
from tests.support.accounts.rigs import MODES, patient_rig
from tests.support.rig import Rig
from tests.support.targets import Target

pytestmark = [needs_accounts, pytest.mark.anyio]

RUNS = 20


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("server", ["dropbear", "narrow"])
async def test_twenty_runs_at_once_all_succeed_with_their_own_output(server: str, mode: Mode, tmp_path: Path) -> None:
    """dropbear 2022.83 closes some of several channels that are opened at once, without an answer."""
    with account_of(server, tmp_path) as target:
        async with patient_rig(tmp_path, start_seconds=20.0) as rig:
            rows = await _many(rig, target, mode)
            assert [(row.state, row.mode, row.message) for row in rows] == [(State.SUCCESS, mode, None)] * RUNS
            for n, row in enumerate(rows):
                assert await rig.output(row.id) == (f"out {n}\n".encode(), f"err {n}\n".encode())


@pytest.mark.parametrize("mode", MODES)
async def test_runs_on_a_server_with_ciphers_that_can_be_cut_end_without_a_start(mode: Mode, tmp_path: Path) -> None:
    """tinysshd knows chacha20 alone, and we do not speak it: see tests/runner/test_ssh_hardening.py."""
    with account_of("tinysshd", tmp_path) as target:
        async with patient_rig(tmp_path, start_seconds=20.0) as rig:
            rows = await _many(rig, target, mode)
            assert {(row.state, row.reason, row.stdout_bytes) for row in rows} == {
                (State.FAILED, Reason.UNREACHABLE, 0)
            }


async def _many(rig: Rig, target: Target, mode: Mode) -> list[TaskExecution]:
    """The rows of runs that were begun at the same time, in their order."""
    id = await rig.server(target, run_mode=mode)
    runs = [await rig.pending(id, f"echo out {n}; sleep 0.2; echo err {n} >&2") for n in range(RUNS)]
    return await asyncio.gather(*(rig.ended(run) for run in runs))
