"""The runner for tests of whole flows: both ways to run, and patience with a machine that is busy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from db.store import open_store
from db.values import Mode
from runner.ssh.attempts import RetryPolicy
from runner.ssh.client import Endpoint, ServerConnection, connect
from runner.ssh.protocol import ConnectTimeouts
from tests.support import runs
from tests.support.rig import BOTH_WAYS, Rig, Wanted, running
from tests.support.stores import lay_database

MODES = (Mode.DURABLE, Mode.ATTACHED)
TIMEOUTS = ConnectTimeouts(connect=10.0, login=20.0, channel=20.0)


async def patient_connect(endpoint: Endpoint) -> ServerConnection:
    return await connect(endpoint, timeouts=TIMEOUTS)


@asynccontextmanager
async def patient_rig(folder: Path, *, start_seconds: float, attempts: int = 2) -> AsyncIterator[Rig]:
    """On a SQLite database in `folder`. `attempts`: how often a server that cannot be reached is tried."""
    lay_database(folder)
    store = await open_store(f"sqlite:///{folder / 'sshcast.db'}")
    await runs.user(store)  # once, before many want one at the same time
    wanted = Wanted(
        store=store,
        connect=patient_connect,
        slots=100,
        ways=BOTH_WAYS,
        start_seconds=start_seconds,
        retry_policy=RetryPolicy(attempts=attempts, first_pause=0.02),
    )
    try:
        async with running(Rig(wanted)) as rig:
            yield rig
    finally:
        await store.close()
