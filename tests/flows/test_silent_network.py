"""A network that goes silent before a shell has answered: told as that, and not as something the account did."""

from dataclasses import replace
from pathlib import Path

import pytest

from db.values import Mode, Reason, State
from tests.support.accounts.rigs import MODES, patient_rig
from tests.support.faults.network import network
from tests.support.targets import Target, openssh

__all__ = ["openssh"]

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("direction", ["both", "down"])
@pytest.mark.parametrize("mode", MODES)
async def test_a_server_that_stops_answering_was_not_reached(
    openssh: Target, mode: Mode, direction: str, tmp_path: Path
) -> None:
    async with network(openssh.port) as between, patient_rig(tmp_path, start_seconds=1.0, attempts=1) as rig:
        server = await rig.server(replace(openssh, port=between.port), run_mode=mode)
        assert (await rig.ran(server, "true")).state == State.SUCCESS
        stalled = (between.up, between.down) if direction == "both" else (between.down,)
        async with between.stalled(*stalled):
            row = await rig.ran(server, "touch ~/ran")
        assert (row.state, row.reason) == (State.FAILED, Reason.UNREACHABLE), row.message
        assert row.message is not None
        assert "stopped answering" in row.message
