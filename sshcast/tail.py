"""Shows an execution's events, as the resolvers give them, on a terminal or a pipe."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

from resolvers.decoding import Decoders
from resolvers.output import Chunk, End, OutputEvent
from sshcast.display import UNKNOWN_STATUS, Ending, OutputWriter


@dataclass(slots=True)
class Display(OutputWriter):
    """Writes the output of events.

    `decoders`: those of the output from the first event on; a terminal gets UTF-8, whatever the server's encoding is.
    """

    decoders: Decoders = field(default_factory=Decoders)

    def show(self, event: OutputEvent) -> None:
        if isinstance(event, Chunk):
            read_text = partial(self.decoders.decode, event.stream, event.data, event.offset)
            self.write_piece(event.stream, event.data, read_text, event.left_out)
        elif isinstance(event, End):
            rests = {str(stream): text for stream, text in self.decoders.rest().items()}
            self.write_ending(_build_ending(event), rests)


def _build_ending(end: End) -> Ending:
    return Ending(end.state.value, end.exit_code, end.exit_signal, end.message, end.truncated, end.cursor)


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
