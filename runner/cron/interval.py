"""Parses the interval of `@every`: `90s`, `1h30m`, `1.5h` as Go writes durations, and `d` for 24 hours."""

import re
from fractions import Fraction

DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|us|ns|[smhd]))+\Z", re.ASCII)
PIECE = re.compile(r"(\d+(?:\.\d+)?)([a-z]+)", re.ASCII)
LOOSE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]*)", re.ASCII)
UNIT_SECONDS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86_400),
}
LONG_UNITS = {"sec": "s", "second": "s", "min": "m", "minute": "m", "hr": "h", "hour": "h", "day": "d"}
WEEKS = ("w", "week")
LONGEST_SECONDS = 366 * 86_400


def read_duration(text: str) -> int | None:
    """Return the seconds; None if the text is no duration (in lower case) or not a whole number of seconds."""
    if not DURATION.match(text):
        return None
    seconds = sum((Fraction(count) * UNIT_SECONDS[unit] for count, unit in PIECE.findall(text)), Fraction())
    return int(seconds) if seconds.denominator == 1 else None


def guess_duration(text: str) -> int | None:
    """Return the seconds that `90`, `1 hour 30 minutes` or `2w` most likely means, rounded up; None if unclear."""
    text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    if LOOSE.sub("", text).strip(" ,\t").replace("and", "").strip():
        return None
    pieces = [(Fraction(count), _find_unit(word)) for count, word in LOOSE.findall(text)]
    if not pieces or any(unit is None for _, unit in pieces):
        return None
    if len(pieces) > 1 and not all(word for _, word in LOOSE.findall(text)):
        return None
    seconds = sum((count * unit for count, unit in pieces if unit is not None), Fraction())
    return min(max(1, -int(-seconds // 1)), LONGEST_SECONDS)


def write_duration(seconds: int) -> str:
    """Format seconds as `90m`, `36h` or `14d`; as `1h1m1s` if one unit is not enough."""
    for unit in "dhm":
        if seconds % UNIT_SECONDS[unit] == 0 and (unit != "m" or seconds < 6000):
            return f"{seconds // int(UNIT_SECONDS[unit])}{unit}"
    if seconds < 100:
        return f"{seconds}s"
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    return "".join(f"{count}{unit}" for count, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if count)


def _find_unit(word: str) -> Fraction | None:
    singular = word.removesuffix("s") or word
    if singular in WEEKS:
        return 7 * UNIT_SECONDS["d"]
    return UNIT_SECONDS["s"] if not word else UNIT_SECONDS.get(LONG_UNITS.get(singular, word))
