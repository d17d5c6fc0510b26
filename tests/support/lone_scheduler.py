"""A scheduler in a process of its own, to be killed: `python -m tests.support.lone_scheduler URL EPOCH SPEED`.

Its wall clock starts at the ledger's noon at EPOCH (seconds of Unix time) and runs SPEED times as fast as ours.
"""

import asyncio
import sys
import time
from datetime import datetime

from db.store import open_store
from runner.bus import Bus
from runner.policy import Policy
from runner.scheduling.scheduler import Scheduler
from tests.support.ledger import at


class Fast(Scheduler):
    """Looks as often as it can: a kill then hits it at its work."""

    async def tick(self) -> float:
        return min(0.01, await super().tick())


async def main(url: str, epoch: float, speed: float) -> None:
    def clock() -> datetime:
        return at((time.time() - epoch) * speed)

    loop = Fast(bus=Bus(), store=await open_store(url), policy=Policy.load(), clock=clock)
    loop.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
