"""Loads the settings for a command, and warns of unknown ones."""

import importlib
import logging
import sys
from typing import Any

from sshcast.notes import Notes
from sshcast.settings import Settings, load, unknown

__all__ = ["Settings", "load_settings"]


def load_settings(**given: Any) -> Settings:
    """Load the settings from the environment, overridden by those options in `given` that are not None."""
    # The command's own module is imported by now: without structlog it logs nothing, and starts a seventh sooner.
    if "structlog" in sys.modules:
        importlib.import_module("sshcast.logs").configure(level=logging.WARNING)
    made = load(**{name: value for name, value in given.items() if value is not None})
    warn_of_unknown()
    return made


def warn_of_unknown() -> None:
    """Print a line on stderr if there are SSHCAST_* variables that are not settings."""
    if strangers := unknown():
        Notes().say(f"sshcast: {strangers}", "yellow")
