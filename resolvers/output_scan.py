"""Looks for a pattern in an output, piece by piece: in each line once, whatever its chunks.

A line that does not end for LONGEST_LINE characters is looked at in parts, which overlap by OVERLAP characters.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from db.output import LINE_FEED
from db.output_models import OutputChunk
from db.values import Stream
from resolvers.decoding import Decoders
from resolvers.marked_lines import MarkedLine, cut_line, mark_line
from resolvers.search_patterns import Pattern

LONGEST_LINE = 256 * 1024
OVERLAP = 4096


@dataclass(frozen=True, slots=True)
class OutputMatch:
    """A line with matches, and the lines around it. `number` is that of the line, from 1, over both streams.

    `stream` is that of its first match. The line lies between the positions `start` and `end`.
    """

    execution_id: int
    number: int
    stream: Stream
    marked: MarkedLine
    before: Sequence[str]
    after: Sequence[str]
    start: int
    end: int

    @property
    def size(self) -> int:
        return len(self.marked.text) + sum(map(len, self.before)) + sum(map(len, self.after))


@dataclass(slots=True)
class HeldText:
    """The text that is held, and its bytes: each line feed of the one is one of the other.

    `position` is where the bytes begin, `lines` the number of lines before. Text before that may be held, too:
    `is_continued` says that it begins within a line.
    """

    position: int = 0
    lines: int = 0
    text: str = ""
    data: bytes = b""
    is_continued: bool = False
    spans: list[tuple[int, Stream]] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.position + len(self.data)

    def find_stream(self, place: int) -> Stream:
        return self.spans[max(0, bisect_right(self.spans, place, key=lambda span: span[0]) - 1)][1]

    def go_back(self, place: int, lines: int) -> int:
        """Return where so many lines before the one at `place` begin."""
        for _ in range(lines):
            if place <= 0:
                break
            place = self.text.rfind("\n", 0, place - 1) + 1
        return max(place, 0)

    def find_position(self, place: int) -> int:
        """Return the position of the beginning of a line, or of the end."""
        if place == len(self.text):
            return self.end
        at = len(self.data)
        for _ in range(self.text.count("\n", place) + 1):
            at = self.data.rfind(LINE_FEED, 0, at)
        return self.position + at + 1

    def drop_before(self, place: int) -> None:
        """Forget the lines before the one that begins at `place`."""
        if not place:
            return
        position = self.find_position(place)
        self.lines += self.text.count("\n", 0, place)
        self.data = self.data[position - self.position :]
        self.position, self.is_continued = position, False
        self.text = self.text[place:]
        first = self.find_stream(place) if self.spans else Stream.STDOUT
        self.spans = [(0, first), *((at - place, stream) for at, stream in self.spans if at > place)]


@dataclass(slots=True)
class NewText:
    """What comes behind the held text, up to the position `end`."""

    end: int = 0
    characters: int = 0
    texts: list[str] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)

    def add(self, text: str, data: bytes) -> None:
        self.texts.append(text)
        self.parts.append(data)
        self.characters += len(text)
        self.end += len(data)


class OutputScan:
    """A search in one output from the position `start` on, for at most `most` lines, with `context` lines around each.

    It is given chunks in their order, which may begin before `start`: those only tell what is around.
    """

    def __init__(self, pattern: Pattern, decoders: Decoders, *, start: int, context: int, most: int) -> None:
        self.matches: list[OutputMatch] = []
        self.searched = start
        self._pattern = pattern
        self._decoders = decoders
        self._start = start
        self._context = context
        self._most = most
        self._held = HeldText()
        self._new = NewText()
        self._begun = False
        self._from = 0
        self._fresh = 0

    @property
    def is_full(self) -> bool:
        return len(self.matches) >= self._most

    @property
    def line_is_long(self) -> bool:
        return len(self._held.text) - self._from > LONGEST_LINE

    def feed(self, rows: Sequence[OutputChunk], begin: int) -> None:
        """Look at chunks, of which the bytes before the position `begin` are left out."""
        for row in rows:
            first = max(begin - row.position, 0)
            if not self._begun or row.position + first != self._new.end:
                self._restart(row, first, is_within=row.position + first == begin > 0)
            cut = min(max(self._start - row.position, first), row.size)
            for start, end in ((first, cut), (cut, row.size)):
                if start < end:
                    self._add_bytes(row, start, end)
                if start < end and row.position + end == self._start:
                    self._hold()
                    self._pass_over()
        if rows:
            self._hold()
            self._search_ready(rows[-1].execution_id)

    def flush(self, execution_id: int) -> None:
        """Look at all that is held, as if the output ended here. What a line goes on with is its next part."""
        self._search(execution_id, len(self._held.text))
        if not self.is_full:
            self._pass_over()

    def _add_bytes(self, row: OutputChunk, start: int, end: int) -> None:
        data, stream = bytes(row.data)[start:end], Stream(row.stream)
        self._held.spans.append((len(self._held.text) + self._new.characters, stream))
        self._new.add(self._decoders.decode(stream, data, row.stream_offset + start), data)

    def _hold(self) -> None:
        self._held.text += "".join(self._new.texts)
        self._held.data += b"".join(self._new.parts)
        self._new = NewText(self._held.end)

    def _restart(self, row: OutputChunk, first: int, *, is_within: bool) -> None:
        """Begin with a chunk before which nothing is known: the first one, or the first one after a gap."""
        if self._begun:
            self._hold()
            if self._held.end > self._start:
                self.flush(row.execution_id)
        data = bytes(row.data)
        lines = row.lines_before + data.count(LINE_FEED, 0, first)
        is_continued = is_within and not self._begun and data[max(first - 1, 0) : first] != LINE_FEED
        self._held = HeldText(row.position + first, lines, is_continued=is_continued)
        self._new = NewText(self._held.end)
        self._begun, self._from, self._fresh = True, 0, 0

    def _pass_over(self) -> None:
        """Go on behind all that is held: of its last line, matches that end further on are still to be found."""
        held = self._held
        last = held.text.rfind("\n") + 1
        tail = held.text[max(last, len(held.text) - OVERLAP) :]
        if not tail:
            held.drop_before(held.go_back(last, self._context))
            self._from, self._fresh = len(held.text), 0
            self.searched = max(held.end, self.searched)
            return
        stream = held.find_stream(len(held.text) - 1)
        starts_inside = len(held.text) - len(tail) > last or (last == 0 and held.is_continued)
        lines = held.lines + held.text.count("\n")
        self._held = HeldText(held.end, lines, tail, b"", starts_inside, [(0, stream)])
        self._from, self._fresh = 0, len(tail)
        self.searched = max(held.end, self.searched)

    def _search_ready(self, execution_id: int) -> None:
        """Look at the lines that are whole and have their context."""
        held = self._held
        self._search(execution_id, held.go_back(held.text.rfind("\n") + 1, self._context))
        if self.is_full:
            return
        if self.line_is_long:
            self.flush(execution_id)
            return
        keep = held.go_back(self._from, self._context)
        held.drop_before(keep)
        self._from -= keep

    def _search(self, execution_id: int, limit: int) -> None:
        """Look at the lines up to the place `limit` in the held text."""
        if limit <= self._from or self.is_full:
            return
        held = self._held
        prepared = self._pattern.prepare(held.text[self._from : limit])
        inside = held.is_continued and self._from == 0
        line, at = held.text.count("\n", 0, self._from), int(inside)
        start_of_line, breaks, lf = 0, None, LINE_FEED if isinstance(prepared, bytes) else "\n"
        while at <= len(prepared) and (found := self._pattern.find(prepared, at)) is not None:
            line += prepared.count(lf, start_of_line, found[0])
            if breaks is None:
                breaks = Breaks.of(held)
            if line >= breaks.count or breaks.find_start(line) >= limit:
                break
            match = self._build_match(execution_id, breaks, line, inside=inside)
            self._add(match)
            following = prepared.find(lf, found[0])
            if self.is_full or following < 0:
                break
            line, at = line + 1, following + 1
            start_of_line = at
        if self.is_full:
            self.searched = self.matches[-1].end
            return
        self._from, self._fresh = limit, 0
        self.searched = max(held.find_position(limit), self.searched)

    def _build_match(self, execution_id: int, breaks: "Breaks", line: int, *, inside: bool) -> OutputMatch | None:
        held, start = self._held, breaks.find_start(line)
        is_first = start == self._from
        text = breaks.get_line(line)
        fresh, begin = (self._fresh if is_first else 0), int(inside and is_first)
        marked = mark_line(self._pattern, text, fresh=fresh, begin=begin)
        if marked is None:
            return None
        around = range(max(0, line - self._context), line), range(line + 1, line + 1 + self._context)
        before, after = ([cut_line(breaks.get_line(n)) for n in part if n < breaks.count] for part in around)
        place = start + marked.start + (marked.ranges[0][0] if marked.ranges else 0)
        positions = held.position + breaks.find_byte(line), held.position + breaks.find_byte(line + 1)
        number = held.lines + line + 1
        return OutputMatch(execution_id, number, held.find_stream(place), marked, before, after, *positions)

    def _add(self, match: OutputMatch | None) -> None:
        if match is not None:
            self.matches.append(match)


@dataclass(frozen=True, slots=True)
class Breaks:
    """Where the lines of the held text end, in the text and in its bytes."""

    text: str
    in_text: Sequence[int]
    in_data: Sequence[int]

    @classmethod
    def of(cls, held: HeldText) -> "Breaks":
        in_text = [found.end() for found in re.finditer("\n", held.text)]
        in_data = [found.end() for found in re.finditer(LINE_FEED, held.data)]
        return cls(held.text, [*in_text, len(held.text)], [*in_data, len(held.data)])

    @property
    def count(self) -> int:
        """The number of lines; one without any character does not count at the end."""
        return len(self.in_text) - (self.find_start(len(self.in_text) - 1) == len(self.text))

    def find_start(self, line: int) -> int:
        return self.in_text[line - 1] if line else 0

    def find_byte(self, line: int) -> int:
        return self.in_data[line - 1] if line else 0

    def get_line(self, line: int) -> str:
        return self.text[self.find_start(line) : self.in_text[line]].removesuffix("\n")
