"""Decode both streams' bytes to text: a character that is split between two chunks is part of the second one's text.

The text is that of the whole stream, wherever a reader begins: whoever begins in the middle first decodes what is right
before. In UTF-8 three bytes tell where a character begins. In an encoding like GBK a later byte of a character may look
like a first one, but no byte below 0x30 (line feed, blank) is a later one: so the decoding begins at the last of these.
To bound the search, decoding begins anew at each multiple of RESTART_BYTES of a stream if the RESTART_BYTES before had
no such byte: text is never like that.
"""

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from db import output_leads
from db.output_leads import Lead
from db.values import Stream
from resolvers import cursor as cursors
from runner.charsets import CODECS, DEFAULT, LONGEST_CHARACTER, MULTIBYTE

RESTART_BYTES = 1024 * 1024
FIRST_LOOK_BYTES = 4096
# A UTF-8 character has at most four bytes, so at most three come before its last one.
LEAD_BYTES = 3
BREAK = b"\x01"
BREAKS = bytes(byte < 0x30 for byte in range(256))


@dataclass(frozen=True, slots=True)
class UnfinishedCharacter:
    """U+FFFD for a character of this stream that was cut off at the end. `cursor` is the position after it."""

    stream: Stream
    text: str
    cursor: str


class StreamDecoder:
    """Decodes one stream from the byte `offset` on, where a character begins. Wrong bytes become U+FFFD."""

    def __init__(self, charset: str = DEFAULT, offset: int = 0) -> None:
        self._decoder = codecs.getincrementaldecoder(CODECS[charset])("replace")
        self._restarts = charset in MULTIBYTE
        self._end = offset
        self._last_break = -1

    @property
    def pending_bytes(self) -> int:
        """The number of bytes at the end that begin a character whose rest has not come yet."""
        return len(self._decoder.getstate()[0])

    def decode(self, data: bytes, offset: int | None = None) -> str:
        """Return the text of the next bytes. If their `offset` shows a gap in the stream, decoding begins anew."""
        cut = self._move_to(offset) if offset not in (None, self._end) else ""
        if self._restarts:
            return cut + self._decode_with_restarts(data)
        self._end += len(data)
        return cut + self._decoder.decode(data)

    def finish(self) -> str:
        """Return the text for the incomplete character, if there is one, and end the decoding."""
        text = self._decoder.decode(b"", True)
        self._decoder.reset()
        return text

    def take_back_pending(self) -> None:
        """Forget the bytes of the incomplete character: they will be given again."""
        self._end -= self.pending_bytes
        self._decoder.reset()

    def _move_to(self, offset: int | None) -> str:
        self._end, self._last_break = offset or 0, -1
        return self.finish()

    def _decode_with_restarts(self, data: bytes) -> str:
        parts, at = [], 0
        while at < len(data):
            room = RESTART_BYTES - self._end % RESTART_BYTES
            if room == RESTART_BYTES and self._last_break < self._end - RESTART_BYTES:
                parts.append(self.finish())
            piece = data[at : at + room]
            parts.append(self._decoder.decode(piece))
            last = _find_last_break(piece)
            self._last_break = self._end + last if last >= 0 else self._last_break
            self._end += len(piece)
            at += len(piece)
        return "".join(parts)


class Decoders:
    """A decoder for each stream.

    `leads` holds the bytes of each stream right before the start, from the beginning of a character on (in UTF-8, three
    bytes are enough), since the start may be inside one. `told` is the number of cut-off characters sent before.
    """

    def __init__(self, charset: str = DEFAULT, leads: Mapping[Stream, Lead] | None = None, *, told: int = 0) -> None:
        self.charset = charset
        self._decoders = {stream: StreamDecoder(charset) for stream in Stream}
        self._told = told
        self._rests = 0
        for stream, lead in (leads or {}).items():
            self._decoders[stream] = StreamDecoder(charset, lead.offset)
            self._decoders[stream].decode(lead.data)

    def decode(self, stream: Stream, data: bytes, offset: int | None = None) -> str:
        """Return the text of the next bytes; `offset` is their place in the stream, if it may be after a gap."""
        return self._decoders[stream].decode(data, offset)

    def count_pending(self, stream: Stream) -> int:
        """Return how many bytes at the stream's end begin a character whose rest has not come yet."""
        return self._decoders[stream].pending_bytes

    def take_back_pending(self, stream: Stream) -> None:
        """Forget the bytes of the stream's incomplete character: they will be given again."""
        self._decoders[stream].take_back_pending()

    def is_pending(self) -> bool:
        """Return whether a stream has an incomplete character."""
        return any(decoder.pending_bytes for decoder in self._decoders.values())

    def rest(self) -> dict[Stream, str]:
        """Return the text for each stream's incomplete character, and end the decoding."""
        found = {stream: decoder.finish() for stream, decoder in self._decoders.items()}
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


def load_decoders(
    conn: Connection, execution_id: int, position: int, *, told: int = 0, wanted: Sequence[Stream] = tuple(Stream)
) -> Decoders:
    """Return decoders of the server's encoding for the output from this position on.

    `told`: see `Decoders`. `wanted`: the streams that will be decoded.
    """
    charset = output_leads.load_encoding(conn, execution_id)
    if position == cursors.START:
        return Decoders(charset, told=told)
    if charset not in MULTIBYTE:
        most = LEAD_BYTES if charset == DEFAULT else 0
        return Decoders(charset, output_leads.load_leads(conn, execution_id, position, most, wanted), told=told)
    near = output_leads.load_leads(conn, execution_id, position, FIRST_LOOK_BYTES, wanted)
    leads = {stream: _begin_with_character(conn, execution_id, stream, lead) for stream, lead in near.items()}
    return Decoders(charset, leads, told=told)


def _begin_with_character(conn: Connection, execution_id: int, stream: Stream, lead: Lead) -> Lead:
    """Return the lead from the beginning of a character on, with more bytes before if it takes them to find one."""
    start = find_start(lead)
    if start is None:
        most = lead.end - _last_restart(lead.end) + RESTART_BYTES
        lead = output_leads.load_lead(conn, execution_id, stream, lead.end, most)
        start = find_start(lead)
    return lead.drop_before(lead.offset if start is None else start)


def find_start(lead: Lead) -> int | None:
    """Return the offset of a byte in the lead that decoding of the whole stream also begins a character with.

    None if more of the stream has to be looked at. What begins in the last bytes may not be decoded yet, so it is not
    looked for there.
    """
    found = _find_last_break(lead.data[: max(0, len(lead.data) - LONGEST_CHARACTER)])
    if found >= 0:
        return lead.offset + found
    restart = _last_restart(lead.end)
    if restart and restart - RESTART_BYTES >= lead.offset:
        return restart
    return lead.offset if lead.is_whole else None


def _last_restart(end: int) -> int:
    return max(0, end - LONGEST_CHARACTER) // RESTART_BYTES * RESTART_BYTES


def _find_last_break(data: bytes) -> int:
    return data.translate(BREAKS).rfind(BREAK)
