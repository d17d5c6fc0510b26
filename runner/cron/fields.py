"""The fields of a cron expression, the names allowed in them, and the error for an invalid schedule."""

from dataclasses import dataclass

EXAMPLE = "*/5 * * * *"
LAST = "L"
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
LONG_MONTHS = (
    *("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE"),
    *("JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER"),
)
MONTHS = {name: n for names in (MONTH_NAMES, LONG_MONTHS) for n, name in enumerate(names, 1)} | {"SEPT": 9}
DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
LONG_DAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
DAYS = {name: n for names in (DAY_NAMES, LONG_DAYS) for n, name in enumerate(names)}
DAYS |= {"TUES": 2, "WEDS": 3, "THUR": 4, "THURS": 4}
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
CHINESE_FIELDS = {
    "second": "秒",
    "minute": "分钟",
    "hour": "小时",
    "day of month": "日",
    "month": "月",
    "day of week": "星期",
    "schedule": "调度",
    "timezone": "时区",
    "interval": "间隔",
    "time": "时间",
}


class ScheduleError(ValueError):
    """An invalid schedule. `field` names the part that is wrong, `position` is its first character, from 0."""

    is_rewrite = False
    """True if `example` is what the caller most likely meant, False if it is any valid schedule."""

    def __init__(self, field: str, position: int, why_en: str, why_zh: str, example: str = EXAMPLE) -> None:
        self.field = field
        self.position = position
        self.why_en = why_en
        self.why_zh = why_zh
        self.example = example
        self.message_en = f"{field}: {why_en} (for example {example})"
        self.message_zh = f"{CHINESE_FIELDS[field]}：{why_zh}（例如 {example}）"
        super().__init__(self.message_en)

    def with_example(self, example: str) -> "ScheduleError":
        return ScheduleError(self.field, self.position, self.why_en, self.why_zh, example)

    def with_rewrite(self, rewrite: str) -> "ScheduleError":
        """Return the same error, with `rewrite` as what the caller most likely meant."""
        found = self.with_example(rewrite)
        found.message_en = f"{self.field}: {self.why_en}; write {rewrite}"
        found.message_zh = f"{CHINESE_FIELDS[self.field]}：{self.why_zh}；请写成 {rewrite}"
        found.args = (found.message_en,)
        found.is_rewrite = True
        return found


class NeverFires(ScheduleError):
    """The schedule matches no moment, or none for many years."""


class TooOften(ScheduleError):
    """The schedule fires at shorter intervals than the floor allows."""


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a cron expression: its name, its bounds, and the names that stand for numbers."""

    name: str
    low: int
    high: int
    names: dict[str, int]

    @property
    def size(self) -> int:
        """The number of different values; 0 and 7 are both Sunday."""
        return len(DAY_NAMES) if self.names is DAYS else self.high - self.low + 1

    @property
    def usual(self) -> str:
        """The value to propose where nothing better is known."""
        return "0" if self.name in ("second", "minute", "hour") else "*"


SECOND = Part("second", 0, 59, {})
MINUTE = Part("minute", 0, 59, {})
HOUR = Part("hour", 0, 23, {})
DAY = Part("day of month", 1, 31, {})
MONTH = Part("month", 1, 12, MONTHS)
WEEKDAY = Part("day of week", 0, 7, DAYS)
PARTS = (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY)


def parse_number(part: Part, text: str) -> int | None:
    """Return the value of a number or a name in capitals, None if it is not one of this field."""
    if text in part.names:
        return part.names[text]
    found = int(text) if text.isdigit() and len(text) <= 4 else -1
    return found if part.low <= found <= part.high else None
