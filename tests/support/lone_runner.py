"""A runner in a process of its own, to be killed: `python -m tests.support.lone_runner URL NAME`."""

import asyncio
import sys

from db.postgres_store import PostgresStore
from db.store import open_store
from runner.execution.leases import Leases
from tests.support.rig import Rig, Wanted


async def main(url: str, name: str) -> None:
    store = await open_store(url)
    assert isinstance(store, PostgresStore)
    rig = Rig(Wanted(store=store, name=name))
    leases = Leases(bus=rig.bus, dispatcher=rig.dispatcher, lock=store.session_lock(name))
    rig.writer.start()
    await leases.join()
    rig.dispatcher.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
