"""A way to PostgreSQL that is cut around one COMMIT: before it arrives, before its answer returns, or right after."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.support.postgres import Postgres
from tests.support.service import Running, running

PIECE = 64 * 1024
ASKED = b"COMMIT;\0"
ANSWERED = b"COMMIT\0"


class Cut(StrEnum):
    UNSENT = "before it arrives"
    UNANSWERED = "before its answer returns"
    ANSWERED = "after its answer"


@dataclass(slots=True, eq=False)
class Way:
    """Cuts every connection at the next COMMIT that `cut` is set for. While it is not `open`, none can be made."""

    target_port: int
    port: int = 0
    cut: Cut | None = None
    open: bool = True
    stays_away: bool = False
    cuts: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def break_off(self) -> None:
        self.cut, self.open = None, not self.stays_away
        self.cuts += 1
        self.close_all()

    def close_all(self) -> None:
        for writer in tuple(self.writers):
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        self.writers |= {writer, far_writer}
        asked = asyncio.Event()
        try:
            await asyncio.gather(self.ask(reader, far_writer, asked), self.answer(far_reader, writer, asked))
        finally:
            self.writers -= {writer, far_writer}
            writer.close()
            far_writer.close()

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await reader.read(PIECE):
                if self.cut is not None and ASKED in data:
                    asked.set()
                    if self.cut is Cut.UNSENT:
                        self.break_off()
                        break
                writer.write(data)
                await writer.drain()
        writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await reader.read(PIECE):
                committed = asked.is_set() and ANSWERED in data
                if not committed or self.cut is Cut.ANSWERED:
                    writer.write(data)
                    await writer.drain()
                if committed:
                    self.break_off()
                    break
        writer.close()


@asynccontextmanager
async def way_to(target_port: int) -> AsyncIterator[Way]:
    made = Way(target_port)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.close_all()
        await asyncio.sleep(0)


@pytest.fixture
async def way(postgres: Postgres) -> AsyncIterator[Way]:
    async with way_to(postgres.port) as found:
        yield found


@asynccontextmanager
async def running_over(way: Way, postgres: Postgres, folder: Path) -> AsyncIterator[Running]:
    """A service on a database that is reached over the way."""
    async with postgres.database() as direct:
        url = make_url(direct).set(port=way.port).render_as_string()
        async with running(folder, database_url=url) as found:
            yield found
