"""A piece of network in front of the service that can be cut: both ends lose the connection, with no word why."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PIECE = 64 * 1024


@dataclass(slots=True)
class Wire:
    """`url` is the service's, through the wire."""

    target: int
    url: str = ""
    _ends: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def join(self, near: asyncio.StreamReader, near_end: asyncio.StreamWriter) -> None:
        far, far_end = await asyncio.open_connection("127.0.0.1", self.target)
        ends = {near_end, far_end}
        self._ends |= ends
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(carry(near, far_end))
                tasks.create_task(carry(far, near_end))
        finally:
            self._ends -= ends
            for end in ends:
                end.close()


async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(PIECE):
            target.write(data)
            await target.drain()
    except OSError:
        pass  # cut
    target.close()


@asynccontextmanager
async def wire(url: str) -> AsyncIterator[Wire]:
    """A wire to the service at `url`, until the block ends."""
    found = Wire(int(url.rpartition(":")[2]))
    server = await asyncio.start_server(found.join, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
        found.cut()
        await server.wait_closed()
