"""The preview of a schedule, the terms of a task, and upcoming runs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry

from resolvers.schedules import UpcomingRun
from schema.enums import Reason
from schema.fields import typed_field
from schema.schedule_words import Dst, Missed, Note, Overlap, Weekday
from schema.user_errors import UserError

Count = Annotated[int, strawberry.argument(description="How many runs to list, 1 to 100.")]


@strawberry.type(description="How a task's slots become runs.")
class ScheduleTerms:
    dst: Dst = strawberry.field(description="How clock changes (daylight saving time) affect fixed times of day.")
    overlap: Overlap = strawberry.field(
        description="What happens to a slot while the task's previous run is still going on."
    )
    missed: Missed = strawberry.field(description="What happens to slots that were due while no scheduler ran.")
    missed_cap: int = strawberry.field(description="With `ALL`: how many missed slots run at most, the newest ones.")
    missed_window_seconds: int = strawberry.field(
        description="With `ALL`: how many seconds old a missed slot may be and still run."
    )
    jitter_seconds: int = strawberry.field(
        description="The window in seconds over which tasks are spread: each task starts at a fixed offset of its "
        "own after every slot."
    )
    start_deadline_seconds: int | None = strawberry.field(
        description="A run that has not started this many seconds after its slot is given up; null for never."
    )
    retry_limit: int = strawberry.field(description="How many times a failed scheduled run is retried.")
    retry_delay_seconds: int = strawberry.field(
        description="The wait before the first retry in seconds; it doubles each time."
    )
    retry_on: list[Reason] = strawberry.field(description="The reasons of failure after which a run is retried.")


@strawberry.type(
    description="A window in which schedules start nothing on a server: either every week, from `start` to `end` "
    "on the given `days`, or once, from `from` to `until`."
)
class Blackout:
    start: str | None = strawberry.field(description="The time of day at which it starts, such as `22:00`.")
    end: str | None = strawberry.field(
        description="The time of day at which it ends; on the next day if that is not later than `start`."
    )
    days: list[Weekday] | None = strawberry.field(description="The days on which it starts.")
    timezone: str | None = strawberry.field(description="The IANA time zone of `start` and `end`.")
    from_: datetime | None = strawberry.field(name="from", description="When a single window begins.")
    until: datetime | None = strawberry.field(description="When a single window ends.")
    reason: str | None = strawberry.field(description="Why there is a window.")


@strawberry.type(description="A future run of a schedule.")
class ScheduledRun:
    coming: strawberry.Private[UpcomingRun]

    @typed_field(datetime, "When it is due. With jitter it runs later, at `at`.")
    def slot(self) -> datetime:
        return self.coming.slot

    @typed_field(datetime, "When it runs.")
    def at(self) -> datetime:
        return self.coming.at

    @typed_field(str, "`at` in the schedule's time zone: RFC 3339 with the offset of that moment.")
    def local(self) -> str:
        return self.coming.local.isoformat()

    @typed_field(Note | None, "How a clock change affects it; null if none does.")
    def note(self) -> Note | None:
        return self.coming.note

    @typed_field(
        str | None, "For a slot that a clock change moves or skips: the local time that does not exist on that day."
    )
    def wanted_local(self) -> str | None:
        return None if self.coming.wanted is None else self.coming.wanted.isoformat()

    @typed_field(
        datetime | None,
        "If the server has a blackout window then, when that ends; the slot does not run. Otherwise null.",
    )
    def blackout_until(self) -> datetime | None:
        return None if self.coming.blackout is None else self.coming.blackout.until


@strawberry.type(description="What a schedule means and when it runs next, or what is wrong with it.")
class SchedulePreview:
    description_en: str | None = strawberry.field(default=None, description="What it means, in English.")
    description_zh: str | None = strawberry.field(default=None, description="What it means, in Chinese.")
    runs: list[ScheduledRun] = strawberry.field(default_factory=list, description="Its next runs.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What is wrong with the schedule; empty if it is valid."
    )


def build_scheduled_runs(coming: Sequence[UpcomingRun]) -> list[ScheduledRun]:
    return [ScheduledRun(coming=each) for each in coming]


def build_blackout(window: Mapping[str, Any]) -> Blackout:
    """Return a server's stored blackout window as a GraphQL object."""
    days = window.get("days")
    return Blackout(
        start=window.get("start"),
        end=window.get("end"),
        days=None if days is None else [Weekday(day) for day in days],
        timezone=window.get("timezone"),
        from_=_parse_moment(window.get("from")),
        until=_parse_moment(window.get("until")),
        reason=window.get("reason"),
    )


def _parse_moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
