"""Explains an invalid item of a cron field, and guesses what was meant."""

import re
from collections.abc import Callable
from difflib import get_close_matches

from runner.cron.fields import DAY, DAY_NAMES, LAST, WEEKDAY, Part

Words = tuple[str, str]
"""English and Chinese text."""

PICKED = re.compile(r"(?P<letter>[HR])(?:\((?P<range>\d+-\d+)\))?(?:/(?P<step>\d+))?\Z", re.ASCII)
TILDE = re.compile(r"(?P<low>\d*)~(?P<high>\d*)(?:/\d+)?\Z", re.ASCII)
WORKING_DAY = re.compile(r"(?P<day>\d{1,2}|L)W\Z", re.ASCII)
BEFORE_LAST = re.compile(r"L-\d+W?\Z", re.ASCII)
STEP = re.compile(r"(?P<values>\*|\w+(?:-\w+)?)/(?P<step>\d*)\Z", re.ASCII)
MISSING_SLASH = re.compile(r"\*(?P<step>\d+)\Z", re.ASCII)
NUMBERS = re.compile(r"(?P<low>\d{1,4})(?:-(?P<high>\d{1,4}))?(?P<step>/\d+)?\Z", re.ASCII)
NTH = re.compile(r"(?P<day>\w+)#\d+\Z", re.ASCII)
MOST_SHOWN = 20


def explain(part: Part, item: str) -> Words:
    """Return why an item is invalid, without a proposal."""
    shown = repr(item[:MOST_SHOWN])
    for matches, words in _REASONS:
        if matches(part, item):
            en, zh = words
            return en.format(item=shown, low=part.low, high=part.high), zh.format(
                item=shown, low=part.low, high=part.high
            )
    return (
        f"{shown} is not a value, range, list or step of {part.low} to {part.high}",
        f"{shown} 不是 {part.low} 到 {part.high} 的值、范围、列表或步长",
    )


def repair(part: Part, item: str) -> str | None:
    """Return the valid item that was most likely meant, or None."""
    for pattern, rewrite in _REWRITES:
        match = pattern.match(item)
        if match is not None:
            return rewrite(part, match)
    names = [*part.names, LAST] if part in (DAY, WEEKDAY) else [*part.names]
    close = get_close_matches(item, names, n=1, cutoff=0.7)
    return close[0] if close else None


def name_quartz_weekdays(word: str) -> str:
    """Rewrite Quartz weekdays such as `2-6`, where Sunday is 1, as `MON-FRI`; numbers after `#` and `/` stay."""
    return re.sub(r"(?<![#/\d])[1-7](?!\d)", lambda match: DAY_NAMES[int(match[0]) - 1], word)


def _has_wrong_step(part: Part, item: str) -> bool:
    match = STEP.match(item)
    return match is not None and not (match["step"] and 1 <= int(match["step"][:5]) <= part.high)


def _is_out_of_bounds(part: Part, item: str) -> bool:
    match = NUMBERS.match(item)
    return match is not None and any(
        not part.low <= int(value) <= part.high for value in match.group("low", "high") if value
    )


def _rewrite_picked(part: Part, match: re.Match[str]) -> str:
    values = match["range"] or "*"
    if match["step"]:
        return f"{values}/{match['step']}"
    return values.split("-")[0] if match["range"] else str(part.low)


def _rewrite_tilde(part: Part, match: re.Match[str]) -> str:
    return match["low"] or str(part.low)


def _rewrite_step(part: Part, match: re.Match[str]) -> str:
    """Drop a step of 0; a step larger than the field leaves only its first value."""
    if not match["step"] or not int(match["step"][:5]):
        return match["values"]
    return str(part.low) if match["values"] == "*" else match["values"].split("-")[0]


def _rewrite_numbers(part: Part, match: re.Match[str]) -> str | None:
    """Rewrite minute 60 and hour 24 as 0; cut a range to the values that exist."""
    low, high = int(match["low"]), match["high"]
    if high is None:
        goes_round = part.usual == "0" and low == part.high + 1
        return f"0{match['step'] or ''}" if goes_round else None
    return f"{_clamp(part, low)}-{_clamp(part, int(high))}{match['step'] or ''}"


def _clamp(part: Part, value: int) -> int:
    return min(max(value, part.low), part.high)


def _match_by(pattern: re.Pattern[str]) -> Callable[[Part, str], bool]:
    return lambda part, item: pattern.match(item) is not None


_REASONS: tuple[tuple[Callable[[Part, str], bool], Words], ...] = (
    (
        lambda part, item: not item,
        ("a value is missing beside a comma", "逗号旁缺少值"),
    ),
    (
        lambda part, item: "?" in item,
        ("'?' stands for day of month or day of week, alone", "'?' 只能单独用于日或星期"),
    ),
    (
        _match_by(PICKED),
        (
            "{item} lets Jenkins pick a value; here values are written out, and the task's jitter spreads its runs",
            "{item} 由 Jenkins 选值；此处须写明数值，错开执行请用任务的 jitter",
        ),
    ),
    (
        _match_by(TILDE),
        (
            "{item} picks a value at random; here values are written out, and the task's jitter spreads its runs",
            "{item} 表示随机取值；此处须写明数值，错开执行请用任务的 jitter",
        ),
    ),
    (
        _match_by(WORKING_DAY),
        (
            "{item}, the nearest working day, is not known here; a plain day is",
            "不支持 {item}（最近的工作日），只支持普通日期",
        ),
    ),
    (
        _match_by(BEFORE_LAST),
        ("{item}, days before the last one, is not known here; L is", "不支持 {item}（最后一天之前若干天），只支持 L"),
    ),
    (
        lambda part, item: part is WEEKDAY and item == LAST,
        (
            "'L' needs its weekday, as in FRIL; Quartz reads it as Saturday",
            "'L' 须带星期，如 FRIL；Quartz 将其视为周六",
        ),
    ),
    (
        lambda part, item: part is WEEKDAY and NTH.match(item) is not None,
        ("{item} is no weekday with #1 to #5", "{item} 不是带 #1 到 #5 的星期"),
    ),
    (
        _has_wrong_step,
        (
            "the step of {item} must be 1 to {high}: a step counts within its field, and starts anew with it",
            "{item} 的步长须为 1 到 {high}：步长只在本字段内计数，每轮从头开始",
        ),
    ),
    (
        _is_out_of_bounds,
        ("{item} is not from {low} to {high}", "{item} 不在 {low} 到 {high} 之间"),
    ),
)
_REWRITES: tuple[tuple[re.Pattern[str], Callable[[Part, re.Match[str]], str | None]], ...] = (
    (re.compile(r"\*+\Z|\?\Z"), lambda part, match: "*"),
    (PICKED, _rewrite_picked),
    (TILDE, _rewrite_tilde),
    (WORKING_DAY, lambda part, match: match["day"]),
    (BEFORE_LAST, lambda part, match: LAST),
    (re.compile(r"L\Z"), lambda part, match: "SAT" if part is WEEKDAY else None),
    (re.compile(r"L(?P<day>\w+)\Z", re.ASCII), lambda part, match: f"{match['day']}L"),
    (NTH, lambda part, match: f"{match['day']}L"),
    (MISSING_SLASH, lambda part, match: f"*/{match['step']}"),
    (NUMBERS, _rewrite_numbers),
    (STEP, _rewrite_step),
)
