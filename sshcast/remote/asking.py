"""Asks a person before something is changed that was not said in so many words."""

import getpass
import sys

from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.words import choose


def require_consent(english: str, chinese: str, *, yes: bool) -> None:
    """Ask, unless `yes`. Raise CommandFailed if the answer is no, or if there is no terminal to ask on."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandFailed(
            choose(
                "there is no terminal to ask on, so nothing was changed: add --yes",
                "没有可供询问的终端，未作任何更改：请加上 --yes",
            )
        )
    if not ask(f"{english} [y/N] ", f"{chinese} [y/N] "):
        raise CommandFailed(choose("nothing was changed", "未作任何更改"))


def ask(english: str, chinese: str) -> bool:
    """Ask on stderr, since stdout is for answers alone; anything but y or yes is a no, as is the end of the input."""
    Notes().say(choose(english, chinese))
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")


def ask_hidden(english: str, chinese: str) -> str:
    """Ask for something that is not shown while it is typed."""
    try:
        return getpass.getpass(choose(english, chinese))
    except EOFError:
        raise CommandFailed(choose("nothing was given, so nothing was changed", "没有输入，未作任何更改")) from None
