"""Showing one execution's events on a terminal or a pipe."""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import BinaryIO

from rich.console import Console

from db.values import State, Stream
from resolvers.output import Chunk, End, OutputEvent
from sshcast.terminal import Sanitiser

COLOURS = {State.SUCCESS: "green", State.FAILED: "red", State.TIMEOUT: "yellow", State.CANCELLED: "yellow"}
UNKNOWN_STATUS = 255


@dataclass(slots=True)
class Tail:
    """stdout to stdout, stderr to stderr: byte for byte with `raw`, else without anything a terminal would obey."""

    raw: bool
    notes: Console
    _sanitisers: dict[Stream, Sanitiser] = field(default_factory=dict)

    def show(self, event: OutputEvent) -> None:
        if isinstance(event, Chunk):
            self._write(event.stream, event.data)
        elif isinstance(event, End):
            self._flush()
            self.notes.print(summary(event), style=COLOURS[event.state], highlight=False)

    def _write(self, stream: Stream, data: bytes, *, final: bool = False) -> None:
        target = binary(stream)
        if not self.raw:
            sanitiser = self._sanitisers.setdefault(stream, Sanitiser(colours=target.isatty()))
            data = sanitiser.feed(data, final=final).encode()
        target.write(data)
        target.flush()

    def _flush(self) -> None:
        for stream in self._sanitisers:
            self._write(stream, b"", final=True)


def binary(stream: Stream) -> BinaryIO:
    return sys.stdout.buffer if stream is Stream.STDOUT else sys.stderr.buffer


def summary(end: End) -> str:
    parts = [f"{end.state.value}"]
    if end.exit_code is not None:
        parts.append(f"exit status {end.exit_code}")
    if end.exit_signal is not None:
        parts.append(f"signal {end.exit_signal}")
    if end.message and end.exit_code is None:
        parts.append(end.message)
    if end.truncated:
        parts.append("output was cut at the limit")
    return "[" + "; ".join(parts) + f"] cursor {end.cursor}"


async def follow(events: AsyncIterator[OutputEvent], tail: Tail) -> int:
    """Show every event; the command's exit status, or 255 when it has none."""
    status = UNKNOWN_STATUS
    async for event in events:
        tail.show(event)
        if isinstance(event, End) and event.exit_code is not None:
            status = event.exit_code
    return status
