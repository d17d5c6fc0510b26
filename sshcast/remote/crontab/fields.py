"""Says whether the five fields of a crontab's line mean the same to cron and to sshcast, and if not, why."""

import re

from sshcast.remote.crontab.words import Cron, NotImported
from sshcast.words import choose

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS = {name: at for at, name in enumerate(MONTH_NAMES, 1)}
DAYS = {name: at for at, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
Field = tuple[str, int, int, dict[str, int]]  # its name, the least and the greatest number, names of numbers
FIELDS: tuple[Field, ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, MONTHS),
    ("day of week", 0, 7, DAYS),
)
FIELD_NAMES = {"minute": "分钟", "hour": "小时", "day of month": "日", "month": "月", "day of week": "星期"}
RANGE = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/([0-9]+))?", re.ASCII)


def spell_out(schedule: str) -> str:
    """Return a schedule without nickname, capitals and spare blanks, to compare it with another."""
    text = " ".join(schedule.split()).lower()
    return NICKNAMES.get(text, text)


def check_nickname(word: str) -> None:
    """Raise NotImported unless it is one that cron knows and that is due at fixed times."""
    if word == "@reboot":
        english = "@reboot: sshcast does not learn when a server starts: leave the line in the crontab"
        raise NotImported(choose(english, "@reboot：sshcast 不知道服务器何时启动：请把该行留在 crontab 中"))
    if word not in NICKNAMES:
        english = f"cron knows no {word}, so that it does not run this line"
        raise NotImported(choose(english, f"cron 不认识 {word}，因此不运行该行"), is_broken=True)


def check_fields(fields: tuple[str, ...], cron: Cron) -> None:
    """Raise NotImported for a field that cron refuses, or that sshcast or another cron could read otherwise."""
    for text, field in zip(fields, FIELDS, strict=True):
        for part in text.split(","):
            _check_part(part, text, field, cron)


def _check_part(part: str, text: str, field: Field, cron: Cron) -> None:
    name = choose(field[0], FIELD_NAMES[field[0]])
    found = RANGE.fullmatch(part)
    if found is None or (found[1] == "*" and found[2] is not None):
        raise NotImported(
            choose(
                f"the {name} {text} is not as every cron reads it: write numbers, ranges and steps",
                f"{name}字段 {text} 并非每种 cron 都同样理解：请写数字、范围与步长",
            ),
            is_broken=cron is Cron.VIXIE and "~" not in text,
        )
    step = None if found[3] is None else int(found[3])
    if step == 0:
        english = f"the {name} {text} has a step of 0, which cron refuses"
        raise NotImported(choose(english, f"{name}字段 {text} 的步长为 0，cron 会拒绝"), is_broken=True)
    if found[1] == "*":
        return
    first = _read_number(found[1], text, field)
    if found[2] is None:
        if step is not None:
            raise NotImported(
                choose(
                    f"the {name} {text} has a step after one number, which crons read in different ways: write a range",
                    f"{name}字段 {text} 在单个数字后有步长，各种 cron 理解不同：请写范围",
                ),
                is_broken=cron is Cron.VIXIE,
            )
        return
    last = _read_number(found[2], text, field)
    if first > last and not (cron is Cron.CRONIE and field[0] == "day of week" and last == 0 and step is None):
        english = f"the {name} {text} has a range that goes down, which crons read in different ways"
        raise NotImported(choose(english, f"{name}字段 {text} 的范围由大到小，各种 cron 理解不同"))


def _read_number(word: str, text: str, field: Field) -> int:
    label, low, high, names = field
    number = int(word) if word.isdecimal() else names.get(word.lower())
    if number is None or not low <= number <= high:
        english = f"the {label} {text} has {word}, which cron refuses"
        chinese = f"{FIELD_NAMES[label]}字段 {text} 中的 {word} 会被 cron 拒绝"
        raise NotImported(choose(english, chinese), is_broken=True)
    return number
