"""The handlers that simulate programs, by program name."""

import re
from collections.abc import Callable, Mapping

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
from runner.policy.shell.protocol import Argv, SimulatedShell
from runner.policy.shell.state import Values

HANDLERS: Mapping[str, Callable[[SimulatedShell, Argv], Values]] = {
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
QUIET = frozenset(name for name, handler in HANDLERS.items() if handler is builtins.print_nothing)
VERSIONED = re.compile(r"[0-9.]+\Z")


def find_handler(name: str) -> Callable[[SimulatedShell, Argv], Values] | None:
    """Return the handler of a program; `python3.12` falls back to `python`."""
    found = HANDLERS.get(name)
    if found is None and (plain := VERSIONED.sub("", name)) != name:
        return HANDLERS.get(plain)
    return found
