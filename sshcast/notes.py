"""Notes that a command prints on stderr beside its output, one line each."""

import sys
from dataclasses import dataclass, field

from sshcast.terminal import RESET, Sanitiser, Screen, takes_colours

COLOURS = {"dim": "\x1b[2m", "green": "\x1b[32m", "red": "\x1b[31m", "yellow": "\x1b[33m"}


@dataclass(slots=True)
class Notes:
    """Prints notes, each on one line however long, coloured on a terminal; prints nothing if `quiet`.

    `screen`: the terminal that also shows the command's output, if any; a note then begins a line of its own.
    """

    quiet: bool = False
    screen: Screen = field(default_factory=Screen)

    def say(self, text: str, colour: str | None = None) -> None:
        if self.quiet:
            return
        line = Sanitiser(colours=False).feed(text.encode(errors="replace").decode(), final=True).replace("\n", " ")
        if colour is not None and takes_colours(sys.stderr):
            line = f"{COLOURS[colour]}{line}{RESET}"
        begin = self.screen.end_line() if sys.stderr.isatty() else ""
        try:
            print(f"{begin}{line}", file=sys.stderr, flush=True)
        except OSError:  # nobody reads it any more, or the disk is full: it is the output that counts
            return
