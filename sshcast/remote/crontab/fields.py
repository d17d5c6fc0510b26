"""Says whether the five fields of a crontab's line mean the same to cron and to sshcast, and if not, why."""

import re

from sshcast.remote.crontab.words import Cron, NotImported

NICKNAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
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
RANGE = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/([0-9]+))?", re.ASCII)


def check_nickname(word: str) -> None:
    """Raise NotImported unless it is one that cron knows and that is due at fixed times."""
    if word == "@reboot":
        raise NotImported("@reboot: sshcast does not learn when a server starts: leave the line in the crontab")
    if word not in NICKNAMES:
        raise NotImported(f"cron knows no {word}, so that it does not run this line", is_broken=True)


def check_fields(fields: tuple[str, ...], cron: Cron) -> None:
    """Raise NotImported for a field that cron refuses, or that sshcast or another cron could read otherwise."""
    for text, field in zip(fields, FIELDS, strict=True):
        for part in text.split(","):
            _check_part(part, text, field, cron)


def _check_part(part: str, text: str, field: Field, cron: Cron) -> None:
    name = field[0]
    found = RANGE.fullmatch(part)
    if found is None or (found[1] == "*" and found[2] is not None):
        raise NotImported(
            f"the {name} {text} is not as every cron reads it: write numbers, ranges and steps",
            is_broken=cron is Cron.VIXIE and "~" not in text,
        )
    step = None if found[3] is None else int(found[3])
    if step == 0:
        raise NotImported(f"the {name} {text} has a step of 0, which cron refuses", is_broken=True)
    if found[1] == "*":
        return
    first = _read_number(found[1], text, field)
    if found[2] is None:
        if step is not None:
            raise NotImported(
                f"the {name} {text} has a step after one number, which crons read in different ways: write a range",
                is_broken=cron is Cron.VIXIE,
            )
        return
    last = _read_number(found[2], text, field)
    if first > last and not (cron is Cron.CRONIE and name == "day of week" and last == 0 and step is None):
        raise NotImported(f"the {name} {text} has a range that goes down, which crons read in different ways")


def _read_number(word: str, text: str, field: Field) -> int:
    name, low, high, names = field
    number = int(word) if word.isdecimal() else names.get(word.lower())
    if number is None or not low <= number <= high:
        raise NotImported(f"the {name} {text} has {word}, which cron refuses", is_broken=True)
    return number
