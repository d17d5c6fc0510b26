"""Parses a run's channel: noise of login files, then both streams of the command, mixed with report lines.

A report line begins with a nonce that only this attachment knows, and is removed from stdout wherever it stands.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field

from db.values import Stream
from runner.remote.order import StreamOrder
from runner.remote.verify import Leftovers, parse_leftovers
from runner.ssh.handshake import KEPT_PRINTED
from runner.ssh.protocol import EarlyOutput, Exit

Write = Callable[[str, bytes], None]
LONGEST_LINE = 8192
KEY_START = b"\x01"
STDERR = "stderr"
STDIN = "stdin"
NEEDED = {"cat", "dd", "head", "mkdir", "mkfifo", "rm", "sleep", "tail", "wc", STDERR, STDIN}


class ProtocolError(Exception):
    """The target sent a line that attach.sh does not send."""


@dataclass(frozen=True, slots=True)
class SpoolLocation:
    """The location of a run's files (`prefix` begins their names).

    `fresh` if this attachment began the run, `polls` if it has to poll for output.
    """

    fresh: bool
    polls: bool
    prefix: str


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A run's processes on its target: its supervisor, its start time (in ticks since `boot`), and its command."""

    pid: str
    start: str
    boot: str
    child: str

    def dump(self) -> dict[str, str]:
        """Return the identity as the execution's row stores it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """The end of a run as its target recorded it. See attach.sh for `why`."""

    status: int
    out: int
    err: int
    why: str

    @property
    def sizes(self) -> tuple[tuple[int, Stream], ...]:
        return (self.out, Stream.STDOUT), (self.err, Stream.STDERR)


@dataclass(slots=True, eq=False)
class RunStream:
    """The state of one attachment's channel. `changed` is set at every report line, and at the last byte of output.

    `refusal` is `none`, `never`, `again` or `lost`, as in attach.sh; `lost` is its reason, and `lacks` names programs
    that are missing, or STDERR or STDIN. `channel_exit` is how the channel ended. With `is_direct` that is the
    command's own exit, see attached.sh. `input` is the target's progress with standard input: `want` or `got`.
    `order` is set while output is held back until it is its turn: at first for stderr, until its marks have come.
    """

    write: Write
    received: dict[Stream, int]
    nonce: str = field(default_factory=lambda: KEY_START.decode() + secrets.token_hex(12))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    place: SpoolLocation | None = None
    identity: ProcessIdentity | None = None
    record: ExitRecord | None = None
    leftovers: Leftovers | None = None
    refusal: str | None = None
    lost: str = ""
    lacks: tuple[str, ...] = ()
    channel_exit: Exit | None = None
    is_direct: bool = False
    input: str | None = None
    order: StreamOrder | None = field(init=False)
    _before: dict[Stream, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in Stream})
    _begun: set[Stream] = field(default_factory=set)
    _held: dict[Stream, bytes] = field(default_factory=lambda: {Stream.STDOUT: b"", Stream.STDERR: b""})

    def __post_init__(self) -> None:
        self.order = StreamOrder(self._deliver, self.received)

    @property
    def is_complete(self) -> bool:
        """True if the run has ended and all of its output has arrived."""
        return self.record is not None and self.missing == 0

    @property
    def is_cut(self) -> bool:
        """True if the connection was lost, so that the target may still hold output."""
        return self.channel_exit is not None and self.channel_exit.lost

    @property
    def has_begun(self) -> bool:
        """True if stdout now carries the command's output."""
        return Stream.STDOUT in self._begun

    @property
    def early_output(self) -> EarlyOutput:
        """The beginning of what arrived before the command's output."""
        return tuple((stream.value, bytes(data)) for stream, data in self._before.items() if data)

    @property
    def is_unidentified(self) -> bool:
        """True if an earlier attachment began the run and its supervisor never reported its identity."""
        return self.place is not None and not self.place.fresh and self.identity is None and self.channel_exit is None

    @property
    def missing(self) -> int:
        """The bytes that the exit record announces and that have not arrived."""
        if self.record is None:
            return 0
        return sum(max(0, size - self.received[stream]) for size, stream in self.record.sizes)

    def exceeds(self, record: ExitRecord) -> bool:
        """True if more output arrived than the record counts: a process left behind goes on writing."""
        return any(self.received[stream] > size for size, stream in record.sizes)

    def close(self, exit: Exit) -> None:
        """Note that the channel has ended, and how."""
        self.channel_exit = exit
        self.changed.set()

    def flush(self) -> None:
        """Pass on what was held back as a possible report line, or for its order: no more comes, so it is output."""
        self._end_marks()
        for stream, held in self._held.items():
            self._held[stream] = b""
            self._pass_output(stream, held)

    async def wait_for_change(self, seconds: float) -> bool:
        """True if something changes since `changed` was cleared, or within so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self.changed.wait()
        return False

    async def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until the condition holds, at most so many seconds. Return whether it holds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    self.changed.clear()
                    await self.changed.wait()
        return condition()

    def feed(self, name: str, data: bytes) -> None:
        stream = Stream(name)
        if self.is_direct and stream in self._begun and not self._held[stream]:
            self._pass_output(stream, data)  # no more report lines come
            return
        whole = self._held[stream] + data
        self._held[stream] = b""
        if KEY_START not in whole:  # as in most output: finding a byte is much faster than finding the nonce
            self._pass_output(stream, whole)
            return
        key = self.nonce.encode()
        while (at := whole.find(key)) >= 0:
            end = whole.find(b"\n", at)
            if end < 0:
                break
            self._pass_output(stream, whole[:at])
            self._read_line(stream, whole[at + len(key) : end].decode("utf-8", "surrogateescape"))
            whole = whole[end + 1 :]
        keep = self._count_unread(stream, whole, at)
        if keep > LONGEST_LINE:
            raise ProtocolError("a line that does not end")
        self._held[stream] = whole[len(whole) - keep :]
        self._pass_output(stream, whole[: len(whole) - keep])

    def _count_unread(self, stream: Stream, whole: bytes, at: int) -> int:
        """Return how many bytes at the end may be a report line that begins at `at` or later.

        On stderr only the first line is one.
        """
        if stream is Stream.STDERR and stream in self._begun:
            return 0
        return len(whole) - at if at >= 0 else _count_partial_key(whole, self.nonce.encode())

    def _pass_output(self, stream: Stream, data: bytes) -> None:
        """Pass on the command's bytes. Bytes before it began, from login files or a failing shell, are kept apart."""
        if stream not in self._begun:
            self._before[stream] += data[: KEPT_PRINTED - len(self._before[stream])]
            return
        if not data:
            return
        if self.order is None:
            self._deliver(stream, data)
            return
        if not self.order.feed(stream, data):
            self.order = None
        self._stop_order_if_all_arrived()

    def _end_marks(self, limit: str = "") -> None:
        """Hold no more stderr for marks, up to this byte or for good."""
        if self.order is not None and not self.order.end_marks(limit):
            self.order = None

    def _stop_order_if_all_arrived(self) -> None:
        """Hold nothing any more once everything has arrived: a wrong mark would hold it for ever."""
        order, record = self.order, self.record
        if order is None or record is None:
            return
        if all(self.received[stream] + order.count_held(stream) >= size for size, stream in record.sizes):
            self.order = None
            order.stop()

    def _deliver(self, stream: Stream, data: bytes) -> None:
        self.received[stream] += len(data)
        self.write(stream, data)
        if self.is_complete:
            self.changed.set()

    def _read_line(self, stream: Stream, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        match word:
            case "begin":
                self._begin(stream, rest)
            case "is":
                self.identity = ProcessIdentity(*rest.split(" "))
            case "end":
                status, out, err, why = rest.split(" ")
                self.record = ExitRecord(int(status), int(out), int(err), why)
                self._end_marks()
                self._stop_order_if_all_arrived()
            case "alive" | "unsure":
                self.leftovers = parse_leftovers(line)
            case "none":
                self.refusal, self.lacks = word, tuple(name for name in rest.split() if name in NEEDED)
            case "want" | "got":
                self.input = word
            case "order":
                self.order = self.order or StreamOrder(self._deliver, self.received)
                self.order.add_mark(rest)
            case "ordered":
                self._end_marks(rest)
            case "never" | "again" | "lost":
                self.refusal, self.lost = word, rest
                self._end_marks()
            case _:
                raise ProtocolError(word)
        self.changed.set()

    def _begin(self, stream: Stream, rest: str) -> None:
        self._begun.add(stream)
        if rest in ("direct", "watched"):
            self.is_direct = rest == "direct"
            self._end_marks()
        elif rest:
            way, polls, prefix = rest.split(" ", 2)
            self.place = SpoolLocation(way == "fresh", polls == "polls", prefix)


def _count_partial_key(data: bytes, key: bytes) -> int:
    """Return how many bytes at the end of `data` may be the beginning of `key`."""
    at = data.rfind(key[:1], max(0, len(data) - len(key) + 1))
    return len(data) - at if at >= 0 and key.startswith(data[at:]) else 0
