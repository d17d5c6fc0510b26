"""Vixie cron's own rule, minute by minute, as another implementation: what a crontab's line is due at.

From entry.c and cron.c of Vixie cron 4.1, as Debian's cron and cronie have them: bits of five fields, the flags for
fields that begin with `*`, the rule of the two days, and what becomes of jobs when the clock on the wall is changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MINUTE = timedelta(minutes=1)
LARGE = 3 * 60


@dataclass(frozen=True, slots=True)
class Entry:
    """A line's bits. `stars`: for each field, whether its text begins with `*`."""

    bits: tuple[frozenset[int], ...]
    stars: tuple[bool, ...]

    @classmethod
    def parse(cls, schedule: str) -> "Entry":
        fields = NICKNAMES.get(schedule, schedule).split()
        bits = tuple(frozenset(_list_bits(text, at)) for at, text in enumerate(fields))
        return cls(bits, tuple(text.startswith("*") for text in fields))

    @property
    def is_wild(self) -> bool:
        """Whether it goes by the clock on the wall through every change (MIN_STAR, HR_STAR)."""
        return self.stars[0] or self.stars[1]

    def is_due(self, wall: datetime) -> bool:
        """Whether find_jobs() would take it at this time of the wall's clock."""
        minutes, hours, days, months, weekdays = self.bits
        of_month, of_week = wall.day in days, wall.isoweekday() % 7 in weekdays
        day = (of_month and of_week) if self.stars[2] or self.stars[4] else (of_month or of_week)
        return wall.minute in minutes and wall.hour in hours and wall.month in months and day


def _list_bits(text: str, at: int) -> Iterator[int]:
    low, high = LIMITS[at]
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        begin = low if span == "*" else _read(first, at)
        end = high if span == "*" else (_read(last, at) if dash else begin)
        for number in range(begin, end + 1, int(step or 1)):
            yield number % 7 if at == 4 else number


def _read(word: str, at: int) -> int:
    names = {3: MONTHS, 4: DAYS}.get(at, [])
    return names.index(word.lower()) + (at == 3) if word.lower() in names else int(word)


def list_due(schedule: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """Return the moments in UTC, after `begin` up to `end`, at which cron starts the line. It wakes each minute."""
    entry, found, place = Entry.parse(schedule), [], ZoneInfo(zone)
    virtual = _read_wall(begin, place)
    now = begin
    while now < end:
        now += MINUTE
        clock = _read_wall(now, place)
        difference = (clock - virtual) // MINUTE
        if difference == 1:
            virtual = clock
            is_due = entry.is_due(clock)
        elif 0 < difference <= LARGE:  # wildcard jobs for the present minute, fixed ones for all that were skipped
            skipped = [virtual + MINUTE * at for at in range(1, difference + 1)]
            is_due = entry.is_due(clock) if entry.is_wild else any(map(entry.is_due, skipped))
            virtual = clock
        elif -LARGE <= difference <= 0:  # wildcard jobs only, until the clock has caught up
            is_due = entry.is_wild and entry.is_due(clock)
        else:
            virtual = clock
            is_due = entry.is_due(clock)
        found += [now] if is_due else []
    return found


def _read_wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def read_utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
