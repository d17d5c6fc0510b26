"""A durable run holds one channel at a time: what it does not use any more is given back to the pool at once."""

from functools import partial

import pytest

from db.store import Store
from db.values import Mode, State
from runner.ssh.protocol import Endpoint, ServerConnection
from tests.support.rig import BOTH_WAYS, Rig, Wanted, quick_connect, running
from tests.support.targets import Target
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


def count_promised(rig: Rig) -> list[int]:
    """How many channels are promised on each connection that the pool knows."""
    return [pooled.in_use for group in rig.pool._groups.values() for pooled in group.connections]


def has_more(made: list[ServerConnection], than: int) -> bool:
    return len(made) > than


async def test_a_connection_that_was_cut_is_given_back_as_soon_as_it_is(store: Store, target: Target) -> None:
    """At the end of the run would be late: a run may outlive many connections."""
    made: list[ServerConnection] = []

    async def connect(endpoint: Endpoint) -> ServerConnection:
        made.append(await quick_connect(endpoint))
        return made[-1]

    stop = target.folder / "stop"
    async with running(Rig(Wanted(store=store, ways=BOTH_WAYS, connect=connect))) as rig:
        server = await rig.server(target, run_mode=Mode.DURABLE)
        command = f"n=0; until [ -e {stop} ]; do echo $((n += 1)); sleep 0.1; done; exit 3"
        id = await rig.pending(server, command)
        for times in (1, 2, 3):
            had = len(await rig.printed(id))
            await rig.printed(id, at_least=had + 2)
            assert (len(made), count_promised(rig)) == (times, [1])
            await made[-1].close()
            await until(partial(has_more, made, times))
        stop.touch()
        row = await rig.ended(id)
        assert (row.state, row.exit_code) == (State.FAILED, 3)
        await until(lambda: sum(count_promised(rig)) == 0)
