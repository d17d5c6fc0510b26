"""Removes old spools from a target: those whose driver was gone before it could remove them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from runner.log import get_logger
from runner.remote import program
from runner.ssh.pool import Pool
from runner.ssh.protocol import ConnectFailed, Endpoint

log = get_logger()

DAYS = 7
EVERY_SECONDS = 3600.0
MOST_SECONDS = 60.0


@dataclass(slots=True)
class SpoolSweeper:
    """Sweeps each server at most once an hour. `clock` is in seconds."""

    clock: Callable[[], float] = time.monotonic
    _last: dict[int, float] = field(default_factory=dict)

    def is_due(self, server_id: int) -> bool:
        """Return True if a sweep is due; the caller then sweeps."""
        now = self.clock()
        if now - self._last.get(server_id, -EVERY_SECONDS) < EVERY_SECONDS:
            return False
        self._last[server_id] = now
        return True

    async def sweep(self, pool: Pool, target: Endpoint) -> None:
        """Sweep the target if it is due. After a failure a later sweep tries again."""
        if not self.is_due(target.server_id):
            return
        try:
            async with asyncio.timeout(MOST_SECONDS), pool.channel(target) as shells:
                await program.run(await shells.open_shell(on_output=_ignore_output), _build_sweep())
        except (ConnectFailed, TimeoutError, OSError) as error:
            log.info("a server is not swept", server=target.server_id, cause=str(error))


def _build_sweep() -> bytes:
    days = program.build_assignments({"days": str(DAYS)})
    return f"{days}{program.load_program('spool.sh')}{program.load_program('sweep.sh')}".encode()


def _ignore_output(stream: str, data: bytes) -> None:
    """A sweep has no output."""
