"""A parsed schedule and the moments at which it is due.

Clock changes follow the task's choice, by default Vixie cron's: a job at a fixed time that falls into a skipped hour
runs once, right after the gap, and in a repeated hour it runs once. One with `*` in its minute or hour runs through
both.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from runner.cron.fields import NICKNAMES, NeverFires, ScheduleError, TooOften
from runner.cron.grammar import LONGEST, Fields, check_text, parse_fields
from runner.cron.interval import LONGEST_SECONDS, guess_duration, read_duration, write_duration
from runner.cron.rewrites import refuse
from runner.cron.times import Times
from runner.cron.zones import SECOND, find_change, find_repeat_end, find_utc_offset, list_zones, to_wall_time

__all__ = ["LONGEST", "YEARS", "Dst", "Due", "Note", "Schedule", "ScheduleError", "parse", "parse_stored"]

Kind = Literal["cron", "every", "once", "manual", "at"]

YEARS = range(1970, 2200)


class Dst(StrEnum):
    """How a clock change affects jobs at fixed times; one with `*` in its minute or hour runs through all changes."""

    VIXIE = "vixie"
    """Skipped hour: runs once, right after the gap. Repeated hour: runs once, in the first pass."""
    SKIP = "skip"
    """Skipped hour: does not run. Repeated hour: runs once, in the first pass."""
    TWICE = "twice"
    """Skipped hour: runs once, right after the gap. Repeated hour: runs in both passes."""
    WALL = "wall"
    """Skipped hour: does not run. Repeated hour: runs in both passes, whenever a clock on the wall shows the time."""

    @property
    def moves(self) -> bool:
        return self in (Dst.VIXIE, Dst.TWICE)

    @property
    def repeats(self) -> bool:
        return self in (Dst.TWICE, Dst.WALL)


class Note(StrEnum):
    """The effect of a clock change on a slot."""

    MOVED = "moved-by-dst"
    SKIPPED = "skipped-by-dst"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Due:
    """A moment (UTC) at which a schedule is due, and the effect of a clock change on it.

    `wanted` is the wall time that was skipped. A slot noted SKIPPED is placed at the end of the gap and does not run.
    """

    at: datetime
    note: Note | None = None
    wanted: datetime | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A checked schedule. `seconds` is the interval of `@every`, `at` the moment of `@at`."""

    kind: Kind
    zone: ZoneInfo
    dst: Dst = Dst.VIXIE
    fields: Fields | None = None
    times: Times | None = None
    seconds: int = 0
    at: datetime | None = None

    def find_next(self, moment: datetime) -> Due | None:
        """Return the first due moment after `moment` (aware), or None if it is never due again."""
        moment = moment.astimezone(UTC)
        if self.kind == "every":
            return Due(moment + timedelta(seconds=self.seconds))
        if self.kind == "at" and self.at is not None and self.at > moment:
            return Due(self.at)
        return self._find_cron_after(moment, self.times) if self.times is not None else None

    def find_due(self, slot: datetime) -> Due:
        """Return the slot at this moment, with its note if the schedule still has it."""
        found = self.find_next(slot - SECOND) if self.kind == "cron" else None
        return found if found is not None and found.at == slot else Due(slot)

    def list_upcoming(self, moment: datetime, count: int) -> list[Due]:
        found: list[Due] = []
        while len(found) < count and (due := self.find_next(found[-1].at if found else moment)) is not None:
            found.append(due)
        return found

    def _find_cron_after(self, moment: datetime, times: Times) -> Due | None:
        """Find the next cron time. With no change of offset on the way it is plain; else search on from the change."""
        start, local = moment, to_wall_time(moment, self.zone)
        while (found := times.find_after(local)) is not None:
            offset = find_utc_offset(start, self.zone)
            at = found.replace(tzinfo=UTC) - offset
            change = find_change(self.zone, start, at)
            if change is None:
                repeated = at.astimezone(self.zone).fold == 1
                if not repeated or self._runs_in_both_passes:
                    return Due(at, Note.REPEATED if repeated else None)
                local = find_repeat_end(self.zone, at) - SECOND
                continue
            start, local = change, to_wall_time(change, self.zone) - SECOND
            if found <= local and (gap := self._resolve_gap(change, found, times)) is not None:
                return gap
        return None

    @property
    def _has_fixed_times(self) -> bool:
        return self.fields is not None and self.fields.has_fixed_times

    @property
    def _runs_in_both_passes(self) -> bool:
        return self.dst.repeats or not self._has_fixed_times

    def _resolve_gap(self, change: datetime, wanted: datetime, times: Times) -> Due | None:
        """Return the slot for a wall time in a gap; None for a wildcard, or if a slot follows at the end of the gap."""
        if not self._has_fixed_times:
            return None
        if self.dst.moves:
            return Due(change, Note.MOVED, wanted)
        end = to_wall_time(change, self.zone)
        return None if times.find_after(end - SECOND) == end else Due(change, Note.SKIPPED, wanted)


def parse(expr: str, *, timezone: str = "UTC", floor_seconds: int = 1, dst: Dst = Dst.VIXIE) -> Schedule:
    """Parse and check a schedule. Raises ScheduleError, which names the invalid field.

    `floor_seconds` is the shortest interval allowed.
    """
    if timezone not in list_zones():
        raise ScheduleError("timezone", 0, "is not an IANA time zone", "不是 IANA 时区", "Asia/Shanghai")
    zone = ZoneInfo(timezone)

    def check(text: str) -> ScheduleError | None:
        try:
            _build_schedule(text, zone, floor_seconds, dst)
        except ScheduleError as error:
            return error
        return None

    try:
        return _build_schedule(expr, zone, floor_seconds, dst)
    except ScheduleError as error:
        raise refuse(error, expr, check, floor_seconds) from error


@lru_cache(maxsize=8192)
def parse_stored(expr: str, timezone: str, dst: Dst) -> Schedule:
    """Parse a schedule that was checked before it was stored. ScheduleError if this version cannot read it."""
    return parse(expr, timezone=timezone, dst=dst)


def _build_schedule(expr: str, zone: ZoneInfo, floor_seconds: int, dst: Dst) -> Schedule:
    check_text(expr)
    text = " ".join(expr.split()).lower()
    name, _, rest = text.partition(" ")
    start = len(expr) - len(expr.lstrip())
    if text in ("@once", "@manual"):
        return Schedule("once" if text == "@once" else "manual", zone)
    if name == "@every":
        return Schedule("every", zone, seconds=_parse_interval(rest, start + len(name) + 1, floor_seconds))
    if name == "@at":
        return Schedule("at", zone, at=_parse_moment(expr.split(maxsplit=1)[1:], start + len(name) + 1, zone))
    if text.startswith("@") and text not in NICKNAMES:
        raise _build_unknown_name(name, start)
    fields = parse_fields(NICKNAMES.get(text, expr))
    times = Times.of(fields)
    _check_floor(times, floor_seconds)
    return Schedule("cron", zone, dst, fields, times)


def _build_unknown_name(name: str, position: int) -> ScheduleError:
    if name == "@reboot":
        return ScheduleError(
            "schedule",
            position,
            "@reboot is not known here, since no server tells when it starts: put it into that server's own crontab",
            "不支持 @reboot，因为服务器启动时不会通知本服务：请写入该服务器自己的 crontab",
            "@hourly",
        )
    names = ", ".join((*NICKNAMES, "@every 90s", "@once", "@manual", "@at TIME"))
    return ScheduleError("schedule", position, f"is none of {names}", f"不是以下之一：{names}", "@hourly")


def _parse_interval(text: str, position: int, floor_seconds: int) -> int:
    floor = max(1, floor_seconds)
    seconds = read_duration(text)
    if seconds is not None and floor <= seconds <= LONGEST_SECONDS:
        return seconds
    error = ScheduleError(
        "interval",
        position,
        f"must be numbers with s, m, h or d such as 1h30m, in whole seconds, from {floor} s to 366 d",
        f"须为数字加 s、m、h 或 d（如 1h30m），为整秒，范围 {floor} 秒到 366 天",
        "@every 90s",
    )
    meant = guess_duration(text)
    if meant is None:
        raise error
    raise error.with_rewrite(f"@every {write_duration(min(max(meant, floor), LONGEST_SECONDS))}")


def _parse_moment(rest: list[str], position: int, zone: ZoneInfo) -> datetime:
    try:
        found = datetime.fromisoformat(rest[0].strip().upper()) if rest else None
    except ValueError:
        found = None
    if found is not None and found.tzinfo is not None and found.year in YEARS:
        return found.astimezone(UTC)
    error = ScheduleError(
        "time",
        position,
        "must be RFC 3339 with its offset",
        "须为带时区偏移的 RFC 3339 时间",
        "@at 2030-12-01T10:00:00+08:00",
    )
    if found is None or found.tzinfo is not None or found.year not in YEARS:
        raise error
    raise error.with_rewrite(f"@at {found.replace(tzinfo=zone).isoformat()}")


def _check_floor(times: Times, floor_seconds: int) -> None:
    """Raise NeverFires if it is never due, TooOften if two wall times are closer than the floor."""
    if not times.recurs():
        raise NeverFires("schedule", 0, "never fires, or not for many years", "永远不会触发，或多年才触发一次")
    closest = times.find_gap_below(floor_seconds)
    if closest is not None:
        raise TooOften(
            "schedule",
            0,
            f"fires every {closest:.0f} s, and the least interval allowed is {floor_seconds} s",
            f"每 {closest:.0f} 秒触发一次，而允许的最短间隔为 {floor_seconds} 秒",
        )
