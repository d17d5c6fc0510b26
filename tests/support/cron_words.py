"""Reads a description of a schedule back, in English and in Chinese, without any code of the service."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import product

NUMBERS = r"\d+(?:-\d+)?(?:(?:, | and | … |、)\d+(?:-\d+)?)*"
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEKDAYS_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
ORDINALS = ("first", "second", "third", "fourth", "fifth")
MONTH = "|".join(MONTHS)
TIMES = r"\d\d:\d\d(?::\d\d)?(?:(?:, | and |、)\d\d:\d\d(?::\d\d)?)*"
ENGLISH = re.compile(
    rf"(?:At (?P<times>{TIMES})"
    rf"|(?:Every (?:(?P<step>\d+) )?(?P<unit>second|minute)s?|At (?P<at>second|minute)s? (?P<numbers>{NUMBERS}))"
    rf"(?: (?:of|in) (?:every minute|minutes? (?P<minutes>{NUMBERS})))?"
    rf"(?: (?:of|in) (?:every hour|hours? (?P<hours>{NUMBERS})))?)"
    rf"(?: (?P<days>every day|on .*?))??(?:(?P<only>, only)? in "
    rf"(?P<months>(?:{MONTH})(?:(?:, | and | to )(?:{MONTH}))*))?"
)
CHINESE = re.compile(
    rf"(?:每年 (?P<months>{NUMBERS}) 月 )?(?P<days>.*?) ?(?:(?P<times>{TIMES})"
    rf"|(?:每小时|(?P<hours>{NUMBERS}) 点)?"
    rf"(?:每分钟|每 (?P<every_minutes>\d+) 分钟|第 (?P<minutes>{NUMBERS}) 分的?)?"
    rf"(?:(?P<every_second>每秒)|每 (?P<every_seconds>\d+) 秒|第 (?P<seconds>{NUMBERS}) 秒)?)"
)
Dates = Callable[[date], bool]


@dataclass(frozen=True)
class Meaning:
    """The days and the times of day that a sentence names."""

    on: Dates
    hours: list[int]
    minutes: list[int]
    seconds: list[int]
    times: list[time] | None = None

    def after(self, moment: datetime) -> datetime | None:
        """The first time that it names after `moment`; None if there is none for nine years."""
        for ahead in range(9 * 366):
            day = moment.date() + timedelta(days=ahead)
            if self.on(day):
                found = next((at for at in self._times(moment.time() if ahead == 0 else None)), None)
                if found is not None:
                    return datetime.combine(day, found)
        return None

    def _times(self, later_than: time | None) -> Iterator[time]:
        if self.times is not None:
            yield from (at for at in self.times if later_than is None or at > later_than)
            return
        hours = [hour for hour in self.hours if later_than is None or hour >= later_than.hour]
        for hour, minute, second in product(hours, self.minutes, self.seconds):
            if later_than is None or time(hour, minute, second) > later_than:
                yield time(hour, minute, second)


def numbers(text: str | None, otherwise: range) -> list[int]:
    """`1, 3-5 and 7`, `0, 5, 10 … 55`; all of them where nothing is said."""
    if text is None:
        return list(otherwise)
    if "…" in text:
        head, last = text.split(" … ")
        first, second, third = map(int, re.split(", |、", head))
        assert third - second == second - first
        assert (int(last) - first) % (second - first) == 0
        return list(range(first, int(last) + 1, second - first))
    found: list[int] = []
    for piece in re.split(r", | and |、", text):
        low, _, high = piece.partition("-")
        found.extend(range(int(low), int(high or low) + 1))
    return sorted(found)


def clock(text: str) -> list[time]:
    return sorted(time.fromisoformat(piece) for piece in re.split(r", | and |、", text))


def named(text: str, names: tuple[str, ...], to: str) -> set[int]:
    """`Monday to Friday` or `Monday`."""
    low, _, high = text.partition(to)
    return set(range(names.index(low), names.index(high or low) + 1))


def is_last(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1


def is_last_of_its_weekday(day: date) -> bool:
    return (day + timedelta(days=7)).month != day.month


def nth(weekday: int, which: int | None) -> Dates:
    """Which of the month, from 1; None is the last."""

    def on(day: date) -> bool:
        fits = is_last_of_its_weekday(day) if which is None else (day.day - 1) // 7 + 1 == which
        return fits and day.weekday() == weekday

    return on


def any_of(conditions: list[Dates]) -> Dates:
    return lambda day: any(condition(day) for condition in conditions)


def in_months(on: Dates, months: set[int]) -> Dates:
    return lambda day: day.month in months and on(day)


def read_english(text: str) -> Meaning:
    match = ENGLISH.fullmatch(text)
    assert match is not None, text
    months = set(range(1, 13))
    if match["months"]:
        pieces = re.split(", | and ", match["months"])
        months = {month + 1 for piece in pieces for month in named(piece, MONTHS, " to ")}
    on = in_months(english_days(match["days"] or "every day", bool(match["only"]), len(months) < 12), months)
    if match["times"]:
        return Meaning(on, [], [], [], clock(match["times"]))
    unit = match["unit"] or match["at"]
    beats = list(range(0, 60, int(match["step"] or 1))) if match["unit"] else numbers(match["numbers"], range(60))
    hours, minutes = numbers(match["hours"], range(24)), numbers(match["minutes"], range(60))
    if unit == "minute":
        assert match["minutes"] is None
        return Meaning(on, hours, beats, [0])
    return Meaning(on, hours, minutes, beats)


def english_days(text: str, only: bool, in_some_months: bool) -> Dates:
    assert only == (" or on " in text and in_some_months)
    if text == "every day":
        return lambda day: True
    text = text.removeprefix("on ")
    for glue, join in ((" if it is ", all), (" or on ", any)):
        dates, found, weekdays = text.partition(glue)
        if found:
            both = [english_dates(dates), english_weekdays(weekdays)]
            return lambda day, join=join: join(condition(day) for condition in both)  # type: ignore[misc]
    return english_dates(text) if " day" in f" {text}" else english_weekdays(text)


def english_dates(text: str) -> Dates:
    match = re.fullmatch(rf"(?:days? ({NUMBERS}))?(?: and )?(the last day)?(?: of the month)?", text)
    assert match is not None, text
    days = numbers(match[1], range(0))
    return lambda day: day.day in days or (match[2] is not None and is_last(day))


def english_weekdays(text: str) -> Dates:
    found: list[Dates] = []
    for piece in re.split(", | and | or ", text):
        match = re.fullmatch(r"the (\w+) (\w+) of the month", piece)
        if match is None:
            days = named(piece, WEEKDAYS, " to ")
            found.append(lambda day, days=days: day.weekday() in days)  # type: ignore[misc]
        else:
            found.append(nth(WEEKDAYS.index(match[2]), None if match[1] == "last" else ORDINALS.index(match[1]) + 1))
    return any_of(found)


def read_chinese(text: str) -> Meaning:
    match = CHINESE.fullmatch(text)
    assert match is not None, text
    on = in_months(chinese_days(match["days"]), set(numbers(match["months"], range(1, 13))))
    if match["times"]:
        return Meaning(on, [], [], [], clock(match["times"]))
    minutes = numbers(match["minutes"], range(0, 60, int(match["every_minutes"] or 1)))
    seconds = [0]
    if match["seconds"] or match["every_second"] or match["every_seconds"]:
        seconds = numbers(match["seconds"], range(0, 60, int(match["every_seconds"] or 1)))
    return Meaning(on, numbers(match["hours"], range(24)), minutes, seconds)


def chinese_days(text: str) -> Dates:
    if text in ("", "每天"):
        return lambda day: True
    match = re.fullmatch(r"(.*)（仅当为(.*)）", text)
    if match is not None:
        dates, weekdays = chinese_dates(match[1]), chinese_weekdays(match[2])
        return lambda day: dates(day) and weekdays(day)
    if "日或" in text or "天或" in text:
        first, _, rest = text.partition("或")
        return any_of([chinese_dates(first), chinese_weekdays(rest)])
    is_dates = re.search(r"\d 日|最后一天", text) is not None
    return chinese_dates(text) if is_dates else chinese_weekdays(text)


def chinese_dates(text: str) -> Dates:
    match = re.fullmatch(rf"(?:每月)? ?(?:({NUMBERS}) 日)?和?(最后一天)?", text)
    assert match is not None, text
    days = numbers(match[1], range(0))
    return lambda day: day.day in days or (match[2] is not None and is_last(day))


def chinese_weekdays(text: str) -> Dates:
    found: list[Dates] = []
    for piece in re.split("、|和|或", text):
        match = re.fullmatch(r"(?:每月|当月)?(?:第 (\d) 个|最后一个)(周.)", piece)
        if match is None:
            days = named(piece.removeprefix("每"), WEEKDAYS_ZH, "至")
            found.append(lambda day, days=days: day.weekday() in days)  # type: ignore[misc]
        else:
            found.append(nth(WEEKDAYS_ZH.index(match[2]), int(match[1]) if match[1] else None))
    return any_of(found)
