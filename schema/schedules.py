"""What a schedule means, the terms it runs on, and its times to come."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry

from resolvers.schedules import UpcomingRun
from schema.enums import Reason
from schema.fields import typed_field
from schema.schedule_words import Dst, Missed, Note, Overlap, Weekday
from schema.user_errors import UserError

Count = Annotated[int, strawberry.argument(description="How many, 1 to 100.")]


@strawberry.type(description="On what terms a task's slots become runs.")
class ScheduleTerms:
    dst: Dst = strawberry.field(description="What a clock change does to fixed times of day.")
    overlap: Overlap = strawberry.field(description="What a slot does while the run of before goes on.")
    missed: Missed = strawberry.field(description="What happens to slots that were due while no scheduler ran.")
    missed_cap: int = strawberry.field(description="With `ALL`: how many of them are run, the newest.")
    missed_window_seconds: int = strawberry.field(description="With `ALL`: how old they may be.")
    jitter_seconds: int = strawberry.field(
        description="The window over which tasks are spread: each runs the same part of it after every slot."
    )
    start_deadline_seconds: int | None = strawberry.field(
        description="A run that has not started so long after its slot is given up; null for never."
    )
    retry_limit: int = strawberry.field(description="How often a failed scheduled run is tried again.")
    retry_delay_seconds: int = strawberry.field(description="The wait before the first retry; it doubles each time.")
    retry_on: list[Reason] = strawberry.field(description="The reasons of failure after which it is tried again.")


@strawberry.type(
    description="A time in which a server's schedules start nothing: each week, from `start` to `end` on the `days` on "
    "which it starts, or once, from `from` to `until`."
)
class Blackout:
    start: str | None = strawberry.field(description="The time of day at which it starts, such as `22:00`.")
    end: str | None = strawberry.field(description="The time of day at which it ends; the next day's if not later.")
    days: list[Weekday] | None = strawberry.field(description="The days on which it starts.")
    timezone: str | None = strawberry.field(description="The IANA time zone of `start` and `end`.")
    from_: datetime | None = strawberry.field(name="from", description="When it begins, if it is once.")
    until: datetime | None = strawberry.field(description="When it ends, if it is once.")
    reason: str | None = strawberry.field(description="What it is for.")


@strawberry.type(description="A time at which a schedule is to run.")
class ScheduledRun:
    coming: strawberry.Private[UpcomingRun]

    @typed_field(datetime, "When it is due. With jitter it runs a little later, at `at`.")
    def slot(self) -> datetime:
        return self.coming.slot

    @typed_field(datetime, "When it runs.")
    def at(self) -> datetime:
        return self.coming.at

    @typed_field(str, "The same on the clock of the schedule's zone: RFC 3339 with the offset of that moment.")
    def local(self) -> str:
        return self.coming.local.isoformat()

    @typed_field(Note | None, "What a clock change does to it.")
    def note(self) -> Note | None:
        return self.coming.note

    @typed_field(str | None, "The local time that clocks skip, for a slot that was moved or is left out.")
    def wanted_local(self) -> str | None:
        return None if self.coming.wanted is None else self.coming.wanted.isoformat()

    @typed_field(datetime | None, "Set where the server has a blackout window then: when that ends. It does not run.")
    def blackout_until(self) -> datetime | None:
        return None if self.coming.blackout is None else self.coming.blackout.until


@strawberry.type(description="What a schedule means and when it runs, or what is wrong with it.")
class SchedulePreview:
    description_en: str | None = strawberry.field(default=None, description="What it means, in English.")
    description_zh: str | None = strawberry.field(default=None, description="What it means, in Chinese.")
    runs: list[ScheduledRun] = strawberry.field(default_factory=list, description="Its next times.")
    errors: list[UserError] = strawberry.field(default_factory=list, description="What is wrong; empty if nothing is.")


def build_scheduled_runs(coming: Sequence[UpcomingRun]) -> list[ScheduledRun]:
    return [ScheduledRun(coming=each) for each in coming]


def build_blackout(window: Mapping[str, Any]) -> Blackout:
    """A server's window as it is kept."""
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
