"""What every command on a service begins with."""

import logging
from typing import Any

from sshcast import logs
from sshcast.settings import Settings, load

__all__ = ["Settings", "settings"]


def settings(**given: Any) -> Settings:
    """From the environment, and over it what the command line gave (not None)."""
    logs.configure(level=logging.WARNING)
    return load(**{name: value for name, value in given.items() if value is not None})
