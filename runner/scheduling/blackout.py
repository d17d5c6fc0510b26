"""Blackout windows: times in which a server's schedules start nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from runner.cron.grammar import DAY_NAMES
from runner.cron.zones import list_zones, to_wall_time

DAY = timedelta(days=1)
CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z", re.ASCII)
MOST_REASON = 200


class BadBlackout(ValueError):
    """An invalid blackout window; the message names the part and the reason."""

    def __init__(self, message_en: str, message_zh: str) -> None:
        self.message_en = message_en
        self.message_zh = message_zh
        super().__init__(message_en)


@dataclass(frozen=True, slots=True)
class Blackout:
    """The blackout window around a moment: its end (UTC) and its reason."""

    until: datetime
    reason: str | None


def normalize_window(window: Mapping[str, Any]) -> dict[str, Any]:
    """Return a window as it is stored: `start`, `end` (HH:MM), `days`, `timezone`; or `from` and `until` (RFC 3339).

    Raises BadBlackout.
    """
    fields = {name: value for name, value in window.items() if value is not None}
    reason = {"reason": fields.pop("reason")} if "reason" in fields else {}
    if len(reason.get("reason", "")) > MOST_REASON:
        raise BadBlackout(f"a reason is at most {MOST_REASON} characters", f"reason 最多 {MOST_REASON} 个字符")
    if fields.keys() == {"from", "until"}:
        return _normalize_once(fields["from"], fields["until"]) | reason
    if not {"start", "end"} <= fields.keys() <= {"start", "end", "days", "timezone"}:
        raise BadBlackout(
            "a window needs start and end (HH:MM), with days and timezone if wanted, or from and until",
            "时间窗须为 start 与 end（HH:MM，可加 days、timezone），或 from 与 until",
        )
    return _normalize_weekly(fields) | reason


def _normalize_once(begin: datetime, until: datetime) -> dict[str, Any]:
    if begin.tzinfo is None or until.tzinfo is None or begin >= until:
        raise BadBlackout("from must lie before until, both with an offset", "from 须早于 until，且均带时区偏移")
    return {"from": begin.astimezone(UTC).isoformat(), "until": until.astimezone(UTC).isoformat()}


def _normalize_weekly(fields: Mapping[str, Any]) -> dict[str, Any]:
    zone = fields.get("timezone", "UTC")
    days = list(dict.fromkeys(fields.get("days", DAY_NAMES)))
    if not CLOCK.match(fields["start"]) or not CLOCK.match(fields["end"]):
        raise BadBlackout("start and end are times of day such as 22:00", "start 与 end 须为 22:00 形式的时刻")
    if zone not in list_zones():
        raise BadBlackout("timezone must be an IANA time zone such as Asia/Shanghai", "timezone 须为 IANA 时区")
    if not days or not set(days) <= set(DAY_NAMES):
        raise BadBlackout(f"days are some of {', '.join(DAY_NAMES)}", f"days 须取自 {', '.join(DAY_NAMES)}")
    return {"start": fields["start"], "end": fields["end"], "days": days, "timezone": zone}


def find_covering(windows: Sequence[Mapping[str, Any]], moment: datetime) -> Blackout | None:
    """Return the window that contains `moment`, the one that ends last if there are several, or None."""
    found = [Blackout(until, each.get("reason")) for each in windows if (until := _find_end(each, moment)) is not None]
    return max(found, key=lambda blackout: blackout.until, default=None)


def _find_end(window: Mapping[str, Any], moment: datetime) -> datetime | None:
    """Return the end (UTC) of the window if it contains `moment`, else None."""
    if "from" in window:
        until = datetime.fromisoformat(window["until"])
        return until if datetime.fromisoformat(window["from"]) <= moment < until else None
    zone = ZoneInfo(window["timezone"])
    today = to_wall_time(moment, zone).date()
    for day in (today, today - DAY):
        if DAY_NAMES[day.isoweekday() % 7] not in window["days"]:
            continue
        start, end = time.fromisoformat(window["start"]), time.fromisoformat(window["end"])
        begin = datetime.combine(day, start, tzinfo=zone).astimezone(UTC)
        last_day = day if end > start else day + DAY
        until = datetime.combine(last_day, end, tzinfo=zone).astimezone(UTC)
        if begin <= moment < until:
            return until
    return None
