"""The grammar of cron expressions. It is checked here, so that croniter gets only plain numbers."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from runner.cron.fields import (
    DAY,
    DAY_NAMES,
    EXAMPLE,
    HOUR,
    LAST,
    MINUTE,
    MONTH,
    NICKNAMES,
    PARTS,
    SECOND,
    WEEKDAY,
    NeverFires,
    Part,
    ScheduleError,
    parse_number,
)
from runner.cron.items import explain

__all__ = [
    "DAYS_IN_MONTH",
    "DAY_NAMES",
    "EXAMPLE",
    "LAST",
    "LONGEST",
    "NICKNAMES",
    "Fields",
    "Nth",
    "ScheduleError",
    "check_text",
    "is_item",
]

LONGEST = 120
DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
BLANKS = frozenset(" \t\r\n\v\f")
SIX_FIELDS = 6
ITEM = re.compile(r"(?P<low>\*|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\d{1,4}))?\Z", re.ASCII)
NTH = re.compile(r"(?P<day>\w+)#(?P<nth>[1-5])\Z|L(?P<last>[0-7])\Z|(?P<named>[0-7]|[A-Z]+)L\Z", re.ASCII)

Nth = tuple[int, str]
"""A weekday (0 is Sunday) and its place in the month: `1` to `5`, or `L` for the last."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A checked expression as sorted numbers. `words` are its six fields as written, in capitals."""

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
    def has_fixed_times(self) -> bool:
        """True if the minute and the hour have no `*`: Vixie cron then treats it as a job at fixed times of day."""
        return not self.words[1].startswith("*") and not self.words[2].startswith("*")

    @property
    def needs_both_days(self) -> bool:
        """Vixie cron's rule: day of month and day of week must both match if one starts with `*`, else either may."""
        return self.words[3].startswith("*") or self.words[5].startswith("*")


def check_text(expr: str) -> None:
    plain = expr.isascii() and all(char in BLANKS or char.isprintable() for char in expr)
    if not plain or not 1 <= len(expr) <= LONGEST:
        raise ScheduleError(
            "schedule",
            0,
            f"must be 1 to {LONGEST} printable ASCII characters",
            f"须为 1 到 {LONGEST} 个可见 ASCII 字符",
        )


def parse_fields(expr: str) -> Fields:
    """Parse and check 5 or 6 fields (seconds first). Raises ScheduleError for the first invalid one."""
    words = [(match.start(), match[0].upper()) for match in re.finditer(r"\S+", expr)]
    if len(words) not in (SIX_FIELDS - 1, SIX_FIELDS):
        raise ScheduleError(
            "schedule",
            0,
            f"needs 5 fields (minute hour day month weekday) or 6 with seconds first, and has {len(words)}",
            f"需要 5 个字段（分钟 小时 日 月 星期），或在最前加秒共 6 个，现有 {len(words)} 个",
        )
    if len(words) == SIX_FIELDS:
        _check_quartz_weekdays(words)
    else:
        words.insert(0, (0, "0"))
    second, minute, hour, day, month, weekday = (word for _, word in words)
    day, weekday = ("*" if word == "?" else word for word in (day, weekday))
    at = dict(zip((part.name for part in PARTS), (position for position, _ in words), strict=True))
    fields = Fields(
        words=(second, minute, hour, day, month, weekday),
        seconds=_parse_values(SECOND, second, at["second"]),
        minutes=_parse_values(MINUTE, minute, at["minute"]),
        hours=_parse_values(HOUR, hour, at["hour"]),
        days=_parse_values(DAY, day, at["day of month"], _is_plain_day),
        last_day=LAST in day.split(","),
        months=_parse_values(MONTH, month, at["month"]),
        weekdays=_parse_values(WEEKDAY, weekday, at["day of week"], _is_plain_weekday),
        nths=tuple(sorted({nth for item in weekday.split(",") if (nth := _parse_nth(item)) is not None})),
    )
    _check_day_exists(fields, at["day of month"])
    return fields


def is_item(part: Part, item: str) -> bool:
    """True if an item, in capitals, is valid in the field."""
    if (part is DAY and item == LAST) or (part is WEEKDAY and _parse_nth(item) is not None):
        return True
    try:
        return bool(_parse_item_values(part, item, 0))
    except ScheduleError:
        return False


def _check_quartz_weekdays(words: list[tuple[int, str]]) -> None:
    """Refuse numeric weekdays next to `?`: six fields with `?` are Quartz's, which counts Sunday as 1."""
    (_, day), (position, weekday) = words[3], words[5]
    if day == "?" and re.search(r"(?<![#/])\d", weekday):
        raise ScheduleError(
            "day of week",
            position,
            "is to be written with names beside '?', since Quartz counts Sunday as 1 and cron as 0",
            "与 '?' 同用时须写星期名，因为 Quartz 以 1 为周日，cron 以 0 为周日",
        )


def _is_plain_day(item: str) -> bool:
    return item != LAST


def _is_plain_weekday(item: str) -> bool:
    return _parse_nth(item) is None


def _parse_nth(item: str) -> Nth | None:
    """Parse `MON#2`, or the last weekday of a month as `L5`, `5L` or `FRIL`; return None for other items."""
    match = NTH.match(item)
    if match is None:
        return None
    day = parse_number(WEEKDAY, match["day"] or match["last"] or match["named"])
    return None if day is None else (day % 7, match["nth"] or LAST)


def _parse_values(
    part: Part, word: str, position: int, plain: Callable[[str], bool] = lambda item: True
) -> tuple[int, ...]:
    """Return the sorted numbers of a field's plain items; Sunday is 0."""
    found: set[int] = set()
    for item in filter(plain, word.split(",")):
        found.update((value - part.low) % part.size + part.low for value in _parse_item_values(part, item, position))
    return tuple(sorted(found))


def _parse_item_values(part: Part, item: str, position: int) -> range:
    """Return an item's values; a range that wraps round (`22-2`, `FRI-MON`) continues beyond the last one."""
    match = ITEM.match(item)
    bounds = None if match is None else _find_item_bounds(part, match)
    step = 1 if match is None or match["step"] is None else int(match["step"])
    if bounds is None or not 1 <= step <= part.high:
        raise ScheduleError(part.name, position, *explain(part, item))
    low, high = bounds
    return range(low, (high if low <= high else high + part.size) + 1, step)


def _find_item_bounds(part: Part, match: re.Match[str]) -> tuple[int, int] | None:
    """Return the first and last value of an item; a single value with a step runs to the end of the field."""
    if match["low"] == "*":
        return None if match["high"] else (part.low, min(part.high, 6) if part is WEEKDAY else part.high)
    low = parse_number(part, match["low"])
    high = low if match["high"] is None else parse_number(part, match["high"])
    if match["high"] is None and match["step"] is not None:
        high = part.high
    if part is WEEKDAY and match["high"] in ("SUN", "SUNDAY"):
        high = 7
    return None if low is None or high is None else (low, high)


def _check_day_exists(fields: Fields, position: int) -> None:
    """Raise NeverFires for a day that its months lack, such as 31 February, unless a weekday may fire instead."""
    if fields.last_day or not fields.needs_both_days:
        return
    if min(fields.days) > max(DAYS_IN_MONTH[month - 1] for month in fields.months):
        raise NeverFires(
            "day of month",
            position,
            "it never fires: this day never comes in these months",
            "永远不会触发：这些月份没有这一天",
        )
