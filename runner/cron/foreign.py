"""Finds parts that do not belong in a schedule: crontab lines, Quartz, systemd, full-width characters."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from runner.cron.fields import DAY_NAMES, DAYS, NICKNAMES
from runner.cron.interval import guess_duration, write_duration
from runner.cron.items import name_quartz_weekdays
from runner.cron.zones import list_zones

FIELDS = 5
NAMED = {
    "@minutely": "* * * * *",
    "@every_minute": "* * * * *",
    "every minute": "* * * * *",
    "@every_second": "* * * * * *",
    "every second": "* * * * * *",
    "every hour": "@hourly",
    "every day": "@daily",
    "every week": "@weekly",
    "every month": "@monthly",
    "every year": "@yearly",
    "@noon": "0 12 * * *",
    "@weekday": "0 0 * * MON-FRI",
    "@weekdays": "0 0 * * MON-FRI",
    "@weekend": "0 0 * * SAT,SUN",
    "@weekends": "0 0 * * SAT,SUN",
    "@quarterly": "0 0 1 1,4,7,10 *",
    "@semiannually": "0 0 1 1,7 *",
    "@biweekly": "@every 14d",
    "@fortnightly": "@every 14d",
}
CHINESE_DAYS = {"日": 0, "天": 0, "一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6}
CHINESE_UNITS = {
    "每": "every ",
    "分钟": "minute",
    "小时": "hour",
    "秒": "second",
    "天": "day",
    "周": "week",
    "月": "month",
    "年": "year",
}
LOOK_ALIKES = {
    "、": ",",
    "至": "-",
    "到": "-",
    "∗": "*",
    "✱": "*",
    "＊": "*",
    "﹡": "*",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
}
ASSIGNMENT = re.compile(
    r"\s*(?:export\s+)?(?P<name>\w+)\s*=\s*(?P<value>\"[^\"]*\"|'[^']*'|[^\s;,]*)[;,]?\s+", re.ASCII
)
COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)
WRAPPED = re.compile(
    r"""\s*(?:-\s*)?(?:\w*(?:cron|schedule|rate)\w*\s*[:=]?)?\s*(?:(?P<open>["'`(\[{])(?P<inner>.*)["'`)\]}])\s*""",
    re.ASCII | re.IGNORECASE,
)
LABELLED = re.compile(
    r"(?!\s*(?:export\s+)?CRON_TZ)\s*(?:-\s*)?\w*(?:cron|schedule)\w*\s*[:=]\s*(?P<inner>.+)", re.ASCII | re.IGNORECASE
)
CLOCK = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?\Z", re.ASCII)
INTERVAL = re.compile(r"@?(?:every)?[\s_]*(?P<length>\d.*)\Z", re.ASCII)
YEAR = re.compile(r"\*|\?|\*/\d+|\d{4}(?:[-,/]\d+)*\Z", re.ASCII)
FIXED_YEAR = re.compile(r"[12]\d{3}(?:[-,/]\d+)*\Z", re.ASCII)
GAP = re.compile(
    r"(?<=[\w*])\s*(,)\s*(?=\w)|(?<=\d)\s+(-)\s+(?=\d)|(?<=[*\d])\s*(/)\s+(?=\d)|(?<=[*\d])\s+(/)(?=\d)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A part that does not belong in a schedule: the text without it, its position, and the reason."""

    rest: str
    position: int
    en: str
    zh: str


def find_foreign(text: str) -> tuple[str, list[Foreign]]:
    """Return the text with all foreign parts removed or rewritten, and the list of them."""
    found: list[Foreign] = []
    for find in _FINDERS:
        foreign = find(text)
        if foreign is not None and foreign.rest != text:
            found.append(foreign)
            text = foreign.rest
    return text, found


def _find_further_lines(text: str) -> Foreign | None:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return None
    said = [line for line in lines if not line.lstrip().startswith("#")] or lines
    rest = " ".join(said[:2]) if ASSIGNMENT.match(said[0] + " ") and len(said) > 1 else said[0]
    return Foreign(rest, text.index(lines[1]), "a schedule is one line", "调度只能写一行")


def _find_odd_characters(text: str) -> Foreign | None:
    odd = next(
        (char for char in text if not char.isascii() or (char not in "\t\r\n\v\f" and not char.isprintable())), None
    )
    if odd is None:
        return None
    named = re.sub(r"(?:周|星期|礼拜)([日天一二三四五六])", lambda match: DAY_NAMES[CHINESE_DAYS[match[1]]], text)
    if named.startswith("每"):
        named = "".join(CHINESE_UNITS.get(piece, piece) for piece in re.split(f"({'|'.join(CHINESE_UNITS)})", named))
    rest = "".join(map(_to_ascii, named))
    shown = f"'{odd}' (U+{ord(odd):04X})" if odd.isprintable() else f"U+{ord(odd):04X}"
    return Foreign(
        rest, text.index(odd), f"{shown} is not a plain ASCII character", f"{shown} 不是 ASCII 字符（请用半角）"
    )


def _to_ascii(char: str) -> str:
    """Return the ASCII equivalent of a full-width character, digit, dash or blank; "" for an invisible one."""
    if char.isascii() and (char.isprintable() or char.isspace()):
        return char
    if char in LOOK_ALIKES:
        return LOOK_ALIKES[char]
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    kind = unicodedata.category(char)
    by_kind = {"Zs": " ", "Zl": " ", "Zp": " ", "Cf": "", "Cc": "", "Pd": "-"}
    return by_kind[kind] if kind in by_kind else unicodedata.normalize("NFKC", char) if kind != "Cs" else char


def _find_comment(text: str) -> Foreign | None:
    match = COMMENT.search(text)
    if match is None:
        return None
    position = match.start() + match[0].index("#")
    rest = text[:position] if text[:position].strip() else text[position:].lstrip("# ")
    return Foreign(rest, position, "a comment does not belong here", "此处不能写注释")


def _find_wrapping(text: str) -> Foreign | None:
    rest = text
    while (match := WRAPPED.fullmatch(rest) or LABELLED.fullmatch(rest)) is not None:
        rest = match["inner"]
    return Foreign(
        rest, 0, "the schedule stands alone, without quotes, brackets or a name", "只写调度本身，不带引号、括号或名称"
    )


def _find_variables(text: str) -> Foreign | None:
    """Find `TZ=Asia/Shanghai 0 9 * * *` and other assignments of a crontab."""
    match = ASSIGNMENT.match(text)
    if match is None:
        return None
    name, value = match["name"], match["value"].strip("\"':")
    position, rest = match.start("name"), text[match.end() :]
    if name not in ("TZ", "CRON_TZ"):
        return Foreign(
            rest,
            position,
            f"{name}= does not stand here: env is a field of its own",
            f"此处不能写 {name}=：变量请用 env 字段",
        )
    return _build_zone_fault(rest, position, name + "=", value)


def _find_zone_behind(text: str) -> Foreign | None:
    words = text.split()
    zone = words[-1].removeprefix("CRON_").removeprefix("TZ=") if words else ""
    if len(words) < 2 or zone not in list_zones():
        return None
    position = text.rindex(words[-1])
    return _build_zone_fault(text[:position], position, "a time zone", zone)


def _build_zone_fault(rest: str, position: int, what: str, zone: str) -> Foreign:
    en, zh = (
        (zone, zone)
        if zone in list_zones()
        else ("an IANA name such as Asia/Shanghai", "IANA 时区（如 Asia/Shanghai）")
    )
    chinese = "时区" if what == "a time zone" else f" {what}"
    return Foreign(
        rest,
        position,
        f"{what} does not stand here: give {en} in the field timezone",
        f"此处不能写{chinese}：请在 timezone 字段填写 {zh}",
    )


def _find_foreign_name(text: str) -> Foreign | None:
    """Find the schedule names of other programs, and times of day."""
    name = " ".join(text.lower().split())
    rest = NAMED.get(name) or NAMED.get(f"@{name}") or (f"@{name}" if f"@{name}" in NICKNAMES else None)
    first, *others = name.split() or [""]
    clock = CLOCK.match(first)
    if clock is not None and len(others) in (0, FIELDS - 2):
        second = f"{int(clock['second'])} " if clock["second"] else ""
        rest = " ".join((f"{second}{int(clock['minute'])} {int(clock['hour'])}", *(others or ["*", "*", "*"])))
    return (
        None if rest is None else Foreign(rest, 0, f"{name[:20]!r} is not a schedule", f"{name[:20]!r} 不是调度表达式")
    )


def _find_interval(text: str) -> Foreign | None:
    match = INTERVAL.match(text.strip().lower())
    if match is None or text.lower().split()[0] == "@every" != text.lower().strip():
        return None
    if text.strip()[0].isdigit() and not re.search("[a-z]", match["length"]):
        return None
    seconds = guess_duration(match["length"])
    if seconds is None:
        return None
    return Foreign(
        f"@every {write_duration(seconds)}",
        0,
        "an interval is written as @every, a blank, and numbers with s, m, h or d, in whole seconds",
        "间隔须写成 @every 加空格，再写带 s、m、h 或 d 的数字，且为整秒",
    )


def _find_gaps(text: str) -> Foreign | None:
    words = text.split()
    if len(words) > FIELDS and all(word.upper() in DAYS for word in words[FIELDS - 1 :]):
        rest = " ".join((*words[: FIELDS - 1], ",".join(words[FIELDS - 1 :])))
        return Foreign(rest, text.rindex(words[FIELDS]), "weekdays are listed with commas", "多个星期以逗号分隔")
    match = next((match for match in GAP.finditer(text) if len(match[0]) > 1), None)
    if match is None:
        return None
    rest = GAP.sub(lambda match: match[1] or match[2] or match[3] or match[4], text)
    return Foreign(rest, match.start(), "a field has no blanks in it", "字段内不能有空格")


def _find_year(text: str) -> Foreign | None:
    """Find a year: Quartz has it as seventh field, AWS as sixth, and both count Sunday as 1."""
    words = text.split()
    is_quartz = len(words) == FIELDS + 2 and YEAR.fullmatch(words[-1])
    is_aws = len(words) == FIELDS + 1 and (
        FIXED_YEAR.match(words[-1]) or (words[-1] == "*" and "?" in (words[2], words[4]))
    )
    if not is_quartz and not is_aws:
        return None
    fields = words[:-1]
    if "?" in fields:
        fields[-1] = name_quartz_weekdays(fields[-1])
    en, zh = "there is no field for the year", "没有年字段"
    if FIXED_YEAR.match(words[-1]):
        en, zh = f"{en}, so it comes every year; a single moment is @at", f"{zh}，将每年触发；单次请用 @at"
    return Foreign(" ".join(fields), text.rindex(words[-1]), en, zh)


def _find_command(text: str) -> Foreign | None:
    """Find a user and a command after the fields, as in a crontab."""
    words = text.split()
    count = _NAMED_WORDS.get(words[0].lower(), FIELDS) if words else FIELDS
    if count == FIELDS and len(words) > FIELDS and _is_field(words[FIELDS]):
        count += 1
    behind = words[count:]
    if count == _NAMED_WORDS["@every"] and guess_duration(" ".join(words[1:])) is not None:
        return None
    if not re.search(r"[A-Za-z/]", " ".join(behind)):
        return None
    position = [match.start() for match in re.finditer(r"\S+", text)][count]
    return Foreign(
        " ".join(words[:count]),
        position,
        "only the fields belong here, without a user or a command: that goes into the field command",
        "此处只写时间字段，不写用户和命令：命令请填写在 command 字段",
    )


def _is_field(word: str) -> bool:
    pieces = re.split(r"[,\-/#]", word.upper())
    return all(
        re.fullmatch(r"\*|\?|\d*L?\d*", piece) or piece in DAYS or piece.removesuffix("L") in DAYS for piece in pieces
    )


_NAMED_WORDS = {"@every": 2} | dict.fromkeys((*NICKNAMES, "@once", "@manual"), 1)
_FINDERS: tuple[Callable[[str], Foreign | None], ...] = (
    *(
        _find_further_lines,
        _find_odd_characters,
        _find_wrapping,
        _find_comment,
        _find_wrapping,
        _find_variables,
        _find_zone_behind,
    ),
    *(_find_foreign_name, _find_interval, _find_gaps, _find_year, _find_command),
)
KNOWN_NAMES = (*NICKNAMES, "@once", "@manual", *(name for name in NAMED if name.startswith("@")))
