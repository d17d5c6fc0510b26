"""Runs with a log whose chunks a test chooses, on a desk."""

import codecs
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from db import executions, output, transitions
from db.models import TaskExecution
from db.output import NewChunk
from db.output_gap import OutputGap
from db.values import State, Stream
from tests.support import rows
from tests.support.desk import Desk


@dataclass(frozen=True, slots=True)
class LogPiece:
    """Bytes of one stream, after so many bytes of each stream, and lines, that were left out."""

    stream: Stream
    data: bytes
    left_out: tuple[int, int, int] | None = None


async def add_log(
    desk: Desk, pieces: Iterable[LogPiece], state: State | None = State.SUCCESS, id: int | None = None
) -> int:
    """The id of a run, a new one unless its id is given, with a chunk for each piece. It goes on without a state."""

    def insert(conn: Any) -> TaskExecution:
        row = executions.by_id(conn, id) if id is not None else None
        if row is None:
            row = rows.pending(conn, server_id=1, created_by=1, state=State.RUNNING, fence=1, runner_id="the test")
        offsets = {Stream.STDOUT: row.stdout_bytes, Stream.STDERR: row.stderr_bytes}
        chunks = []
        for piece in pieces:
            gap = None
            if piece.left_out is not None:
                starts, (*sizes, lines) = dict(offsets), piece.left_out
                for stream, size in zip(Stream, sizes, strict=True):
                    offsets[stream] += size
                gap = OutputGap(starts, dict(offsets), lines)
            chunks.append(NewChunk(row.id, 1, piece.stream, offsets[piece.stream], rows.NOON, piece.data, gap))
            offsets[piece.stream] += len(piece.data)
        assert not output.append(conn, chunks)
        if state is not None:
            assert transitions.finish(conn, row.id, 1, {"state": state})
        return row

    return (await desk.service.store.run(insert)).id


def cut(texts: list[tuple[Stream, bytes]], sizes: list[int]) -> list[LogPiece]:
    """Chunks of any sizes: a character may be in several, with the other stream's between them."""
    pieces, turn = [], 0
    for stream, data in texts:
        while data:
            size = sizes[turn % len(sizes)]
            turn += 1
            pieces.append(LogPiece(stream, data[:size]))
            data = data[size:]
    return pieces


def decode(pieces: Iterable[LogPiece], *, finish: bool = True) -> str:
    """Each stream by itself, in the order in which the characters end."""
    decoders = {stream: codecs.getincrementaldecoder("utf-8")("replace") for stream in Stream}
    parts = [decoders[piece.stream].decode(piece.data) for piece in pieces]
    return "".join(parts + [decoder.decode(b"", True) for decoder in decoders.values() if finish])


class SpentTime:
    """A clock that goes on by a second whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now
