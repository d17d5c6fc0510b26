"""The inputs about schedules, converted to the resolvers' inputs."""

from dataclasses import fields
from datetime import datetime
from typing import Any

import strawberry
from strawberry import ID

from resolvers import inputs
from resolvers.errors import Invalid
from schema.enums import Reason
from schema.schedule_words import Dst, Missed, Overlap, Weekday

ABSENT: Any = strawberry.UNSET


@strawberry.input(
    name="ScheduleTermsInput",
    description="How a task's slots become runs. Fields that are absent stay as they are; a new task gets the "
    "defaults.",
)
class TermsInput:
    dst: Dst | None = strawberry.field(
        default=ABSENT, description="How clock changes affect fixed times of day (default VIXIE)."
    )
    overlap: Overlap | None = strawberry.field(
        default=ABSENT, description="What happens to a slot while the previous run is still going on (default ALLOW)."
    )
    missed: Missed | None = strawberry.field(
        default=ABSENT, description="What happens to slots that were due while no scheduler ran (default LATEST)."
    )
    missed_cap: int | None = strawberry.field(
        default=ABSENT, description="With `missed: ALL`: how many missed slots run at most, 1 to 1000 (default 100)."
    )
    missed_window_seconds: int | None = strawberry.field(
        default=ABSENT, description="With `missed: ALL`: how old a missed slot may be, up to 31 days (default a day)."
    )
    jitter_seconds: int | None = strawberry.field(
        default=ABSENT, description="The window over which tasks are spread, up to a day (default 0)."
    )
    start_deadline_seconds: int | None = strawberry.field(
        default=ABSENT,
        description="How many seconds after its slot a run may still start, 1 to 86,400; null for any number.",
    )
    retry_limit: int | None = strawberry.field(
        default=ABSENT, description="How many times a failed scheduled run is retried, 0 to 20 (default 0)."
    )
    retry_delay_seconds: int | None = strawberry.field(
        default=ABSENT, description="The wait before the first retry, 1 to 3600 (default 30); it doubles each time."
    )
    retry_on: list[Reason] | None = strawberry.field(
        default=ABSENT,
        description="The reasons of failure after which to retry (default UNREACHABLE: nothing can have started).",
    )

    def convert(self) -> inputs.TermsChange:
        found = {item.name: getattr(self, item.name) for item in fields(inputs.TermsChange)}
        found = {name: value for name, value in found.items() if value is not ABSENT}
        for name, value in found.items():
            if value is None and name != "start_deadline_seconds":
                raise Invalid(
                    ("terms", name), "must not be null: leave it out to keep it.", "不能为 null：不修改时请省略该字段。"
                )
        return inputs.TermsChange(**found)


@strawberry.input(
    description="A blackout window: either `start` and `end` for every week, or `from` and `until` for a single one."
)
class BlackoutInput:
    start: str | None = strawberry.field(
        default=None, description="The time of day at which it starts, such as `22:00`."
    )
    end: str | None = strawberry.field(
        default=None, description="The time of day at which it ends; on the next day if that is not later than `start`."
    )
    days: list[Weekday] | None = strawberry.field(
        default=None, description="The days on which it starts; without it, every day."
    )
    timezone: str | None = strawberry.field(
        default=None, description="The IANA time zone of `start` and `end` (default UTC)."
    )
    from_: datetime | None = strawberry.field(default=None, name="from", description="When a single window begins.")
    until: datetime | None = strawberry.field(default=None, description="When a single window ends.")
    reason: str | None = strawberry.field(default=None, description="Why there is a window, at most 200 characters.")

    def convert(self) -> dict[str, Any]:
        return {
            "start": self.start,
            "end": self.end,
            "days": None if self.days is None else [str(day) for day in self.days],
            "timezone": self.timezone,
            "from": self.from_,
            "until": self.until,
            "reason": self.reason,
        }


@strawberry.input(description="The task to pause.")
class PauseTaskInput:
    id: ID = strawberry.field(description="The task's id.")
    until: datetime | None = strawberry.field(
        default=None, description="When the schedule resumes by itself; without it, only `resumeTask` resumes it."
    )


@strawberry.input(description="The task to resume.")
class ResumeTaskInput:
    id: ID = strawberry.field(description="The task's id.")
