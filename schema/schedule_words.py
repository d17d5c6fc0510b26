"""The GraphQL enums about schedules."""

from enum import StrEnum

from db.schedule_mode import ScheduleMode
from db.values import Missed, Overlap, SlotOutcome
from runner.cron.grammar import DAY_NAMES
from runner.cron.schedule import Dst, Note
from schema.enums import register_enum

# Annotations take the service's words from here, so that they are GraphQL enums by then.
__all__ = ["Dst", "Missed", "Note", "Overlap", "ScheduleMode", "SlotOrderField", "SlotOutcome", "Weekday"]


class SlotOrderField(StrEnum):
    ID = "id"
    SLOT = "slot"


Weekday = StrEnum("Weekday", {name: name for name in DAY_NAMES})  # type: ignore[misc]

register_enum(
    SlotOrderField,
    "ScheduleSlotOrderField",
    "The value that slots are ordered by. Equal values are ordered by id.",
    {
        "ID": "The id, that is, the order in which the slots were decided.",
        "SLOT": "The moment at which the slot was due.",
    },
)
register_enum(
    SlotOutcome,
    "SlotOutcome",
    "What happened at one moment at which a schedule was due.",
    {
        "FIRED": "It ran on time.",
        "CAUGHT_UP": "It ran late: it had been missed, and the task's `missed` setting has it run all the same.",
        "MOVED_BY_DST": "It ran right after the hour that the clock change skipped, in which it would have been due.",
        "WAITING": "It waits for the task's previous run to end; this outcome will change.",
        "SKIPPED_OVERLAP": "It did not run, because the task's previous run was still going on.",
        "SKIPPED_PAUSED": "It did not run, because the task was paused.",
        "SKIPPED_BLACKOUT": "It did not run, because the server had a blackout window.",
        "SKIPPED_DST": "It did not run: the clock change skipped its time, and the task's `dst` setting leaves such "
        "slots out.",
        "SKIPPED_SERVER": "It did not run, because the server was deleted or disabled.",
        "MISSED": "It did not run: no scheduler ran in time, or it could not start by its deadline.",
        "REFUSED_BY_POLICY": "It did not run, because the command policy refuses the command.",
        "NOT_ALLOWED": "It did not run: the user who last changed the task is disabled or no longer an operator there.",
        "UNREADABLE": "It did not run: this version of sshcast cannot read the schedule. The task does not run until "
        "its schedule is corrected.",
        "SHADOWED": "It did not run, because the task was in shadow then: this is what would have run.",
    },
)
register_enum(
    ScheduleMode,
    "ScheduleMode",
    "Whether a task's schedule starts runs.",
    {
        "ACTIVE": "It does.",
        "SHADOW": "It does not: something else, such as cron on the server, still runs it. Each slot is recorded as "
        "SHADOWED. Users can run the task all the same.",
    },
)
register_enum(
    Overlap,
    "ScheduleOverlap",
    "What happens to a slot while the task's previous run is still going on.",
    {
        "ALLOW": "It runs at the same time.",
        "SKIP": "It does not run.",
        "QUEUE": "It waits for the previous run to end. At most one slot waits; further ones do not run.",
        "REPLACE": "The previous run is cancelled, and the slot runs once that has ended.",
    },
)
register_enum(
    Missed,
    "ScheduleMissed",
    "What happens to slots that were due while no scheduler ran.",
    {
        "SKIP": "None of them runs.",
        "LATEST": "Only the latest of them runs.",
        "ALL": "All of them run, within the limits of `missedCap` and `missedWindowSeconds`.",
    },
)
register_enum(
    Dst,
    "ScheduleDst",
    "How clock changes (daylight saving time) affect fixed times of day. A schedule with `*` as its "
    "minute or hour always follows the wall clock.",
    {
        "VIXIE": "A time in the skipped hour runs right after it, once; one in the repeated hour runs once.",
        "SKIP": "A time in the skipped hour does not run; one in the repeated hour runs once.",
        "TWICE": "A time in the skipped hour runs right after it, once; one in the repeated hour runs in both passes.",
        "WALL": "As the wall clock shows: a time in the skipped hour does not run; one in the repeated hour runs "
        "in both passes.",
    },
)
register_enum(
    Note,
    "ScheduleNote",
    "How a clock change affects a slot.",
    {
        "MOVED": "Its local time does not exist on that day, so it is due right after the skipped hour.",
        "SKIPPED": "Its local time does not exist on that day, so it does not run.",
        "REPEATED": "It is in the second pass of the repeated hour.",
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
