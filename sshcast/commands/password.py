"""Reads a new password: asks for it twice on a terminal, or takes it from standard input."""

import getpass
import sys

from resolvers import users
from resolvers.errors import Invalid
from sshcast import standard_streams
from sshcast.errors import CommandFailed

TRIES = 3
RULE = f"A password has {users.SHORTEST_PASSWORD} to {users.LONGEST_PASSWORD} characters; nothing is shown as you type."
NO_TERMINAL = (
    "there is no terminal to ask for a password on: give it as the first line of standard input, with --password-stdin"
)


def get(*, from_stdin: bool) -> str:
    """Return the password, unchecked if it comes `from_stdin`; raise CommandFailed if none was given."""
    if from_stdin:
        return standard_streams.read_first_line()
    if not sys.stdin.isatty():
        raise CommandFailed(NO_TERMINAL)
    try:
        return _ask()
    except EOFError as error:
        raise CommandFailed("no password was given, so nothing was changed") from error


def _ask() -> str:
    _say(RULE)
    for _ in range(TRIES):
        password = getpass.getpass("Password: ")
        try:
            users.check_password(password)
        except Invalid as fault:
            _say(f"The {fault.en}")
            continue
        if getpass.getpass("The same again: ") == password:
            return password
        _say("The two differ.")
    raise CommandFailed(f"no password was given in {TRIES} tries, so nothing was changed")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
