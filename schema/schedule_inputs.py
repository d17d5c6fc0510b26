"""What is taken about schedules, handed on as the resolvers take it."""

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
    description="On what terms a task's slots become runs. What is absent stays as it is; of a new task, the default.",
)
class TermsInput:
    dst: Dst | None = strawberry.field(default=ABSENT, description="What a clock change does (default VIXIE).")
    overlap: Overlap | None = strawberry.field(default=ABSENT, description="While a run goes on (default ALLOW).")
    missed: Missed | None = strawberry.field(default=ABSENT, description="After downtime (default LATEST).")
    missed_cap: int | None = strawberry.field(default=ABSENT, description="With ALL: 1 to 1000 (default 100).")
    missed_window_seconds: int | None = strawberry.field(
        default=ABSENT, description="With ALL: up to 31 days (default a day)."
    )
    jitter_seconds: int | None = strawberry.field(
        default=ABSENT, description="The window to spread over: up to a day (default 0)."
    )
    start_deadline_seconds: int | None = strawberry.field(
        default=ABSENT, description="How late a run may start: 1 to 86,400; null for any time."
    )
    retry_limit: int | None = strawberry.field(default=ABSENT, description="0 to 20 retries (default 0).")
    retry_delay_seconds: int | None = strawberry.field(
        default=ABSENT, description="The wait before the first, 1 to 3600 (default 30); it doubles each time."
    )
    retry_on: list[Reason] | None = strawberry.field(
        default=ABSENT,
        description="The reasons to try again for (default UNREACHABLE, when nothing can have started).",
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


@strawberry.input(description="A blackout window: `start` and `end` for each week, or `from` and `until` for once.")
class BlackoutInput:
    start: str | None = strawberry.field(default=None, description="A time of day such as `22:00`.")
    end: str | None = strawberry.field(default=None, description="A time of day; the next day's if not later.")
    days: list[Weekday] | None = strawberry.field(default=None, description="When it starts; every day if absent.")
    timezone: str | None = strawberry.field(default=None, description="The IANA time zone (default UTC).")
    from_: datetime | None = strawberry.field(default=None, name="from", description="When it begins, for once.")
    until: datetime | None = strawberry.field(default=None, description="When it ends, for once.")
    reason: str | None = strawberry.field(default=None, description="What it is for, at most 200 characters.")

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


@strawberry.input(description="A task to pause.")
class PauseTaskInput:
    id: ID = strawberry.field(description="The task's id.")
    until: datetime | None = strawberry.field(default=None, description="When it goes on by itself; never if absent.")


@strawberry.input(description="A task to resume.")
class ResumeTaskInput:
    id: ID = strawberry.field(description="The task's id.")
