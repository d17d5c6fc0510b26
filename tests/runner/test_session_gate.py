"""Who waits behind a session that no shell answers fails with it, and is told as much about trying again."""

import asyncio

import pytest

from runner.ssh.protocol import ConnectFailed
from runner.ssh.session_gate import SessionGate

pytestmark = pytest.mark.anyio

SECONDS = 5.0
SILENT = ConnectFailed(
    "UNREACHABLE", "the server is silent", passing=True, at_jump=True, early_output=(("stdout", b"theirs"),)
)
NO_SHELL = ConnectFailed("START_FAILED", "no shell answered")


@pytest.mark.parametrize("failure", [SILENT, NO_SHELL], ids=["passing", "lasting"])
async def test_a_waiter_fails_as_the_session_before_it_but_without_its_output(failure: ConnectFailed) -> None:
    """A durable run that has begun is lost for good by a failure that does not pass."""
    gate = SessionGate()
    await gate.enter(SECONDS)
    began = asyncio.get_running_loop().time()
    waiting = asyncio.create_task(gate.enter(SECONDS))
    await asyncio.sleep(0)
    gate.fail(failure)
    for late in (waiting, gate.enter(SECONDS, since=began)):
        with pytest.raises(ConnectFailed) as told:
            await late
        found = told.value
        assert found is not failure
        assert (found.reason, found.detail) == (failure.reason, failure.detail)
        assert (found.passing, found.at_jump) == (failure.passing, failure.at_jump)
        assert found.early_output == ()
