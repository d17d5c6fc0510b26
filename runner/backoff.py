"""Exponential backoff between attempts."""

import random


def backoff(failures: int, *, base: float = 0.2, most: float = 10.0) -> float:
    """Return the seconds to wait after the n-th failure in a row: doubling, with jitter, at most `most`."""
    doubled = base * 2.0 ** min(failures, 16)
    return min(most, doubled) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
