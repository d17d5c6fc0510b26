"""Bytes of both streams as text: a character that two chunks share is shown whole, with the second one."""

import codecs
from collections.abc import Mapping

from db.values import Stream


class Decoders:
    """One UTF-8 decoder a stream; what is not UTF-8 shows as U+FFFD.

    `lead` is what came just before (3 bytes a stream are enough), for one that starts in the middle of a character.
    """

    def __init__(self, lead: Mapping[Stream, bytes]) -> None:
        made = codecs.getincrementaldecoder("utf-8")
        self._decoders = {stream: made("replace") for stream in Stream}
        for stream, data in lead.items():
            self._decoders[stream].decode(data)

    def text(self, stream: Stream, data: bytes) -> str:
        return self._decoders[stream].decode(data)

    def rest(self) -> dict[Stream, str]:
        """What is left of characters that never came to their end."""
        found = {stream: decoder.decode(b"", True) for stream, decoder in self._decoders.items()}
        return {stream: text for stream, text in found.items() if text}
