"""What a schedule may look like: our own check, so that croniter only ever sees plain numbers."""

import re
from collections.abc import Callable
from dataclasses import dataclass

LONGEST = 120
EXAMPLE = "*/5 * * * *"
LAST = "L"
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MONTHS = {name: n for n, name in enumerate(MONTH_NAMES, 1)}
DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
DAYS = {name: n for n, name in enumerate(DAY_NAMES)}
DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
ITEM = re.compile(r"(?P<low>\*|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\d{1,4}))?\Z", re.ASCII)
NTH = re.compile(r"(?P<day>\w{1,3})#(?P<nth>[1-5])\Z|L(?P<last>[0-7])\Z|(?P<named>[0-7]|[A-Z]{3})L\Z", re.ASCII)


class ScheduleError(ValueError):
    """The schedule cannot be used. `field` names the part, `position` is its first character (from 0)."""

    def __init__(self, field: str, position: int, message_en: str, message_zh: str, example: str = EXAMPLE) -> None:
        self.field = field
        self.position = position
        self.message_en = f"{field}: {message_en} (for example {example})"
        self.message_zh = f"{field}：{message_zh}（例如 {example}）"
        self.example = example
        super().__init__(self.message_en)


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a cron expression: its name, its bounds, and the names that may stand for numbers."""

    name: str
    low: int
    high: int
    names: dict[str, int]


SECOND = Part("second", 0, 59, {})
MINUTE = Part("minute", 0, 59, {})
HOUR = Part("hour", 0, 23, {})
DAY = Part("day of month", 1, 31, {})
MONTH = Part("month", 1, 12, MONTHS)
WEEKDAY = Part("day of week", 0, 7, DAYS)
PARTS = (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY)

Nth = tuple[int, str]
"""A weekday (0 is Sunday) and which of the month: `1` to `5`, or `L` for the last."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A checked expression as sorted numbers. `words` are its six fields as they were written, in capitals."""

    words: tuple[str, ...]
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    last_day: bool
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    nths: tuple[Nth, ...]

    @property
    def fixed(self) -> bool:
        """Whether it runs at set times of the day, as Vixie cron sees it: no `*` in its minute or hour."""
        return not self.words[1].startswith("*") and not self.words[2].startswith("*")

    @property
    def both_days(self) -> bool:
        """Vixie cron's rule: day of month and day of week must both match if one starts with `*`, else either may."""
        return self.words[3].startswith("*") or self.words[5].startswith("*")


def check_text(expr: str) -> None:
    if not expr.isascii() or not 1 <= len(expr) <= LONGEST or not expr.isprintable():
        raise ScheduleError(
            "schedule",
            0,
            f"must be 1 to {LONGEST} printable ASCII characters",
            f"须为 1 到 {LONGEST} 个可见 ASCII 字符",
        )


def check_fields(expr: str) -> Fields:
    """The 5 or 6 fields (seconds first), each checked; ScheduleError names the first that is wrong."""
    words = [(match.start(), match[0].upper()) for match in re.finditer(r"\S+", expr)]
    if len(words) not in (5, 6):
        raise ScheduleError(
            "schedule",
            0,
            f"needs 5 fields (minute hour day month weekday) or 6 with seconds first, and has {len(words)}",
            f"需要 5 个字段（分 时 日 月 周）或在最前加秒共 6 个，现有 {len(words)} 个",
        )
    if len(words) == 5:
        words.insert(0, (0, "0"))
    second, minute, hour, day, month, weekday = (word for _, word in words)
    at = dict(zip((part.name for part in PARTS), (position for position, _ in words), strict=True))
    fields = Fields(
        words=(second, minute, hour, day, month, weekday),
        seconds=values(SECOND, second, at["second"]),
        minutes=values(MINUTE, minute, at["minute"]),
        hours=values(HOUR, hour, at["hour"]),
        days=values(DAY, day, at["day of month"], plain_day),
        last_day=LAST in day.split(","),
        months=values(MONTH, month, at["month"]),
        weekdays=values(WEEKDAY, weekday, at["day of week"], plain_weekday),
        nths=tuple(sorted({nth for item in weekday.split(",") if (nth := nth_of(item)) is not None})),
    )
    check_day_exists(fields, at["day of month"])
    return fields


def plain_day(item: str) -> bool:
    return item != LAST


def plain_weekday(item: str) -> bool:
    return nth_of(item) is None


def nth_of(item: str) -> Nth | None:
    """`MON#2`, and the last weekday of a month as `L5`, `5L` or `FRIL`."""
    match = NTH.match(item)
    if match is None:
        return None
    day = number(WEEKDAY, match["day"] or match["last"] or match["named"])
    return None if day is None else (day % 7, match["nth"] or LAST)


def values(part: Part, word: str, position: int, plain: Callable[[str], bool] = lambda item: True) -> tuple[int, ...]:
    """The numbers that a field's plain items name; Sunday is 0."""
    found: set[int] = set()
    for item in filter(plain, word.split(",")):
        found.update(item_values(part, item, position))
    return tuple(sorted({value % 7 for value in found} if part is WEEKDAY else found))


def item_values(part: Part, item: str, position: int) -> range:
    match = ITEM.match(item)
    bounds = None if match is None else item_bounds(part, match)
    step = 1 if match is None or match["step"] is None else int(match["step"])
    if bounds is None or not 1 <= step <= part.high:
        raise ScheduleError(
            part.name,
            position,
            f"{item[:20]!r} is not a value, range, list or step of {part.low} to {part.high}",
            f"{item[:20]!r} 不是 {part.low} 到 {part.high} 的值、范围、列表或步长",
        )
    return range(bounds[0], bounds[1] + 1, step)


def item_bounds(part: Part, match: re.Match[str]) -> tuple[int, int] | None:
    """The first and last value of an item; a single value with a step goes on to the end."""
    if match["low"] == "*":
        return None if match["high"] else (part.low, min(part.high, 6) if part is WEEKDAY else part.high)
    low = number(part, match["low"])
    high = low if match["high"] is None else number(part, match["high"])
    if match["high"] is None and match["step"] is not None:
        high = part.high
    if part is WEEKDAY and match["high"] == "SUN":
        high = 7
    return None if low is None or high is None or high < low else (low, high)


def number(part: Part, text: str) -> int | None:
    if text in part.names:
        return part.names[text]
    found = int(text) if text.isdigit() and len(text) <= 4 else -1
    return found if part.low <= found <= part.high else None


def check_day_exists(fields: Fields, position: int) -> None:
    """31 February never comes, unless a weekday may fire instead."""
    if fields.last_day or not fields.both_days:
        return
    if min(fields.days) > max(DAYS_IN_MONTH[month - 1] for month in fields.months):
        raise ScheduleError("day of month", position, "this day never comes in these months", "这些月份没有这一天")
