"""What a command says beside its output: a line each, on stderr."""

import sys
from dataclasses import dataclass, field

from sshcast.terminal import RESET, Sanitiser, Screen, takes_colours

COLOURS = {"dim": "\x1b[2m", "green": "\x1b[32m", "red": "\x1b[31m", "yellow": "\x1b[33m"}


@dataclass(slots=True)
class Notes:
    """One line a note, however long; coloured on a terminal that takes it. None when `quiet`.

    `screen`: the terminal that the command's output is shown on too, if it is; a note begins a line of its own there.
    """

    quiet: bool = False
    screen: Screen = field(default_factory=Screen)

    def say(self, text: str, colour: str | None = None) -> None:
        if self.quiet:
            return
        line = Sanitiser(colours=False).feed(text.encode(errors="replace"), final=True).replace("\n", " ")
        if colour is not None and takes_colours(sys.stderr):
            line = f"{COLOURS[colour]}{line}{RESET}"
        begin = self.screen.end_line() if sys.stderr.isatty() else ""
        try:
            print(f"{begin}{line}", file=sys.stderr, flush=True)
        except OSError:  # nobody reads it any more, or the disk is full: it is the output that counts
            return
