"""When a schedule is due. The one module that calls croniter, and that only on local time without a zone.

Clock changes follow Vixie cron: a job at a fixed time that falls into a skipped hour runs right after the gap, once,
and in a repeated hour runs once; one with `*` in its minute or hour runs through both.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from croniter import croniter

from runner.cron_grammar import NICKNAMES, ScheduleError, check_fields, check_text

__all__ = ["Due", "Schedule", "ScheduleError", "parse"]

Kind = Literal["cron", "every", "once", "manual", "at"]
Note = Literal["moved-by-dst", "repeated"]

EVERY = re.compile(r"@every (\d{1,9})(s|m|h|d)\Z", re.ASCII)
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_SECONDS = 366 * 86_400
YEARS_AHEAD = 8
FLOOR_SAMPLES = 24
START = datetime(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class Due:
    """A moment (UTC) at which a schedule is due, and what a clock change did to it."""

    at: datetime
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A checked schedule. `fields` are cron's (seconds first if six), `seconds` the interval of `@every`."""

    kind: Kind
    zone: ZoneInfo
    fields: tuple[str, ...] = ()
    seconds: int = 0
    at: datetime | None = None

    def next_after(self, moment: datetime) -> Due | None:
        """The first time it is due after `moment` (aware); None if never again by itself."""
        moment = moment.astimezone(UTC)
        if self.kind == "every":
            return Due(moment + timedelta(seconds=self.seconds))
        if self.kind == "at" and self.at is not None and self.at > moment:
            return Due(self.at)
        if self.kind != "cron":
            return None
        return self._running_through(moment) if self._wildcard else self._fixed(moment)

    def upcoming(self, moment: datetime, count: int) -> list[Due]:
        found: list[Due] = []
        while len(found) < count and (due := self.next_after(found[-1].at if found else moment)) is not None:
            found.append(due)
        return found

    @property
    def _wildcard(self) -> bool:
        return any(field.startswith("*") for field in self.fields[-5:-3])

    def _local(self, after: datetime) -> Iterator[datetime]:
        """Local times without a zone, after `after`."""
        times = croniter(
            " ".join(self.fields),
            after,
            ret_type=datetime,
            second_at_beginning=True,
            max_years_between_matches=YEARS_AHEAD,
        )
        while True:
            yield times.get_next(datetime)

    def _fixed(self, moment: datetime) -> Due:
        for local in self._local(naive(moment, self.zone)):
            aware = local.replace(tzinfo=self.zone)
            at = aware.astimezone(UTC)
            if naive(at, self.zone) != local:
                at = transition(self.zone, at - timedelta(days=1), at)
                if at > moment:
                    return Due(at, "moved-by-dst")
            elif at > moment:
                return Due(at)
        raise AssertionError("croniter ended")

    def _running_through(self, moment: datetime) -> Due:
        """Within one offset local time is plain; past a change of offset, look again from the change on."""
        start, inclusive = moment, False
        while True:
            offset = offset_at(start, self.zone)
            local = (start + offset).replace(tzinfo=None) - timedelta(seconds=1 if inclusive else 0)
            at = (next(self._local(local)) - offset).replace(tzinfo=UTC)
            if offset_at(at, self.zone) == offset:
                again = naive(at, self.zone).replace(tzinfo=self.zone, fold=0).astimezone(UTC) != at
                return Due(at, "repeated" if again else None)
            start, inclusive = transition(self.zone, start, at), True


def parse(expr: str, *, timezone: str = "UTC", floor_seconds: int = 1) -> Schedule:
    """Check a schedule. ScheduleError names the field that is wrong; `floor_seconds` is the least interval."""
    if timezone not in available_timezones():
        raise ScheduleError("timezone", 0, "is not an IANA time zone", "不是 IANA 时区", "Asia/Shanghai")
    zone = ZoneInfo(timezone)
    check_text(expr)
    text = expr.strip()
    if text in ("@once", "@manual"):
        return Schedule("once" if text == "@once" else "manual", zone)
    if text.startswith("@every"):
        return Schedule("every", zone, seconds=interval(text, floor_seconds))
    if text.startswith("@at"):
        return Schedule("at", zone, at=moment_of(text))
    if text.startswith("@") and text.lower() not in NICKNAMES:
        names = ", ".join((*NICKNAMES, "@every 90s", "@once", "@manual", "@at TIME"))
        raise ScheduleError("schedule", 0, f"is none of {names}", f"不是以下之一：{names}", "@hourly")
    schedule = Schedule("cron", zone, tuple(check_fields(NICKNAMES.get(text.lower(), text))))
    check_floor(schedule, floor_seconds)
    return schedule


def interval(text: str, floor_seconds: int) -> int:
    match = EVERY.match(text)
    seconds = int(match[1]) * UNIT_SECONDS[match[2]] if match else 0
    if not max(1, floor_seconds) <= seconds <= LONGEST_SECONDS:
        raise ScheduleError(
            "interval",
            7,
            f"must be a number and s, m, h or d, from {floor_seconds} s to 366 d",
            f"须为数字加 s、m、h 或 d，范围 {floor_seconds} 秒到 366 天",
            "@every 90s",
        )
    return seconds


def moment_of(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.removeprefix("@at").strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ScheduleError(
            "time",
            4,
            "must be RFC 3339 with its offset",
            "须为带时区偏移的 RFC 3339 时间",
            "@at 2026-12-01T10:00:00+08:00",
        )
    return found.astimezone(UTC)


def check_floor(schedule: Schedule, floor_seconds: int) -> None:
    """It fires at all, and no two of its next times are closer than the floor."""
    try:
        times = [time for time, _ in zip(schedule._local(START), range(FLOOR_SAMPLES), strict=False)]
    except ValueError:
        raise ScheduleError("schedule", 0, "never fires", "永远不会触发") from None
    closest = min((later - sooner).total_seconds() for sooner, later in pairwise(times))
    if closest < floor_seconds:
        raise ScheduleError(
            "schedule",
            0,
            f"fires every {closest:.0f} s, and the least interval allowed is {floor_seconds} s",
            f"每 {closest:.0f} 秒触发一次，而允许的最短间隔为 {floor_seconds} 秒",
        )


def offset_at(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def naive(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def transition(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The first moment after `low`, up to `high`, at which the zone's offset is another one than at `low`."""
    before = offset_at(low, zone)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if offset_at(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
