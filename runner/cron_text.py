"""What a schedule means, in a sentence: English and Chinese."""

from dataclasses import dataclass
from itertools import product

from runner.cron import Schedule
from runner.cron_grammar import DAYS_IN_MONTH, LAST, Fields, Nth

MOST_TIMES = 6
UNITS = {1: ("second", "秒"), 60: ("minute", "分钟"), 3600: ("hour", "小时"), 86_400: ("day", "天")}
DAYS_EN = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
DAYS_ZH = ("周日", "周一", "周二", "周三", "周四", "周五", "周六")
MONTHS_EN = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
ORDINALS = {"1": "first", "2": "second", "3": "third", "4": "fourth", "5": "fifth", LAST: "last"}


@dataclass(frozen=True, slots=True)
class Words:
    """One meaning in both languages."""

    en: str
    zh: str


def described(schedule: Schedule) -> Words:
    """A sentence without a full stop, in local time of the schedule's zone."""
    if schedule.kind == "every":
        return capital(every_seconds(schedule.seconds))
    if schedule.kind == "at" and schedule.at is not None:
        local = f"{schedule.at.astimezone(schedule.zone):%Y-%m-%d %H:%M:%S}"
        return Words(f"Once, at {local}", f"一次，于 {local}")
    if schedule.fields is None:
        once = Words("Once, when it is created", "创建时运行一次")
        return once if schedule.kind == "once" else Words("Only when someone starts it", "仅手动运行")
    clock, days, months = clock_words(schedule.fields), day_words(schedule.fields), month_words(schedule.fields)
    en = " ".join(part.en for part in (clock, days, months) if part.en)
    return capital(Words(en, " ".join(part.zh for part in (months, days, clock) if part.zh)))


def capital(words: Words) -> Words:
    return Words(words.en[0].upper() + words.en[1:], words.zh)


def every_seconds(seconds: int) -> Words:
    size = next(size for size in (86_400, 3600, 60, 1) if seconds % size == 0)
    return every(seconds // size, *UNITS[size])


def every(count: int, en: str, zh: str) -> Words:
    return Words(f"every {en}", f"每{zh}") if count == 1 else Words(f"every {count} {en}s", f"每 {count} {zh}")


def clock_words(fields: Fields) -> Words:
    """The times of day, listed where they are few."""
    numbers = (fields.hours, fields.minutes, fields.seconds)
    if len(fields.hours) * len(fields.minutes) * len(fields.seconds) <= MOST_TIMES:
        shown = [clock(*each) for each in product(*numbers)]
        return Words(f"at {listed(shown, ' and ')}", "、".join(shown))
    any_minute, any_hour = len(fields.minutes) == 60, len(fields.hours) == 24
    seconds = interval(fields.seconds, 60, "second", "秒") if fields.seconds != (0,) else None
    minutes = None if any_minute and seconds else interval(fields.minutes, 60, "minute", "分")
    hours = None if any_hour else interval(fields.hours, 24, "hour", "时")
    if any_hour and minutes is not None and not minutes.en.startswith("every"):
        hours = Words("of every hour", "每小时")
    said = [part for part in (seconds, minutes, hours) if part is not None]
    return Words(" ".join(part.en for part in said), "".join(part.zh for part in reversed(said)))


def clock(hour: int, minute: int, second: int) -> str:
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def interval(numbers: tuple[int, ...], size: int, en: str, zh: str) -> Words:
    """`every 5 minutes` where that is true all through, else the numbers."""
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 0
    if step and size % step == 0 and numbers == tuple(range(0, size, step)):
        whole = {"秒": "秒", "分": "分钟", "时": "小时"}[zh]
        return every(step, en, whole)
    preposition = "in" if en == "hour" else "at"
    return Words(f"{preposition} {en} {ranges(numbers, ' and ', '-')}", f"第 {ranges(numbers, '、', '-')} {zh}")


def day_words(fields: Fields) -> Words:
    dates, weekdays = date_words(fields), weekday_words(fields)
    if dates is None and weekdays is None:
        frequent = len(fields.hours) * len(fields.minutes) * len(fields.seconds) > MOST_TIMES
        return Words("", "") if frequent else Words("every day", "每天")
    if dates is None or weekdays is None:
        found = dates or weekdays or Words("", "")
        return Words(f"on {found.en}", found.zh)
    if fields.both_days:
        return Words(f"on {dates.en} if it is {weekdays.en}", f"{dates.zh}且为{weekdays.zh.removeprefix('每')}")
    return Words(f"on {dates.en} or on {weekdays.en}", f"{dates.zh}或{weekdays.zh}")


def date_words(fields: Fields) -> Words | None:
    if len(fields.days) == max(DAYS_IN_MONTH):
        return None
    en, zh = [], []
    if fields.days:
        en.append(f"day {ranges(fields.days, ' and ', '-')}")
        zh.append(f" {ranges(fields.days, '、', '-')} 日")
    if fields.last_day:
        en.append("the last day")
        zh.append("最后一天")
    month = " of the month" if len(fields.months) == 12 else ""
    return Words(listed(en, " and ") + month, ("每月" + "和".join(zh) if month else "和".join(zh).strip()))


def weekday_words(fields: Fields) -> Words | None:
    if len(fields.weekdays) == len(DAYS_EN):
        return None
    nths = [nth_words(nth) for nth in fields.nths]
    en = [*([ranges(fields.weekdays, " and ", " to ", DAYS_EN)] if fields.weekdays else []), *(nth.en for nth in nths)]
    zh = [*([ranges(fields.weekdays, "、", "至", DAYS_ZH)] if fields.weekdays else []), *(nth.zh for nth in nths)]
    return Words(listed(en, " and "), ("" if nths else "每") + "、".join(zh))


def nth_words(nth: Nth) -> Words:
    day, which = nth
    zh = "最后一个" if which == LAST else f"第 {which} 个"
    return Words(f"the {ORDINALS[which]} {DAYS_EN[day]} of the month", f"当月{zh}{DAYS_ZH[day]}")


def month_words(fields: Fields) -> Words:
    if len(fields.months) == 12:
        return Words("", "")
    shown = ranges(tuple(month - 1 for month in fields.months), " and ", " to ", MONTHS_EN)
    return Words(f"in {shown}", f"每年 {ranges(fields.months, '、', '-')} 月")


def ranges(numbers: tuple[int, ...], last: str, to: str, names: tuple[str, ...] = ()) -> str:
    """`1, 3-5 and 7`: numbers that follow each other (three or more) as a range."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shown: list[str] = []
    for run in runs:
        texts = [names[number] if names else str(number) for number in run]
        shown.extend([f"{texts[0]}{to}{texts[-1]}"] if len(run) > 2 else texts)
    return listed(shown, last)


def listed(items: list[str], last: str) -> str:
    """`a, b and c`; with `、` as `last` that stands everywhere."""
    if len(items) < 2 or last == "、":
        return last.join(items)
    return ", ".join(items[:-1]) + last + items[-1]
