"""Bytes of both streams as text: a character that two chunks share is shown whole, with the second one."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass

from db.values import Stream
from resolvers import cursor as cursors


@dataclass(frozen=True, slots=True)
class UnfinishedCharacter:
    """U+FFFD for a character of this stream that never came to its end. `cursor` is the place after it."""

    stream: Stream
    text: str
    cursor: str


class Decoders:
    """One UTF-8 decoder a stream; what is not UTF-8 shows as U+FFFD.

    `lead` is what came just before (3 bytes a stream are enough), for one that starts in the middle of a character;
    `told` how many of the rests at the end were told before.
    """

    def __init__(self, lead: Mapping[Stream, bytes], told: int = 0) -> None:
        made = codecs.getincrementaldecoder("utf-8")
        self._decoders = {stream: made("replace") for stream in Stream}
        self._told = told
        self._rests = 0
        for stream, data in lead.items():
            self._decoders[stream].decode(data)

    def decode(self, stream: Stream, data: bytes) -> str:
        return self._decoders[stream].decode(data)

    def is_pending(self) -> bool:
        """Whether a character still waits for its rest."""
        return any(decoder.getstate()[0] for decoder in self._decoders.values())

    def rest(self) -> dict[Stream, str]:
        """What is left of characters that never came to their end."""
        found = {stream: decoder.decode(b"", True) for stream, decoder in self._decoders.items()}
        return {stream: text for stream, text in found.items() if text}

    def flush_rests(self, cursor: str) -> list[UnfinishedCharacter]:
        """The same at the end of the output, `cursor`, without what was told before."""
        position, found = cursors.decode(cursor), self.rest()
        self._rests += len(found)
        numbered = enumerate(found.items(), 1)
        return [
            UnfinishedCharacter(stream, text, cursors.encode(position, number))
            for number, (stream, text) in numbered
            if number > self._told
        ]

    def move_past_rests(self, cursor: str) -> str:
        """The cursor of what follows the rests: it says that they were told, where there were any."""
        return cursors.encode(cursors.decode(cursor), self._rests) if self._rests else cursor
