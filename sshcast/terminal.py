"""Makes a command's output safe for a terminal: keeps text, colours and moves within a line, drops all else."""

import os
import re
from dataclasses import dataclass
from typing import Protocol

# Complete control strings and sequences (ECMA-48): OSC, DCS, SOS, PM and APC run up to their terminator, CSI up to
# its final byte, and any other escape is two or three characters. What could begin another string ends a string that
# has no terminator, as in a terminal: so no text, however hostile, costs more than one reading of it.
STRING = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*"
STRINGS = rf"{STRING}(?:\x07|\x1b\\|\x9c)"
CSI = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
ESCAPE = r"\x1b[ -/]*[0-OQ-WYZ\\`-~]"
CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]"
HOSTILE = re.compile(f"{STRINGS}|{CSI}|{ESCAPE}|{CONTROLS}")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
RESET = "\x1b[0m"
RESETS = ("\x1b[m", "\x1b[0m", "\x1b[00m")
# To the line's start, one place back, and the line (or its rest) erased: how programs show progress in one line.
MOVES = ("\r", "\b")
ERASES = ("\x1b[K", "\x1b[0K", "\x1b[1K", "\x1b[2K")
# What may be the beginning of a sequence whose end has not come yet.
UNFINISHED = re.compile(rf"(?:{STRING}\x1b?|\x1b(?:\[[0-?]*[ -/]*|[ -/]*)?|\x9b[0-?]*[ -/]*)\Z")
LONGEST_HELD = 4096
STEPS = re.compile(r"[\b]|\r|\n|[^\b\r\n]+")
DUMB = ("", "dumb", "unknown")


class Stream(Protocol):
    """A stream that can tell whether it is a terminal."""

    def isatty(self) -> bool: ...


def takes_sequences(stream: Stream) -> bool:
    """Tell whether the stream is a terminal that understands escape sequences (TERM)."""
    return stream.isatty() and os.environ.get("TERM", "") not in DUMB


def takes_colours(stream: Stream) -> bool:
    """Tell whether it understands escape sequences and colours are not switched off (https://no-color.org)."""
    return takes_sequences(stream) and not os.environ.get("NO_COLOR")


@dataclass(slots=True)
class Sanitiser:
    """Turns one stream's text into safe text, piece by piece; split sequences stay whole.

    `moves`: keep moves within the current line; `erases`: also keep what erases within it.
    """

    colours: bool
    moves: bool = False
    erases: bool = False
    _held: str = ""

    def feed(self, given: str, *, final: bool = False) -> str:
        text = self._held + given
        self._held = ""
        begun = None if final else UNFINISHED.search(text)
        if begun is not None and len(text) - begun.start() <= LONGEST_HELD:
            self._held, text = text[begun.start() :], text[: begun.start()]
        return HOSTILE.sub(self._keep, text)

    def _keep(self, match: "re.Match[str]") -> str:
        found = match[0]
        kept = (
            (self.moves and found in MOVES)
            or (self.erases and found in ERASES)
            or (self.colours and COLOUR.fullmatch(found) is not None)
        )
        return found if kept else ""


@dataclass(slots=True)
class Screen:
    """Tracks the cursor's column: output must not move back beyond its own line, and notes begin a new line."""

    _open: bool = False
    _column: int = 0
    _coloured: bool = False

    def place(self, text: str) -> str:
        """Return the text that may be written now, without steps back beyond the line's start."""
        if colours := COLOUR.findall(text):
            self._coloured = colours[-1] not in RESETS
        if "\b" in text:
            return "".join(self._step(step) for step in STEPS.findall(text))
        last = text[text.rfind("\n") + 1 :]
        if len(last) < len(text):
            self._step("\n")
        for step in STEPS.findall(last):
            self._step(step)
        return text

    def _step(self, step: str) -> str:
        if step == "\b" and self._column == 0:
            return ""
        if step == "\n":
            self._open, self._column = False, 0
        elif step == "\r":
            self._column = 0
        elif step == "\b":
            self._column -= 1
        elif step:
            self._open = True
            self._column += len(step) if step.isascii() else 2 * len(step)
        return step

    def reset(self) -> str:
        """Return the sequence that restores the terminal's colours, which output may have made unreadable."""
        given, self._coloured = self._coloured, False
        return RESET if given else ""

    def end_line(self) -> str:
        """Return what must precede a note so that it begins a line of its own."""
        opened, self._open, self._column = self._open, False, 0
        return self.reset() + ("\n" if opened else "")
