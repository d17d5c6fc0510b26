"""The pieces of chunks that a slice of an output is made of, and their text without characters that are cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.output import LINE_FEED
from db.output_models import OutputChunk
from db.values import Stream
from resolvers.decoding import Decoders

LONGEST_CHARACTER = 4


@dataclass(slots=True)
class Piece:
    """Those bytes of a chunk that are in a slice, from `start` to `end` within it."""

    row: OutputChunk
    start: int
    end: int

    @property
    def stream(self) -> Stream:
        return Stream(self.row.stream)

    @property
    def data(self) -> bytes:
        return bytes(self.row.data)[self.start : self.end]

    def count_lines_before(self, byte: int) -> int:
        """Count the line feeds of the output before a byte of the chunk."""
        return self.row.lines_before + bytes(self.row.data).count(LINE_FEED, 0, byte)


@dataclass(frozen=True, slots=True)
class SlicePart:
    """The text of consecutive bytes of one stream, stored at one time. It is not empty."""

    stream: Stream
    at: datetime
    text: str


def skip_rest_of_character(decoders: Decoders, first: Piece) -> None:
    """Begin after a character that the slice's beginning would cut: it is in the slice before."""
    most = min(LONGEST_CHARACTER, first.end - first.start - 1)
    for _ in range(most):
        if not decoders.count_pending(first.stream):
            break
        decoders.decode(first.stream, first.data[:1], first.row.stream_offset + first.start)
        first.start += 1


def decode_pieces(decoders: Decoders, pieces: Sequence[Piece], *, leave_cut: bool) -> list[SlicePart]:
    """Return the text of each piece. With `leave_cut`, end before a character that is cut, unless it is all."""
    if not pieces:
        return []
    *others, last = pieces
    texts = [(piece, _decode_piece(decoders, piece)) for piece in others]
    texts.append((last, _decode_whole(decoders, last) if leave_cut else _decode_piece(decoders, last)))
    return [SlicePart(piece.stream, piece.row.at, text) for piece, text in texts if text]


def _decode_whole(decoders: Decoders, last: Piece) -> str:
    """Return the text of the last piece, which ends before a character that is cut."""
    split = max(last.end - LONGEST_CHARACTER, last.start)
    texts = [_decode_piece(decoders, Piece(last.row, last.start, split))]
    wholes = {}
    for end in range(split + 1, last.end + 1):
        texts.append(_decode_piece(decoders, Piece(last.row, end - 1, end)))
        if not decoders.count_pending(last.stream):
            wholes[end] = len(texts)
    if wholes:
        last.end = max(wholes)
        texts = texts[: wholes[last.end]]
    return "".join(texts)


def _decode_piece(decoders: Decoders, piece: Piece) -> str:
    return decoders.decode(piece.stream, piece.data, piece.row.stream_offset + piece.start)
