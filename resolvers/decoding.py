"""Decode both streams' bytes to text: a character that is split between two chunks is part of the second one's text."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass

from db.values import Stream
from resolvers import cursor as cursors


@dataclass(frozen=True, slots=True)
class UnfinishedCharacter:
    """U+FFFD for a character of this stream that was cut off at the end. `cursor` is the position after it."""

    stream: Stream
    text: str
    cursor: str


class Decoders:
    """A UTF-8 decoder for each stream. Bytes that are not UTF-8 become U+FFFD.

    `lead` holds the bytes of each stream right before the start (3 are enough), since it may be inside a character.
    `told` is the number of cut-off characters that were sent before.
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
        """Return whether a stream has an incomplete character."""
        return any(decoder.getstate()[0] for decoder in self._decoders.values())

    def rest(self) -> dict[Stream, str]:
        """Return the text for each stream's incomplete character, and end the decoding."""
        found = {stream: decoder.decode(b"", True) for stream, decoder in self._decoders.items()}
        return {stream: text for stream, text in found.items() if text}

    def flush_rests(self, cursor: str) -> list[UnfinishedCharacter]:
        """Return the cut-off characters at the end of the output (`cursor`) that were not sent before."""
        position, found = cursors.decode(cursor), self.rest()
        self._rests += len(found)
        numbered = enumerate(found.items(), 1)
        return [
            UnfinishedCharacter(stream, text, cursors.encode(position, number))
            for number, (stream, text) in numbered
            if number > self._told
        ]

    def move_past_rests(self, cursor: str) -> str:
        """Return the cursor after the cut-off characters; the same cursor if there were none."""
        return cursors.encode(cursors.decode(cursor), self._rests) if self._rests else cursor
