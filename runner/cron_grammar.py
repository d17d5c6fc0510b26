"""What a schedule may look like: our own check in front of croniter, which lets through what never fires."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 120
EXAMPLE = "*/5 * * * *"
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MONTHS = {name: n for n, name in enumerate(MONTH_NAMES, 1)}
DAYS = {name: n for n, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}
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
NTH = re.compile(r"(?P<day>\w{1,3})#(?P<nth>[1-5])\Z|L(?P<last>[0-7])\Z", re.ASCII)


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
PARTS = (
    Part("minute", 0, 59, {}),
    Part("hour", 0, 23, {}),
    Part("day of month", 1, 31, {}),
    Part("month", 1, 12, MONTHS),
    Part("day of week", 0, 7, DAYS),
)


def check_text(expr: str) -> None:
    if not expr.isascii() or not 1 <= len(expr) <= LONGEST or not expr.isprintable():
        raise ScheduleError(
            "schedule",
            0,
            f"must be 1 to {LONGEST} printable ASCII characters",
            f"须为 1 到 {LONGEST} 个可见 ASCII 字符",
        )


def check_fields(expr: str) -> list[str]:
    """The 5 or 6 fields (seconds first), each checked; ScheduleError names the first that is wrong."""
    words = [(match.start(), match[0]) for match in re.finditer(r"\S+", expr)]
    if len(words) not in (5, 6):
        raise ScheduleError(
            "schedule",
            0,
            f"needs 5 fields (minute hour day month weekday) or 6 with seconds first, and has {len(words)}",
            f"需要 5 个字段（分 时 日 月 周）或在最前加秒共 6 个，现有 {len(words)} 个",
        )
    parts = PARTS if len(words) == 5 else (SECOND, *PARTS)
    for part, (position, word) in zip(parts, words, strict=True):
        check_field(part, word, position)
    fields = [word.upper() for _, word in words]
    check_day_exists(fields[-3], fields[-2], fields[-1], words[-3][0])
    return fields


def check_field(part: Part, word: str, position: int) -> None:
    for item in word.upper().split(","):
        if part.name == "day of month" and item == "L":
            continue
        if part.name == "day of week" and check_nth(item):
            continue
        check_item(part, item, position)


def check_nth(item: str) -> bool:
    match = NTH.match(item)
    return match is not None and (match["day"] is None or match["day"] in DAYS or match["day"] in "01234567")


def check_item(part: Part, item: str, position: int) -> None:
    match = ITEM.match(item)
    low = None if match is None or match["low"] == "*" else number(part, match["low"])
    high = None if match is None or match["high"] is None else number(part, match["high"])
    step = None if match is None or match["step"] is None else int(match["step"])
    wrong = (
        match is None
        or (low is None and match["low"] != "*")
        or (match["high"] is not None and (high is None or low is None or high < low))
        or (step is not None and not 1 <= step <= part.high)
    )
    if wrong:
        raise ScheduleError(
            part.name,
            position,
            f"{item[:20]!r} is not a value, range, list or step of {part.low} to {part.high}",
            f"{item[:20]!r} 不是 {part.low} 到 {part.high} 的值、范围、列表或步长",
        )


def number(part: Part, text: str) -> int | None:
    if text in part.names:
        return part.names[text]
    found = int(text) if text.isdigit() and len(text) <= 4 else -1
    return found if part.low <= found <= part.high else None


def check_day_exists(days: str, months: str, weekdays: str, position: int) -> None:
    """31 February never comes, unless a weekday may fire instead."""
    if not re.fullmatch(r"[\d,]+", days) or weekdays != "*":
        return
    least = min(int(day) for day in days.split(",") if day)
    if least > max(DAYS_IN_MONTH[month - 1] for month in months_of(months)):
        raise ScheduleError("day of month", position, "this day never comes in these months", "这些月份没有这一天")


def months_of(field: str) -> Sequence[int]:
    """The months that a checked field names."""
    found: set[int] = set()
    for item in field.split(","):
        match = ITEM.match(item)
        if match is None:
            continue
        low = 1 if match["low"] == "*" else number(PARTS[3], match["low"]) or 1
        ranged = match["low"] == "*" or match["step"] is not None
        high = number(PARTS[3], match["high"]) if match["high"] else (12 if ranged else low)
        found.update(range(low, (high or low) + 1, int(match["step"] or 1)))
    return sorted(found) or range(1, 13)
