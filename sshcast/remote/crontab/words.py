"""Which cron reads a crontab, and why a line is not imported."""

from enum import StrEnum


class Cron(StrEnum):
    """The program that reads a crontab. VIXIE is that of Debian and Ubuntu; OTHER reads crontabs in ways of its own."""

    VIXIE = "VIXIE"
    CRONIE = "CRONIE"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


class NotImported(ValueError):
    """A line that does not become a task; the message says why. `is_broken`: cron itself does not run it either."""

    def __init__(self, reason: str, *, is_broken: bool = False) -> None:
        super().__init__(reason)
        self.is_broken = is_broken
