"""Every program that is looked through, by its name."""

from collections.abc import Callable, Mapping

from runner.policy.following.shell import Argv, Shell
from runner.policy.following.state import Values
from runner.policy.programs import arguments, builtins, filters, languages, remotes, shells, wrappers

HANDLERS: Mapping[str, Callable[[Shell, Argv], Values]] = {
    **filters.HANDLERS,
    **builtins.HANDLERS,
    **languages.HANDLERS,
    **remotes.HANDLERS,
    **arguments.HANDLERS,
    **shells.HANDLERS,
    **wrappers.HANDLERS,
}


def quote(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"
