"""Groups executions with equal output and an equal end. The output comes in pieces, and is never held as a whole.

Output is compared by lines, as `clubak -b` does: carriage returns before a line feed do not count, nor does whether the
last line has a line feed.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from db.values import State

# With placeholders, a line that is longer than this is compared in pieces of this size. Of a longer run of carriage
# returns, only so many at its end are left out.
LINE_BYTES = 4096
# The look-behind keeps this linear: a match begins only where a run of carriage returns does.
LINE_ENDS = re.compile(rb"(?<!\r)\r+\n")
GAP = b"\0left out:%d\n"

LONG_LINE = re.compile(rb"[^\n]{%d}" % LINE_BYTES)
CUT = b"\\g<0>\x00"

WORD = rb"[0-9A-Za-z_]"
MONTH = (
    rb"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    rb"|nov(?:ember)?|dec(?:ember)?)"
)
DAY = rb"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?"
ZONE = rb"(?: ?(?:z|utc|gmt|[+-]\d\d:?\d\d)\b)?"
CLOCK = rb"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[ap]m\b)?" + ZONE
DATE = rb"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}[ -]%s\b(?:[ -]\d{4}\b)?" % MONTH
NAMED_DATE = rb"(?:%s,? {1,2})?(?:%s {1,2}\d{1,2}|\d{1,2} %s)\b(?:,? \d{4}\b)?" % (DAY, MONTH, MONTH)
AT_CLOCK = rb"(?:(?:t|,? {1,2})%s)?(?: \d{4}\b)?" % CLOCK
# Most of a text is neither a digit nor a name of a day or a month: what comes first in each pattern rules that out.
TIMES = re.compile(rb"(?<![0-9A-Za-z_.])(?=\d)(?:(?:%s)%s|%s)" % (DATE, AT_CLOCK, CLOCK), re.IGNORECASE)
NAMED_TIMES = re.compile(rb"(?<![0-9A-Za-z_])(?=[a-z]{3}[a-z,]* )%s%s" % (NAMED_DATE, AT_CLOCK), re.IGNORECASE)
NUMBERS = re.compile(rb"\b0[xX][0-9a-fA-F]+\b|[0-9]+(?:[.,][0-9]+)*")


class Normalization(StrEnum):
    """What is put in place of what differs between servers before their output is compared."""

    NONE = "NONE"
    HOSTS_TIMES_NUMBERS = "HOSTS_TIMES_NUMBERS"


@dataclass(frozen=True, slots=True)
class Placeholders:
    """Puts `<host>`, `<time>` and `<number>` in place of a server's own names, of times and dates, and of numbers."""

    names: re.Pattern[bytes] | None

    def replace(self, text: bytes) -> bytes:
        """Return the text with placeholders. None of them stands for more than a part of one line."""
        if self.names is not None:
            text = self.names.sub(b"<host>", text)
        for pattern in (NAMED_TIMES, TIMES):
            text = pattern.sub(b"<time>", text)
        return NUMBERS.sub(b"<number>", text)


def build_placeholders(names: Iterable[str]) -> Placeholders:
    """Return those of a server with these names and addresses; of a name with dots, its first part is one too."""
    whole = {name for name in names if name}
    short = {name.partition(".")[0] for name in whole if not re.fullmatch(r"[\d.:]+", name)}
    wanted = sorted(whole | short, key=len, reverse=True)
    if not wanted:
        return Placeholders(None)
    either = b"|".join(re.escape(name.encode()) for name in wanted)
    return Placeholders(re.compile(rb"(?<!%s)(?:%s)(?!%s)" % (WORD, either, WORD), re.IGNORECASE))


class Fingerprint:
    """The digest of an output that is fed in order. `position` is how much of it was looked at."""

    def __init__(self, placeholders: Placeholders | None = None) -> None:
        self.position = 0
        self._hash = hashlib.sha256()
        self._placeholders = placeholders
        self._rest = b""

    def feed(self, position: int, data: bytes) -> None:
        """Add the bytes at this position: those between it and what was fed before were left out, or are not wanted."""
        self.position = position + len(data)
        held = self._rest + data
        whole, self._rest = _split_at_line_end(held) if self._placeholders else _split_at_line_ends_start(held)
        self._hash.update(self._prepare(whole))
        while len(self._rest) > LINE_BYTES:
            piece, self._rest = self._rest[:LINE_BYTES], self._rest[LINE_BYTES:]
            self._hash.update(self._prepare(piece))

    def skip(self, size: int) -> None:
        """Note that so many bytes were left out here, at the output limit."""
        self._hash.update(GAP % size)

    def copy(self) -> "Fingerprint":
        """Return one that goes on from here by itself."""
        made = Fingerprint(self._placeholders)
        made.position, made._hash, made._rest = self.position, self._hash.copy(), self._rest
        return made

    def compute(self) -> bytes:
        """Return the digest of what was fed so far."""
        ended = self._hash.copy()
        if self._rest:
            ended.update(self._prepare(self._rest + b"\n"))
        return ended.digest()

    def _prepare(self, text: bytes) -> bytes:
        text = LINE_ENDS.sub(b"\n", text) if b"\r" in text else text
        if self._placeholders is None:
            return text
        return self._placeholders.replace(_cut_long_lines(text))


def _cut_long_lines(text: bytes) -> bytes:
    if len(text) < LINE_BYTES or max(map(len, text.split(b"\n"))) < LINE_BYTES:
        return text
    return LONG_LINE.sub(CUT, text)


def _split_at_line_end(held: bytes) -> tuple[bytes, bytes]:
    """Return the whole lines, and the line that has not ended."""
    end = held.rfind(b"\n") + 1
    return held[:end], held[end:]


def _split_at_line_ends_start(held: bytes) -> tuple[bytes, bytes]:
    """Return what can be compared now, and what tells how its last line ends: carriage returns, or its last byte."""
    returns = min(len(held) - len(held.rstrip(b"\r")), LINE_BYTES)
    end = len(held) - (returns or int(held != b"" and not held.endswith(b"\n")))
    return held[:end], held[end:]


def normalize(data: bytes, placeholders: Placeholders) -> bytes:
    """Return the output as it is compared, with its line ends."""
    return placeholders.replace(LINE_ENDS.sub(b"\n", data))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is compared of one execution: the digest of its output, and its end."""

    execution_id: int
    state: str
    exit_code: int | None
    digest: bytes


@dataclass(frozen=True, slots=True)
class Group:
    """Executions that gave the same answer, in order of their ids."""

    execution_ids: list[int]
    state: State
    exit_code: int | None

    @property
    def size(self) -> int:
        return len(self.execution_ids)

    @property
    def first_id(self) -> int:
        return self.execution_ids[0]


def group(answers: Iterable[Answer], *, smallest_first: bool = False) -> list[Group]:
    """Return the groups, the largest first unless wanted otherwise; of equal ones that with the lowest id first."""
    found: dict[tuple[bytes, str, int | None], list[int]] = {}
    for answer in answers:
        found.setdefault((answer.digest, answer.state, answer.exit_code), []).append(answer.execution_id)
    groups = [Group(sorted(ids), State(state), exit_code) for (_, state, exit_code), ids in found.items()]
    return sorted(groups, key=lambda each: _order_key(each.size, each.first_id, smallest_first=smallest_first))


def _order_key(size: int, first_id: int, *, smallest_first: bool) -> tuple[int, int]:
    return (size if smallest_first else -size, first_id)


def list_after(groups: Sequence[Group], place: tuple[int, int], *, smallest_first: bool) -> list[Group]:
    """Return the groups behind a place, which is the size and the lowest id of a group."""
    edge = _order_key(*place, smallest_first=smallest_first)
    return [each for each in groups if _order_key(each.size, each.first_id, smallest_first=smallest_first) > edge]
