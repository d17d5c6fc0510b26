"""The wall times at which a schedule is due: its days, and the times of day as sorted numbers."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from runner.cron.days import DAY, Days
from runner.cron.grammar import Fields

START = date(2024, 1, 1)
MOST_YEARS = timedelta(days=8 * 366)
DAY_SECONDS = 86_400
DAYS_LOOKED_AT = 400


@dataclass(frozen=True, slots=True)
class Times:
    """Times of day (each part sorted, none empty) on the matching days."""

    days: Days
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]

    @classmethod
    def of(cls, fields: Fields) -> "Times":
        return cls(Days.of(fields), fields.hours, fields.minutes, fields.seconds)

    def find_after(self, local: datetime) -> datetime | None:
        """Return the first wall time after `local`, or None if there is none for decades."""
        today = local.date()
        day = self.days.find_on_or_after(today)
        if day == today:
            found = self._find_later(local.hour, local.minute, local.second)
            if found is not None:
                return datetime.combine(day, found)
            day = self.days.find_on_or_after(today + DAY)
        return None if day is None else datetime.combine(day, self._first)

    @property
    def _first(self) -> time:
        return time(self.hours[0], self.minutes[0], self.seconds[0])

    def _find_later(self, hour: int, minute: int, second: int) -> time | None:
        """Return the first time of day after this one, or None."""
        if hour in self.hours:
            if minute in self.minutes and (next_second := _find_above(self.seconds, second)) is not None:
                return time(hour, minute, next_second)
            if (next_minute := _find_above(self.minutes, minute)) is not None:
                return time(hour, next_minute, self.seconds[0])
        next_hour = _find_above(self.hours, hour)
        return None if next_hour is None else time(next_hour, self.minutes[0], self.seconds[0])

    def recurs(self) -> bool:
        """True if it is due at all, and again within eight years (around 2100, 29 February takes that long)."""
        first = self.days.find_on_or_after(START)
        again = None if first is None else self.days.find_on_or_after(first + DAY)
        return first is not None and again is not None and max(first - START, again - first) <= MOST_YEARS

    def find_gap_below(self, floor_seconds: int) -> float | None:
        """Return the shortest gap in seconds between consecutive wall times if it is below the floor, else None."""
        closest, first, last = float("inf"), 0, 0
        for numbers, unit in ((self.seconds, 1), (self.minutes, 60), (self.hours, 3600)):
            gaps = [(later - sooner) * unit - (last - first) for sooner, later in pairwise(numbers)]
            closest = min([closest, *gaps])
            first, last = first + numbers[0] * unit, last + numbers[-1] * unit
        overnight = DAY_SECONDS - (last - first)
        if overnight < min(closest, floor_seconds):
            closest = min(closest, overnight + (self._closest_days() - 1) * DAY_SECONDS)
        return closest if closest < floor_seconds else None

    def _closest_days(self) -> int:
        """Return the shortest gap between matching days, in days, within the next `DAYS_LOOKED_AT` of them."""
        day, closest = self.days.find_on_or_after(START), 366
        for _ in range(DAYS_LOOKED_AT):
            following = None if day is None else self.days.find_on_or_after(day + DAY)
            if day is None or following is None or closest == 1:
                break
            closest = min(closest, (following - day).days)
            day = following
        return closest


def _find_above(numbers: tuple[int, ...], number: int) -> int | None:
    """Return the least of the sorted `numbers` above `number`, or None."""
    place = bisect_right(numbers, number)
    return numbers[place] if place < len(numbers) else None
