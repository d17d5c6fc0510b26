"""Reads the moments that people write: `2h`, `2026-11-30`, `2026-11-30 18:00`, or ISO 8601 with a zone."""

import re
from datetime import UTC, datetime, timedelta

from sshcast.errors import CommandFailed
from sshcast.words import choose

SPAN = re.compile(r"([0-9]{1,9})\s*([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_past(option: str, text: str) -> str:
    """Return a moment for the API; a span such as `2h` is so long ago."""
    return _parse(option, text, -1)


def parse_future(option: str, text: str) -> str:
    """Return a moment for the API; a span such as `2h` is so far ahead."""
    return _parse(option, text, 1)


def _parse(option: str, text: str, direction: int) -> str:
    try:
        return _find_moment(text.strip(), direction).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise CommandFailed(
            choose(
                f"{option} {text}: this is no moment; write 90s, 30m, 2h, 7d or 2w, a day such as 2026-11-30, or a "
                "time such as 2026-11-30T18:00, in this machine's time zone or with a zone of its own (…Z, …+08:00)",
                f"{option} {text}：这不是时间；请写 90s、30m、2h、7d 或 2w，"
                "或日期如 2026-11-30，或时间如 2026-11-30T18:00，按本机时区或自带时区（…Z、…+08:00）",
            )
        ) from None


def _find_moment(text: str, direction: int) -> datetime:
    """Return the moment, without a zone where it is this machine's."""
    span = SPAN.fullmatch(text)
    if span is not None:
        return datetime.now(UTC) + direction * timedelta(seconds=int(span[1]) * SECONDS[span[2]])
    return datetime.fromisoformat(text)
