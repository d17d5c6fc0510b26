"""What comes back from a target: noise of its login files, then both streams of the command, with lines for us between.

A line for us begins with a nonce that only this attachment knows, and is taken out of stdout wherever it stands.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from db.values import Stream

Write = Callable[[str, bytes], None]
LONGEST_LINE = 8192


class Garbled(Exception):
    """The target said something that this program does not say."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A run's processes on its target: its supervisor, when that started (in ticks since `boot`), and its command."""

    pid: str
    start: str
    boot: str
    child: str

    def shown(self) -> dict[str, str]:
        """As the execution's row keeps it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Record:
    """How a run ended, as its target recorded it. `why` is `timeout`, `output`, `cancelled` or `-`."""

    status: int
    out: int
    err: int
    why: str


@dataclass(slots=True, eq=False)
class Wire:
    """One attachment's reading. `changed` is set at every line for us, and when the last byte has come.

    `folder` is the spool.
    """

    write: Write
    received: dict[Stream, int]
    nonce: str = field(default_factory=lambda: "\x01" + secrets.token_hex(12))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    folder: str | None = None
    identity: Identity | None = None
    record: Record | None = None
    no_spool: bool = False
    lost: str | None = None
    _begun: set[Stream] = field(default_factory=set)
    _held: dict[Stream, bytes] = field(default_factory=lambda: {Stream.STDOUT: b"", Stream.STDERR: b""})

    @property
    def complete(self) -> bool:
        """The run has ended, and all of its output has come."""
        record = self.record
        return record is not None and (
            self.received[Stream.STDOUT] >= record.out and self.received[Stream.STDERR] >= record.err
        )

    @property
    def missing(self) -> int:
        """Bytes that the record promises and that have not come."""
        if self.record is None:
            return 0
        sizes = ((self.record.out, Stream.STDOUT), (self.record.err, Stream.STDERR))
        return sum(max(0, size - self.received[stream]) for size, stream in sizes)

    def feed(self, name: str, data: bytes) -> None:
        stream = Stream(name)
        whole = self._held[stream] + data
        self._held[stream] = b""
        key = self.nonce.encode()
        while (at := whole.find(key)) >= 0:
            end = whole.find(b"\n", at)
            if end < 0:
                break
            self._output(stream, whole[:at])
            self._line(stream, whole[at + len(key) : end].decode("utf-8", "surrogateescape"))
            whole = whole[end + 1 :]
        keep = len(whole) - at if at >= 0 else unfinished(whole, key)
        if keep > LONGEST_LINE:
            raise Garbled("a line that does not end")
        self._held[stream] = whole[len(whole) - keep :]
        self._output(stream, whole[: len(whole) - keep])

    def _output(self, stream: Stream, data: bytes) -> None:
        """The command's bytes, unless it has not begun yet: then it is what login files print."""
        if stream not in self._begun or not data:
            return
        self.received[stream] += len(data)
        self.write(stream, data)
        if self.complete:
            self.changed.set()

    def _line(self, stream: Stream, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        if word == "begin":
            self._begun.add(stream)
            self.folder = rest or self.folder
        elif word == "is":
            self.identity = Identity(*rest.split(" "))
        elif word == "end":
            status, out, err, why = rest.split(" ")
            self.record = Record(int(status), int(out), int(err), why)
        elif word == "none":
            self.no_spool = True
        elif word == "lost":
            self.lost = rest
        self.changed.set()


def unfinished(data: bytes, key: bytes) -> int:
    """How many bytes at the end of `data` may be the beginning of `key`."""
    at = data.rfind(key[:1], max(0, len(data) - len(key) + 1))
    return len(data) - at if at >= 0 and key.startswith(data[at:]) else 0
