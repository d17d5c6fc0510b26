"""Hides secrets in output: each byte of one becomes `*`, so offsets stay those of the target.

What may be the beginning of a secret is held back until more comes. What is hidden does not depend on how the output
was cut up, nor on who read which part of it: a reader that begins LOOKBACK bytes earlier than it has to finds the same.
"""

import re

from runner.output.matcher import SPAN, STAR, SecretMatcher

LOOKBACK = SPAN - 1
LETTER = re.compile(rb"[^\r\n]")


class Masker:
    """One stream's output with what the matcher knows hidden. The first `skip` bytes are read, and not given out."""

    def __init__(self, matcher: SecretMatcher, *, skip: int = 0) -> None:
        self._matcher = matcher
        self._skip = skip
        self._seen = b""
        self._given = 0

    @property
    def held_bytes(self) -> int:
        """How many bytes are held back that are to be given out."""
        return max(0, len(self._seen) - self._given - self._skip)

    def feed(self, data: bytes) -> bytes:
        """What may be shown by now, in order."""
        whole = self._seen + data
        end = max(self._given, self._matcher.find_unfinished(whole))
        shown = self._matcher.mask(whole)[self._given : end]
        kept = max(0, end - LOOKBACK)
        self._seen, self._given = whole[kept:], end - kept
        return self._drop_skipped(shown)

    def finish(self, *, cut: bool = False) -> bytes:
        """The rest: nothing more comes. Where the output was `cut` off, what may be a secret's beginning is hidden."""
        rest = self._matcher.mask(self._seen)[self._given :]
        self._given = len(self._seen)
        return self._drop_skipped(LETTER.sub(STAR, rest) if cut else rest)

    def _drop_skipped(self, shown: bytes) -> bytes:
        dropped = min(self._skip, len(shown))
        self._skip -= dropped
        return shown[dropped:]
