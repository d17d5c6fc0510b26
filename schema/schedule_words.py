"""The closed lists of words about schedules, as GraphQL enums."""

from enum import StrEnum

from db.values import Missed, Overlap, SlotOutcome
from runner.cron.grammar import DAY_NAMES
from runner.cron.schedule import Dst, Note
from schema.enums import register_enum

# Annotations take the service's words from here, so that they are GraphQL enums by then.
__all__ = ["Dst", "Missed", "Note", "Overlap", "SlotOrderField", "SlotOutcome", "Weekday"]


class SlotOrderField(StrEnum):
    ID = "id"
    SLOT = "slot"


Weekday = StrEnum("Weekday", {name: name for name in DAY_NAMES})  # type: ignore[misc]

register_enum(
    SlotOrderField,
    "ScheduleSlotOrderField",
    "What slots are ordered by; equal ones are in the order of their ids.",
    {"ID": "The id, which is the order in which they were decided.", "SLOT": "The moment at which they were due."},
)
register_enum(
    SlotOutcome,
    "SlotOutcome",
    "What came of one moment at which a schedule was due.",
    {
        "FIRED": "It ran, on time.",
        "CAUGHT_UP": "It ran late: it had been missed, and the task's terms have it run.",
        "MOVED_BY_DST": "It ran right after the hour that clocks skipped, in which it would have been due.",
        "WAITING": "It waits for the task's run before to end; this will change.",
        "SKIPPED_OVERLAP": "It did not run, because the task's run before went on.",
        "SKIPPED_PAUSED": "It did not run, because the task was paused.",
        "SKIPPED_BLACKOUT": "It did not run, because the server had a blackout window.",
        "SKIPPED_DST": "It did not run: clocks skipped it, and the task's terms have it left out.",
        "SKIPPED_SERVER": "It did not run, because the server was deleted or disabled.",
        "MISSED": "It did not run: no scheduler ran in time, or it could not start by its deadline.",
        "REFUSED_BY_POLICY": "It did not run, because the command policy refuses the command.",
        "NOT_ALLOWED": "It did not run: who last changed the task is disabled, or no operator on the server any more.",
        "UNREADABLE": "This version cannot read the schedule. The task is stopped until it is corrected.",
    },
)
register_enum(
    Overlap,
    "ScheduleOverlap",
    "What a slot does while the task's run of before goes on.",
    {
        "ALLOW": "It runs beside it.",
        "SKIP": "It does not run.",
        "QUEUE": "It waits for its end. One waits at most; a further one does not run.",
        "REPLACE": "It has it cancelled, and runs once it is gone.",
    },
)
register_enum(
    Missed,
    "ScheduleMissed",
    "What happens to slots that were due while no scheduler ran.",
    {
        "SKIP": "None of them runs.",
        "LATEST": "The latest runs, once.",
        "ALL": "Each runs, as far as the cap and the window go.",
    },
)
register_enum(
    Dst,
    "ScheduleDst",
    "What a clock change does to fixed times of day. A schedule with `*` in its minute or hour runs through both.",
    {
        "VIXIE": "A time in the skipped hour runs right after it, once; one in the repeated hour runs once.",
        "SKIP": "A time in the skipped hour does not run; one in the repeated hour runs once.",
        "TWICE": "A time in the skipped hour runs right after it, once; one in the repeated hour runs in both passes.",
        "WALL": "As the clock on the wall shows: not in the skipped hour, and twice in the repeated one.",
    },
)
register_enum(
    Note,
    "ScheduleNote",
    "What a clock change does to a slot.",
    {
        "MOVED": "Its time does not exist on that day: it stands right after the gap.",
        "SKIPPED": "Its time does not exist on that day, and it is not to run.",
        "REPEATED": "It is in the second pass of a repeated hour.",
    },
)
register_enum(
    Weekday,
    "Weekday",
    "A day of the week.",
    {
        "SUN": "Sunday.",
        "MON": "Monday.",
        "TUE": "Tuesday.",
        "WED": "Wednesday.",
        "THU": "Thursday.",
        "FRI": "Friday.",
        "SAT": "Saturday.",
    },
)
