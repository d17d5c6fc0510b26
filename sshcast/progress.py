"""Says on stderr what a slow start is doing, in English and Chinese."""

import sys
from dataclasses import dataclass

from sshcast.terminal import takes_sequences

ERASE_LINE = "\r\x1b[K"


@dataclass(slots=True)
class Progress:
    """Shows one step at a time: a line that changes on a terminal, and a line for each step elsewhere."""

    _shown: bool = False

    def say(self, english: str, chinese: str) -> None:
        self.clear()
        self._shown = takes_sequences(sys.stderr)
        print(f"· {english} / {chinese}", end="" if self._shown else "\n", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line off a terminal, so that other output can begin there."""
        if self._shown:
            print(ERASE_LINE, end="", file=sys.stderr, flush=True)
            self._shown = False
