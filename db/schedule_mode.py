"""Whether a task's schedule starts runs."""

from enum import StrEnum


class ScheduleMode(StrEnum):
    """A task in shadow starts nothing by its schedule: something else, such as cron on the server, still runs it."""

    ACTIVE = "active"
    SHADOW = "shadow"
