"""Writes an execution's output on terminals and pipes, whether it came from this machine's database or a service."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from sshcast.errors import CommandFailed, ReaderGone
from sshcast.notes import Notes
from sshcast.terminal import Sanitiser, takes_colours, takes_sequences

COLOURS = {"SUCCESS": "green", "FAILED": "red", "TIMEOUT": "yellow", "CANCELLED": "yellow"}
UNKNOWN_STATUS = 255
UNREAD = "stdin has bytes that were not passed on: use --stdin to pass them to the command, or </dev/null"
CANCELLING = "cancelling; Ctrl-C once more leaves at once"


@dataclass(frozen=True, slots=True)
class Ending:
    """How an execution ended. `message` explains it in words if sshcast and not the command ended it."""

    state: str
    exit_code: int | None
    exit_signal: str | None
    message: str | None
    truncated: bool
    cursor: str

    @property
    def status(self) -> int:
        """The exit status of the command that shows it: the execution's own, or 255 if it has none."""
        return UNKNOWN_STATUS if self.exit_code is None else self.exit_code

    def format(self) -> str:
        parts = [self.state]
        if self.exit_code is not None:
            parts.append(f"exit status {self.exit_code}")
        if self.exit_signal is not None:
            parts.append(f"signal {self.exit_signal}")
        if self.message and self.exit_code is None:
            parts.append(self.message)
        if self.truncated:
            parts.append("output was cut at the limit")
        return "[" + "; ".join(parts) + f"] cursor {self.cursor}"


@dataclass(slots=True)
class OutputWriter:
    """Writes stdout to stdout and stderr to stderr: byte for byte, or sanitised text on a terminal unless `raw`.

    `lost`: why the output cannot be written any more; from then on only notes are.
    """

    raw: bool
    notes: Notes
    lost: Exception | None = None
    _sanitisers: dict[str, Sanitiser] = field(default_factory=dict)

    def write_piece(self, stream: str, data: bytes, read_text: Callable[[], str], left_out: int) -> None:
        """Write a piece of a stream; `read_text` is called for its text if it goes to a terminal."""
        if left_out:
            self.notes.say(f"[{left_out} bytes over the output limit were left out here]", "yellow")
        self._write(stream, self._prepare(stream, read_text) if self.takes_text(stream) else data)

    def write_ending(self, ending: Ending, rests: Mapping[str, str]) -> None:
        """Write what is left of a split character or sequence, restore the terminal's colours, and say how it ended."""
        for stream, sanitiser in self._sanitisers.items():
            self._write(stream, self._place(sanitiser.feed(rests.get(stream, ""), final=True)))
            self._write(stream, self.notes.screen.reset().encode())
        self.notes.say(ending.format(), COLOURS[ending.state])

    def takes_text(self, stream: str) -> bool:
        """Tell whether what is written to this stream is text for a terminal, and not the bytes themselves."""
        return not self.raw and _binary(stream).isatty()

    def _write(self, stream: str, data: bytes) -> None:
        if self.lost is not None or not data:
            return
        try:
            _binary(stream).write(data)
            _binary(stream).flush()
        except BrokenPipeError:
            self.lost = ReaderGone()
        except OSError as error:
            self.lost = CommandFailed(f"what is to be written to {stream} cannot be: {error.strerror or error}")

    def _prepare(self, stream: str, read_text: Callable[[], str]) -> bytes:
        target = _binary(stream)
        sequences, colours = takes_sequences(target), takes_colours(target)
        made = Sanitiser(colours=colours, moves=True, erases=sequences)
        return self._place(self._sanitisers.setdefault(stream, made).feed(read_text()))

    def _place(self, text: str) -> bytes:
        return self.notes.screen.place(text).encode()


def _binary(stream: str) -> BinaryIO:
    return sys.stdout.buffer if stream == "stdout" else sys.stderr.buffer
