"""Describes a schedule in English and Chinese; the sentence names exactly the times at which it is due."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from runner.cron.grammar import DAYS_IN_MONTH, LAST, Fields, Nth
from runner.cron.schedule import Schedule

MOST_TIMES = 6
LEAST_STEPS = 6
"""The fewest numbers in equal steps that are shortened to `0, 5, 10 … 55`."""
UNITS = ((3600, "hour", "小时"), (60, "minute", "分钟"), (1, "second", "秒"))
DAY_SECONDS = 86_400
DAYS_EN = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
DAYS_ZH = ("周日", "周一", "周二", "周三", "周四", "周五", "周六")
MONTHS_EN = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
ORDINALS = {"1": "first", "2": "second", "3": "third", "4": "fourth", "5": "fifth", LAST: "last"}


@dataclass(frozen=True, slots=True)
class Words:
    """One phrase in both languages."""

    en: str
    zh: str


def describe(schedule: Schedule) -> Words:
    """Return a sentence without a full stop, in the local time of the schedule's zone."""
    if schedule.kind == "every":
        return _describe_interval(schedule.seconds)
    if schedule.kind == "at" and schedule.at is not None:
        local = schedule.at.astimezone(schedule.zone).isoformat(sep=" ")
        return Words(f"Once, at {local}", f"一次，于 {local}")
    if schedule.fields is None:
        once = Words("Once, when it is created", "创建时运行一次")
        return once if schedule.kind == "once" else Words("Only when someone starts it", "仅手动运行")
    return _describe_fields(schedule.fields)


def _describe_interval(seconds: int) -> Words:
    """Describe an interval of real time: a day is 24 hours, even when clocks change."""
    if seconds % DAY_SECONDS == 0 and seconds > DAY_SECONDS:
        days = seconds // DAY_SECONDS
        en, zh = f"every {days} days of 24 hours", f"每 {days} 天（每天按 24 小时计）"
    else:
        counts, rest = [], seconds
        for size, unit, chinese in UNITS:
            if count := rest // size:
                counts.append((count, unit, chinese))
            rest %= size
        en = "every " + " ".join(f"{count} {unit}{'s' * (count > 1)}" for count, unit, _ in counts)
        zh = "每 " + " ".join(f"{count} {chinese}" for count, _, chinese in counts)
        if len(counts) == 1 and counts[0][0] == 1:
            en, zh = en.replace(" 1 ", " "), zh.replace(" 1 ", "")
    return Words(f"{en[0].upper()}{en[1:]}, counted from when it was saved", f"{zh}，从保存时起算")


def _describe_fields(fields: Fields) -> Words:
    clock, days = _describe_clock(fields), _describe_days(fields)
    if not days.en and len(fields.hours) < 24:
        days = Words("every day", "每天")
    either = not fields.needs_both_days and not _has_any_day(fields)
    months = _describe_months(fields, either)
    en = f"{clock.en} {days.en}".strip() + months.en
    if months.zh and days.zh in ("每天", ""):
        days = Words(days.en, "每天")
    zh = " ".join(part for part in (months.zh, days.zh, clock.zh) if part)
    return Words(en[0].upper() + en[1:], zh)


def _describe_clock(fields: Fields) -> Words:
    """Describe the times of day; a few of them are listed one by one."""
    numbers = (fields.hours, fields.minutes, fields.seconds)
    if len(fields.hours) * len(fields.minutes) * len(fields.seconds) <= MOST_TIMES:
        shown = [_format_time(*each) for each in product(*numbers)]
        return Words(f"at {_join_items(shown, ' and ')}", "、".join(shown))
    if fields.seconds == (0,):
        inner, restricted = _describe_steps(fields.minutes, "minute", "分"), len(fields.minutes) < 60
    else:
        inner, restricted = _describe_steps(fields.seconds, "second", "秒"), True
        if len(fields.minutes) < 60:
            inner = _place_within(
                inner, _format_plural("minute", fields.minutes), f"第 {_format_numbers_zh(fields.minutes)} 分的"
            )
        elif inner.en.startswith("at"):
            inner = _place_within(inner, "every minute", "每分钟")
    if len(fields.hours) < 24:
        return _place_within(inner, _format_plural("hour", fields.hours), f"{_format_numbers_zh(fields.hours)} 点")
    counts_on = inner.en.startswith("every") and " in " not in inner.en
    plain = counts_on or " of every minute" in inner.en or not restricted
    return inner if plain else _place_within(inner, "every hour", "每小时")


def _place_within(inner: Words, outer_en: str, outer_zh: str) -> Words:
    """Join two phrases: `at minute 5 of every hour`, `every 5 minutes in hour 3`."""
    preposition = "of" if inner.en.startswith("at") or " in " in inner.en else "in"
    return Words(f"{inner.en} {preposition} {outer_en}", f"{outer_zh}{inner.zh}")


def _format_time(hour: int, minute: int, second: int) -> str:
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def _describe_steps(numbers: tuple[int, ...], en: str, zh: str) -> Words:
    """Return `every 5 minutes` if the steps fill the whole hour, else list the numbers."""
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 0
    if step and 60 % step == 0 and numbers == tuple(range(0, 60, step)):
        whole = {"秒": "秒", "分": "分钟"}[zh]
        return Words(f"every {en}", f"每{whole}") if step == 1 else Words(f"every {step} {en}s", f"每 {step} {whole}")
    return Words(f"at {_format_plural(en, numbers)}", f"第 {_format_numbers_zh(numbers)} {zh}")


def _format_plural(noun: str, numbers: tuple[int, ...]) -> str:
    return f"{noun}{'s' * (len(numbers) > 1)} {_shorten(numbers, ' and ', ', ')}"


def _format_numbers_zh(numbers: tuple[int, ...]) -> str:
    return _shorten(numbers, "、", "、")


def _has_any_day(fields: Fields) -> bool:
    """True if every day matches. If day of month and day of week need not both match, one of them is enough."""
    every_date = len(fields.days) == max(DAYS_IN_MONTH)
    every_weekday = len(fields.weekdays) == len(DAYS_EN)
    return (every_date and every_weekday) if fields.needs_both_days else (every_date or every_weekday)


def _describe_days(fields: Fields) -> Words:
    if _has_any_day(fields):
        return Words("", "")
    dates = _describe_dates(fields)
    narrows = fields.needs_both_days and dates is not None
    weekdays = _describe_weekdays(fields, *((" or ", "或") if narrows else (" and ", "和")))
    if dates is None or weekdays is None:
        found = dates or weekdays or Words("", "")
        return Words(f"on {found.en}", found.zh)
    if fields.needs_both_days:
        zh = weekdays.zh.replace("每月", "当月").removeprefix("每")
        return Words(f"on {dates.en} if it is {weekdays.en}", f"{dates.zh}（仅当为{zh}）")
    return Words(f"on {dates.en} or on {weekdays.en}", f"{dates.zh}或{weekdays.zh}")


def _describe_dates(fields: Fields) -> Words | None:
    if len(fields.days) == max(DAYS_IN_MONTH):
        return None
    en, zh = [], []
    if fields.days:
        en.append(_format_plural("day", fields.days))
        zh.append(f"{_format_numbers_zh(fields.days)} 日")
    if fields.last_day:
        en.append("the last day")
        zh.append("最后一天")
    every_month = len(fields.months) == 12
    prefix = ("每月 " if fields.days else "每月") if every_month else ""
    return Words(" and ".join(en) + (" of the month" if every_month else ""), prefix + "和".join(zh))


def _describe_weekdays(fields: Fields, last_en: str, last_zh: str) -> Words | None:
    """Describe the weekdays. The week starts on Monday, so that Saturday and Sunday stand together."""
    if len(fields.weekdays) == len(DAYS_EN):
        return None
    nths = [_describe_nth(nth, len(fields.months) == 12) for nth in fields.nths if nth[0] not in fields.weekdays]
    order = sorted((day - 1) % 7 for day in fields.weekdays)
    names_en, names_zh = (names[1:] + names[:1] for names in (DAYS_EN, DAYS_ZH))
    en = [*([_shorten(order, last_en, ", ", " to ", names_en)] if order else []), *(nth.en for nth in nths)]
    zh = [*([f"每{_shorten(order, '、', '、', '至', names_zh)}"] if order else []), *(nth.zh for nth in nths)]
    return Words(_join_items(en, last_en), last_zh.join(zh))


def _describe_nth(nth: Nth, every_month: bool) -> Words:
    day, which = nth
    zh = "最后一个" if which == LAST else f"第 {which} 个"
    return Words(
        f"the {ORDINALS[which]} {DAYS_EN[day]} of the month", f"{'每月' if every_month else ''}{zh}{DAYS_ZH[day]}"
    )


def _describe_months(fields: Fields, either: bool) -> Words:
    """Describe the months. After two kinds of days, `only` tells that the months apply to both."""
    if len(fields.months) == 12:
        return Words("", "")
    shown = _shorten([month - 1 for month in fields.months], " and ", ", ", " to ", MONTHS_EN)
    return Words(f"{', only' if either else ''} in {shown}", f"每年 {_format_numbers_zh(fields.months)} 月")


def _shorten(numbers: Sequence[int], last: str, comma: str, to: str = "-", names: tuple[str, ...] = ()) -> str:
    """Shorten a list to `1, 3-5 and 7`; three or more in a row become a range, equal steps `0, 5, 10 … 55`."""
    show: Callable[[int], str] = names.__getitem__ if names else str
    steps = {later - sooner for sooner, later in pairwise(numbers)}
    if not names and len(steps) == 1 and steps != {1} and len(numbers) >= LEAST_STEPS:
        return f"{comma.join(map(show, numbers[:3]))} … {show(numbers[-1])}"
    shown: list[str] = []
    for run in _split_runs(numbers):
        texts = list(map(show, run))
        shown.extend([f"{texts[0]}{to}{texts[-1]}"] if len(run) > 2 else texts)
    return _join_items(shown, last)


def _split_runs(numbers: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _join_items(items: list[str], last: str) -> str:
    """Join as `a, b and c`; if `last` is `、`, it separates all items."""
    if len(items) < 2 or last == "、":
        return last.join(items)
    return ", ".join(items[:-1]) + last + items[-1]
