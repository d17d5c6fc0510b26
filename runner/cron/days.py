"""The days on which a schedule is due. The only module that calls croniter, and only with plain numbers in UTC.

croniter 7 draws random numbers for `R`, refuses a weekday next to `MON#2`, drops the day of month next to it, and
raises where nothing matches. Asked for one plain field at a time, it does none of that.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from croniter import CroniterBadDateError, croniter

from runner.cron.grammar import LAST, Fields

YEARS_AHEAD = 40
DAY = timedelta(days=1)
EVERY_DAY = "0 0 * * *"

Search = Callable[[date], date | None]


@dataclass(frozen=True, slots=True)
class Days:
    """Days of month and days of week as croniter expressions; with `both`, a day must match one of each."""

    of_month: tuple[str, ...]
    of_week: tuple[str, ...]
    both: bool

    @classmethod
    def of(cls, fields: Fields) -> "Days":
        months = _format_numbers(fields.months, 12)
        day = ",".join(
            [*([_format_numbers(fields.days, 31)] if fields.days else []), *(["L"] if fields.last_day else [])]
        )
        weekdays = [f"0 0 * {months} {_format_numbers(fields.weekdays, 7)}"] if fields.weekdays else []
        nths = [f"0 0 * {months} {_format_nth(day, which)}" for day, which in fields.nths]
        return cls((f"0 0 {day} {months} *",), (*weekdays, *nths), fields.needs_both_days)

    def find_on_or_after(self, day: date) -> date | None:
        """Return the first matching day, or None if there is none within `YEARS_AHEAD`."""
        if self.both:
            return _find_common_day(day, self._find_by_date, self._find_by_weekday)
        return _find_earliest((self._find_by_date(day), self._find_by_weekday(day)))

    def _find_by_date(self, day: date) -> date | None:
        return _find_earliest(_find_matching_day(expr, day) for expr in self.of_month)

    def _find_by_weekday(self, day: date) -> date | None:
        return _find_earliest(_find_matching_day(expr, day) for expr in self.of_week)


def _format_numbers(numbers: tuple[int, ...], count: int) -> str:
    return "*" if len(numbers) == count else ",".join(map(str, numbers))


def _format_nth(day: int, which: str) -> str:
    return f"L{day}" if which == LAST else f"{day}#{which}"


def _find_earliest(days: Iterable[date | None]) -> date | None:
    return min((day for day in days if day is not None), default=None)


def _find_common_day(day: date, one: Search, other: Search) -> date | None:
    """Return the first day that both searches find, or None."""
    end = day.replace(year=day.year + YEARS_AHEAD, day=1)
    while day < end:
        first = one(day)
        second = None if first is None else other(first)
        if second is None or second == first:
            return second
        day = second
    return None


@lru_cache(maxsize=8192)
def _find_matching_day(expr: str, day: date) -> date | None:
    if expr == EVERY_DAY:
        return day
    start = datetime(day.year, day.month, day.day) - timedelta(seconds=1)
    try:
        times = croniter(expr, start, ret_type=datetime, max_years_between_matches=YEARS_AHEAD)
        found: datetime = times.get_next(datetime)
    except CroniterBadDateError:
        return None
    return found.date()
