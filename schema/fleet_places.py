"""The servers of a fleet run or a fleet task, and how many at a time."""

from typing import Any

import strawberry
from strawberry import ID

from resolvers import inputs
from resolvers.inputs import SelectServers
from schema.fleet_enums import OnRefused
from schema.ids import parse_id


@strawberry.input(
    description="Selects servers that match all of these conditions; at least one is needed. Servers that you may not "
    "see are not selected."
)
class ServerSelector:
    ids: list[ID] | None = strawberry.field(default=None, description="Only servers with these ids, at most 10,000.")
    tags_all: list[str] | None = strawberry.field(
        default=None, description="Only servers with every one of these tags."
    )
    tags_any: list[str] | None = strawberry.field(default=None, description="Only servers with one of these tags.")
    tags_none: list[str] | None = strawberry.field(default=None, description="Only servers with none of these tags.")
    name_contains: str | None = strawberry.field(
        default=None,
        description="Only those whose name contains this text, in upper or lower case; an empty text selects all.",
    )

    def convert(self) -> SelectServers:
        ids = None if self.ids is None else [parse_id(("selector", "ids"), id) for id in self.ids]
        return SelectServers(
            ids=ids,
            tags_all=self.tags_all,
            tags_any=self.tags_any,
            tags_none=self.tags_none,
            name_contains=self.name_contains,
        )


@strawberry.input(one_of=True, description="How many servers a batch has: exactly one of these.")
class BatchSize:
    servers: int | None = strawberry.field(default=strawberry.UNSET, description="A number of servers, 1 to 10,000.")
    percent: int | None = strawberry.field(
        default=strawberry.UNSET, description="A percentage of all servers of the fleet run, 1 to 100, rounded up."
    )


@strawberry.input(one_of=True, description="How many failures stop a fleet run: exactly one of these.")
class StopAfter:
    failures: int | None = strawberry.field(default=strawberry.UNSET, description="A number of failures, 1 to 10,000.")
    percent: int | None = strawberry.field(
        default=strawberry.UNSET, description="A percentage of all servers of the fleet run, 1 to 100, rounded up."
    )


@strawberry.input(description="How the fleet runs of a fleet task are carried out.")
class FleetTermsInput:
    batch_size: BatchSize | None = strawberry.field(
        default=None, description="How many servers to run on at a time; without it, all at once."
    )
    pause_seconds: int = strawberry.field(
        default=0, description="How many seconds, 0 to 86,400, to wait between two batches."
    )
    stop_after: StopAfter | None = strawberry.field(
        default=None, description="Start no further executions once this many have ended as FAILED or TIMEOUT."
    )
    on_refused: OnRefused = strawberry.field(
        default=OnRefused.SKIP,
        description="What a slot does if some servers are disabled or in a blackout window: with FAIL_ALL it starts "
        "nothing.",
    )

    def convert(self) -> inputs.FleetTerms:
        return inputs.FleetTerms(
            batch_size=build_number(self.batch_size, ("servers", "percent")),
            pause_seconds=self.pause_seconds,
            stop_after=build_number(self.stop_after, ("failures", "percent")),
            on_refused=self.on_refused,
        )


def build_number(given: Any, names: tuple[str, str]) -> dict[str, int] | None:
    """Return the numbers that are given; more or fewer than one of them is refused later."""
    if given is None:
        return None
    found = {name: getattr(given, name) for name in names}
    return {name: value for name, value in found.items() if value is not None and value is not strawberry.UNSET}
