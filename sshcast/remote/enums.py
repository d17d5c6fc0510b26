"""The words of the API's enums that options take, in upper or lower case, with `-` or `_`. A test compares them."""

from collections.abc import Iterable

from sshcast.errors import CommandFailed
from sshcast.words import choose

STATES = ("PENDING", "RUNNING", "SUCCESS", "FAILED", "TIMEOUT", "CANCELLED")
ENDED = STATES[2:]
TRIGGERS = ("API", "CLI", "MANUAL", "RETRY", "SCHEDULE")
REASONS = (
    *("AUTH_FAILED", "CANCELLED", "DEADLINE", "EXIT_STATUS", "HOST_KEY_CHANGED", "HOST_KEY_UNKNOWN", "LOST"),
    *("NOT_ALLOWED", "OUTPUT_LIMIT", "REFUSED_BY_POLICY", "SIGNAL", "START_FAILED", "TIMEOUT", "UNREACHABLE"),
)
OUTCOMES = (
    *("CAUGHT_UP", "FIRED", "MISSED", "MOVED_BY_DST", "NOT_ALLOWED", "REFUSED_BY_POLICY", "SHADOWED"),
    *("SKIPPED_BLACKOUT", "SKIPPED_DST", "SKIPPED_OVERLAP", "SKIPPED_PAUSED", "SKIPPED_SERVER", "UNREADABLE"),
    "WAITING",
)
OVERLAPS = ("ALLOW", "SKIP", "QUEUE", "REPLACE")
MISSED = ("LATEST", "SKIP", "ALL")
DST = ("VIXIE", "SKIP", "TWICE", "WALL")
RUN_MODES = ("DURABLE", "ATTACHED")
SCHEDULE_MODES = ("ACTIVE", "SHADOW")
ON_OUTPUT_LIMIT = ("STOP", "TRUNCATE")
ON_REFUSED = ("SKIP", "FAIL_ALL")
PARAMETER_TYPES = ("STRING", "INTEGER", "BOOLEAN", "CHOICE", "SECRET")
POLICY_MODES = ("STANDARD", "STRICT", "AUDIT")


def read_word(option: str, text: str, words: Iterable[str]) -> str:
    """Return the API's word for what was written."""
    allowed = tuple(words)
    word = text.strip().upper().replace("-", "_")
    if word not in allowed:
        shown = ", ".join(each.lower().replace("_", "-") for each in allowed)
        raise CommandFailed(
            choose(f"{option} {text}: this is none of {shown}", f"{option} {text}：不是以下之一：{shown}")
        )
    return word
