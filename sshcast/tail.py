"""Shows an execution's events on a terminal or a pipe."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import BinaryIO

from db.values import State, Stream
from resolvers.decoding import Decoders
from resolvers.output import Chunk, End, OutputEvent
from sshcast.errors import CommandFailed, ReaderGone
from sshcast.notes import Notes
from sshcast.terminal import Sanitiser, takes_colours, takes_sequences

COLOURS = {State.SUCCESS: "green", State.FAILED: "red", State.TIMEOUT: "yellow", State.CANCELLED: "yellow"}
UNKNOWN_STATUS = 255


@dataclass(slots=True)
class Display:
    """Writes stdout to stdout and stderr to stderr: byte for byte, or sanitised text on a terminal unless `raw`.

    `decoders`: those of the output from the first event on; a terminal gets UTF-8, whatever the server's encoding is.
    `lost`: why the output cannot be written any more; from then on only notes are.
    """

    raw: bool
    notes: Notes
    decoders: Decoders = field(default_factory=Decoders)
    lost: Exception | None = None
    _sanitisers: dict[Stream, Sanitiser] = field(default_factory=dict)

    def show(self, event: OutputEvent) -> None:
        if isinstance(event, Chunk):
            if event.left_out:
                self.notes.say(f"[{event.left_out} bytes over the output limit were left out here]", "yellow")
            self._write(event.stream, self._prepare(event))
        elif isinstance(event, End):
            self._finish()
            self.notes.say(_format_summary(event), COLOURS[event.state])

    def _write(self, stream: Stream, data: bytes) -> None:
        if self.lost is not None or not data:
            return
        try:
            _binary(stream).write(data)
            _binary(stream).flush()
        except BrokenPipeError:
            self.lost = ReaderGone()
        except OSError as error:
            self.lost = CommandFailed(f"what is to be written to {stream} cannot be: {error.strerror or error}")

    def _prepare(self, chunk: Chunk) -> bytes:
        target = _binary(chunk.stream)
        if self.raw or not target.isatty():
            return chunk.data
        sequences, colours = takes_sequences(target), takes_colours(target)
        made = Sanitiser(colours=colours, moves=True, erases=sequences)
        text = self.decoders.decode(chunk.stream, chunk.data, chunk.offset)
        return self._place(self._sanitisers.setdefault(chunk.stream, made).feed(text))

    def _place(self, text: str) -> bytes:
        return self.notes.screen.place(text).encode()

    def _finish(self) -> None:
        """Write what is left of a split character or sequence, and restore the terminal's colours."""
        rests = self.decoders.rest()
        for stream, sanitiser in self._sanitisers.items():
            self._write(stream, self._place(sanitiser.feed(rests.get(stream, ""), final=True)))
            self._write(stream, self.notes.screen.reset().encode())


def _binary(stream: Stream) -> BinaryIO:
    return sys.stdout.buffer if stream is Stream.STDOUT else sys.stderr.buffer


def _format_summary(end: End) -> str:
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


async def follow(
    events: AsyncGenerator[OutputEvent, None], display: Display, on_lost: Callable[[], None] | None = None
) -> int:
    """Show every event; return the command's exit status, or 255 if it has none.

    If the output cannot be written any more, call `on_lost` and go on to the end, or without it stop at once; then
    raise `lost`.
    """
    status = UNKNOWN_STATUS
    async with aclosing(events):
        async for event in events:
            before = display.lost
            await asyncio.to_thread(display.show, event)  # who reads slowly holds up nothing but this
            if isinstance(event, End) and event.exit_code is not None:
                status = event.exit_code
            if display.lost is not before and on_lost is None:
                break
            if display.lost is not before and on_lost is not None:
                on_lost()
    if display.lost is not None:
        raise display.lost
    return status
