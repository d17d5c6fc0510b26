"""Every program that is looked through, by its name."""

import re
from collections.abc import Callable, Mapping

from runner.policy.following.shell import Argv, Shell
from runner.policy.following.state import Values
from runner.policy.programs import (
    arguments,
    builtins,
    decoders,
    filters,
    languages,
    printing,
    remotes,
    shells,
    wrappers,
)

HANDLERS: Mapping[str, Callable[[Shell, Argv], Values]] = {
    **filters.HANDLERS,
    **decoders.HANDLERS,
    **printing.HANDLERS,
    **builtins.HANDLERS,
    **languages.HANDLERS,
    **remotes.HANDLERS,
    **arguments.HANDLERS,
    **shells.HANDLERS,
    **wrappers.HANDLERS,
}
NAMES = frozenset(HANDLERS)
QUIET = frozenset(name for name, handler in HANDLERS.items() if handler is builtins.quiet)
VERSIONED = re.compile(r"[0-9.]+\Z")


def of(name: str) -> Callable[[Shell, Argv], Values] | None:
    """How a program is looked through; `python3.12` as `python3`, then as `python`."""
    found = HANDLERS.get(name)
    if found is None and (plain := VERSIONED.sub("", name)) != name:
        return HANDLERS.get(plain)
    return found
