"""Masks secrets in output: each byte of one becomes `*`, so that offsets stay those of the target.

The possible beginning of a secret is held back until more output comes. The result does not depend on how the output
was split, nor on where reading began: starting LOOKBACK bytes early gives the same.
"""

import re

from runner.output.matcher import SPAN, STAR, SecretMatcher

LOOKBACK = SPAN - 1
LETTER = re.compile(rb"[^\r\n]")


class Masker:
    """Masks one stream. The first `skip` bytes are read for context only, and not returned."""

    def __init__(self, matcher: SecretMatcher, *, skip: int = 0) -> None:
        self._matcher = matcher
        self._skip = skip
        self._seen = b""
        self._given = 0

    @property
    def held_bytes(self) -> int:
        """The number of bytes held back."""
        return max(0, len(self._seen) - self._given - self._skip)

    def feed(self, data: bytes) -> bytes:
        """Add output, and return what is certain to be masked correctly, in order."""
        whole = self._seen + data
        end = max(self._given, self._matcher.find_unfinished(whole))
        shown = self._matcher.mask(whole)[self._given : end]
        kept = max(0, end - LOOKBACK)
        self._seen, self._given = whole[kept:], end - kept
        return self._drop_skipped(shown)

    def finish(self, *, cut: bool = False) -> bytes:
        """Return the rest at the end of the stream. If it was `cut` off, a possible beginning of a secret is masked."""
        rest = self._matcher.mask(self._seen)[self._given :]
        self._given = len(self._seen)
        return self._drop_skipped(LETTER.sub(STAR, rest) if cut else rest)

    def _drop_skipped(self, shown: bytes) -> bytes:
        dropped = min(self._skip, len(shown))
        self._skip -= dropped
        return shown[dropped:]
