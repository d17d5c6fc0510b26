"""Proposes a valid schedule for an invalid one. Every proposal is checked before it is shown."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from runner.cron.fields import DAY, EXAMPLE, PARTS, WEEKDAY, NeverFires, Part, ScheduleError, TooOften
from runner.cron.foreign import KNOWN_NAMES, NAMED, find_foreign
from runner.cron.grammar import is_item
from runner.cron.interval import LONGEST_SECONDS, write_duration
from runner.cron.items import name_quartz_weekdays, repair

Check = Callable[[str], ScheduleError | None]
"""Return the error of a text, or None if it is a valid schedule."""

LONGEST_READ = 2000
"""The longest text in characters for which a rewrite is searched."""
MOST_CHANGES = 5
DAY_SECONDS = 86_400
LONG_STEP = re.compile(r"\*/(\d{1,4})\Z", re.ASCII)
NUMBER = re.compile(r"\d{1,2}\Z", re.ASCII)
DIVISORS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
UNIT_SECONDS = (1, 60, 3600, 86_400)
"""The seconds of one unit in the fields second, minute, hour and day of month."""


def refuse(error: ScheduleError, expr: str, check: Check, floor_seconds: int) -> ScheduleError:
    """Return the error with a proposal: the schedule that was most likely meant, else any valid example."""
    text, foreign = find_foreign(expr) if len(expr) <= LONGEST_READ else (expr, [])
    if foreign:
        en, zh = "; ".join(each.en for each in foreign), "；".join(each.zh for each in foreign)
        rewrite = _find_meant(text, check(text), check, floor_seconds)
        if rewrite is not None:
            return rewrite.put_into(ScheduleError("schedule", foreign[0].position, en, zh))
    rewrite = _find_meant(expr, error, check, floor_seconds)
    if rewrite is not None:
        return rewrite.put_into(error)
    example = next((text for text in (error.example, *_examples(floor_seconds)) if check(text) is None), None)
    return error if example is None else error.with_example(example)


def _examples(floor_seconds: int) -> Iterator[str]:
    if floor_seconds <= DAY_SECONDS:
        yield from (EXAMPLE, "@hourly", "@daily")
    yield f"@every {write_duration(min(floor_seconds, LONGEST_SECONDS))}"


def _find_meant(text: str, error: ScheduleError | None, check: Check, floor_seconds: int) -> "_Rewrite | None":
    """Correct one error after the other until the text is a valid schedule; return None if that fails."""
    found = _Rewrite(" ".join(text.split()))
    # With a floor of more than a day, a check looks at hundreds of days.
    for _ in range(MOST_CHANGES if floor_seconds <= DAY_SECONDS else 1):
        if error is None:
            return found
        better = _improve(found.text, error, floor_seconds)
        if better is None or better.text == found.text:
            return None
        found = _Rewrite(better.text, found.is_sure and better.is_sure)
        error = check(found.text)
    return found if error is None else None


@dataclass(frozen=True, slots=True)
class _Rewrite:
    """A proposed text; `is_sure` if it means what the caller meant, not only something similar."""

    text: str
    is_sure: bool = True

    def put_into(self, error: ScheduleError) -> ScheduleError:
        return error.with_rewrite(self.text) if self.is_sure else error.with_example(self.text)


def _improve(text: str, error: ScheduleError, floor_seconds: int) -> _Rewrite | None:
    if text.startswith("@"):
        name = _improve_name(text, error)
        return None if name is None else _Rewrite(name)
    words = text.upper().split()
    if not 2 <= len(words) <= len(PARTS):
        return None
    words += ["*"] * (len(PARTS) - 1 - len(words))
    if isinstance(error, NeverFires):
        return _Rewrite(_replace_missing_days(words))
    if isinstance(error, TooOften):
        slower = _slow_down(words, floor_seconds)
        return None if slower is None else _Rewrite(slower)
    interval = _rewrite_as_interval(words)
    return _repair_fields(words) if interval is None else _Rewrite(interval)


def _improve_name(text: str, error: ScheduleError) -> str | None:
    if error.field in ("interval", "time"):
        return error.example if error.is_rewrite else None
    close = get_close_matches(text.lower(), KNOWN_NAMES, n=1, cutoff=0.75)
    return NAMED.get(close[0], close[0]) if close else None


def _replace_missing_days(words: list[str]) -> str:
    """Replace the fifth weekday by the last, or a missing day by the last day; then drop what is still too rare."""
    *rest, day, month, weekday = words
    if "#5" in weekday:
        weekday = weekday.replace("#5", "L")
    elif day not in ("*", "L"):
        day = "L"
    elif weekday != "*":
        weekday = "*"
    else:
        month = "*"
    return " ".join((*rest, day, month, weekday))


def _slow_down(words: list[str], floor_seconds: int) -> str | None:
    """Return the most frequent schedule that the floor allows: every few minutes, else hourly, else daily."""
    hour, days = words[-4], words[-3:]
    minutes = next((step for step in DIVISORS if step * 60 >= floor_seconds), None)
    if minutes is not None and words[-5] != "0":
        return " ".join(("*" if minutes == 1 else f"*/{minutes}", hour, *days))
    if floor_seconds <= 3600:
        return " ".join(("0", hour, *days))
    return " ".join(("0", "0", *days)) if floor_seconds <= 86_400 else None


def _rewrite_as_interval(words: list[str]) -> str | None:
    """Rewrite `*/90` minutes, where all larger units are free, as an interval."""
    parts = PARTS[-len(words) :]
    for place, (part, word) in enumerate(zip(parts, words, strict=True)):
        match = LONG_STEP.match(word)
        if match is None or int(match[1]) <= part.high or part not in PARTS[:4]:
            continue
        if any(later != "*" for later in words[place + 1 :]) or not all(map(NUMBER.match, words[:place])):
            return None
        count, unit = int(match[1]), UNIT_SECONDS[PARTS.index(part)]
        if count % part.size == 0 and part is not DAY and PARTS[PARTS.index(part) + 1].size % (count // part.size) == 0:
            step = count // part.size
            return " ".join((*words[:place], "0", "*" if step == 1 else f"*/{step}", *words[place + 2 :]))
        return f"@every {write_duration(count * unit)}"
    return None


def _repair_fields(words: list[str]) -> _Rewrite:
    """Repair each invalid item."""
    quartz = len(words) == len(PARTS) and words[3] == "?"
    weekday = name_quartz_weekdays(words[-1]) if quartz else words[-1]
    parts = PARTS[-len(words) :]
    found = [_repair_field(part, word) for part, word in zip(parts, (*words[:-1], weekday), strict=True)]
    usual = [part.usual if word is None else word for part, word in zip(parts, found, strict=True)]
    return _Rewrite(" ".join(usual), is_sure=None not in found)


def _repair_field(part: Part, word: str) -> str | None:
    """Repair one field; return None if an item's meaning is unclear."""
    if word == "?" and part in (DAY, WEEKDAY):
        return word
    items = [item if is_item(part, item) else _repair_item(part, item) for item in word.split(",") if item]
    repaired = [item for item in items if item is not None]
    return ",".join(dict.fromkeys(repaired)) if repaired and len(repaired) == len(items) else None


def _repair_item(part: Part, item: str) -> str | None:
    """Repair an item, twice if need be: `0-60/90` is wrong in two ways."""
    found = repair(part, item)
    if found is not None and not is_item(part, found):
        found = repair(part, found)
    return found if found is not None and is_item(part, found) else None
