"""Reads a crontab's lines `NAME=value` as cron does."""

import re

from sshcast.remote.crontab.words import Cron

BLANK = " \t\n\v\f\r"
NAME = re.compile(r"""(?:'([^'=]*)'|"([^"=]*)"|([^'"=\s][^=\s]*))[ \t\v\f\r]*=[ \t\v\f\r]*(.*)""", re.DOTALL)


def parse_variable(line: str, cron: Cron) -> tuple[str, str] | None:
    """Return name and value; None for a line that sets none. `NAME=` with nothing behind sets one for cronie alone.

    Quotes count at the ends only, and what follows the closing one makes it no setting; without quotes, blanks at the
    end are dropped, and `#` begins no comment. From load_env() of Vixie cron.
    """
    found = NAME.fullmatch(line.lstrip(" \t"))
    if found is None:
        return None
    name = next(each for each in found.groups()[:3] if each is not None)
    value = found[4]
    if not name or (not value and cron is not Cron.CRONIE):
        return None
    if value.startswith(("'", '"')):
        inner, quote, rest = value[1:].partition(value[0])
        return (name, inner) if quote and not rest.strip(BLANK) else None
    return name, value.rstrip(BLANK)
