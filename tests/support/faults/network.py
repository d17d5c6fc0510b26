"""A network of the test's own between the service and a target: it can close, reset, stall, or swallow one way."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET

PIECE = 64 * 1024


@dataclass(slots=True, eq=False)
class Network:
    """Passes bytes on to `target_port`. `up` and `down` are set while bytes pass in that direction."""

    target_port: int
    port: int = 0
    up: asyncio.Event = field(default_factory=asyncio.Event)
    down: asyncio.Event = field(default_factory=asyncio.Event)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def close_all(self) -> None:
        for writer in tuple(self.writers):
            writer.close()

    def reset_all(self) -> None:
        """An RST instead of a FIN: what was on its way is lost."""
        for writer in tuple(self.writers):
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    @asynccontextmanager
    async def stalled(self, *directions: asyncio.Event) -> AsyncIterator[None]:
        """Nothing passes in these directions, and nobody is told."""
        for direction in directions:
            direction.clear()
        yield
        for direction in directions:
            direction.set()

    async def end(self) -> None:
        """Break every connection off, and wait until nothing of them is left."""
        self.up.set()
        self.down.set()
        for writer in tuple(self.writers):
            writer.transport.abort()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=10)
        await asyncio.sleep(0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.close()
            return
        self.writers |= {writer, far_writer}
        try:
            await asyncio.gather(self.pump(reader, far_writer, self.up), self.pump(far_reader, writer, self.down))
        finally:
            self.writers -= {writer, far_writer}
            writer.close()
            far_writer.close()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, open: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await reader.read(PIECE):
                await open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def network(target_port: int) -> AsyncIterator[Network]:
    made = Network(target_port)
    made.up.set()
    made.down.set()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.end()
