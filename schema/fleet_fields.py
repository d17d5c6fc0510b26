"""The fields that show the fleet run of an execution, the fleet of a task, and why a member was refused."""

from typing import Annotated, Any

import strawberry

from runner.fleet import messages
from schema.fields import loaded_field, typed_field
from schema.fleet_enums import OnRefused
from schema.operation import Info

# By name, since a fleet run has executions too.
FLEET_RUN: Any = Annotated["FleetRun", strawberry.lazy("schema.fleets")] | None  # noqa: F821

find_slot_fleet_run = loaded_field(
    FLEET_RUN, "The fleet run that it made; null for others.", loader="fleet_runs", key="fleet_run_id"
)
find_fleet_run = loaded_field(
    FLEET_RUN, "The fleet run that it is of; null for others.", loader="fleet_runs", key="fleet_run_id"
)


@typed_field(str | None, "The refusal in words.", reads=["message"])
def read_member_message(self: Any, info: Info) -> str | None:
    return messages.choose(self.message, info.context.ctx.language)


@strawberry.type(description="The conditions by which the servers of a fleet run were selected; null: no condition.")
class FleetSelector:
    tags_all: list[str] | None = strawberry.field(description="Servers with every one of these tags.")
    tags_any: list[str] | None = strawberry.field(description="Servers with one of these tags.")
    tags_none: list[str] | None = strawberry.field(description="Servers with none of these tags.")
    name_contains: str | None = strawberry.field(description="Servers whose name contains this text.")
    by_ids: bool = strawberry.field(description="Whether servers were named by their ids.")


@strawberry.type(description="A number, or a percentage of all servers of a fleet run: the other one is null.")
class FleetNumber:
    number: int | None = strawberry.field(description="The number, of servers or of failures.")
    percent: int | None = strawberry.field(description="The percentage of all servers, rounded up.")


@strawberry.type(description="How the fleet runs of a fleet task are carried out.")
class FleetTerms:
    batch_size: FleetNumber | None = strawberry.field(
        description="How many servers a batch has; null if all start at once."
    )
    pause_seconds: int = strawberry.field(description="How many seconds to wait between two batches.")
    stop_after: FleetNumber | None = strawberry.field(
        description="After how many failures a fleet run starts no further executions; null for never."
    )
    on_refused: OnRefused = strawberry.field(
        description="What a slot does if some servers are disabled or in a blackout window."
    )


def build_selector(stored: dict[str, Any]) -> FleetSelector:
    names = ("tags_all", "tags_any", "tags_none", "name_contains")
    return FleetSelector(**{name: stored.get(name) for name in names}, by_ids="ids" in stored)


def build_number(given: dict[str, int] | None, name: str) -> FleetNumber | None:
    return None if given is None else FleetNumber(number=given.get(name), percent=given.get("percent"))


@typed_field(
    FleetSelector | None, "The servers that a fleet task runs on; null for a task of one server.", reads=["selector"]
)
def read_task_selector(self: Any) -> Any:
    return None if self.selector is None else build_selector(self.selector)


@typed_field(
    FleetTerms | None,
    "How a fleet task's runs are carried out; null for a task of one server.",
    reads=["selector", "fleet_terms"],
)
def read_fleet_terms(self: Any) -> Any:
    terms = self.fleet_terms
    if self.selector is None:
        return None
    return FleetTerms(
        batch_size=build_number(terms["batch_size"], "servers"),
        pause_seconds=terms["pause_seconds"],
        stop_after=build_number(terms["stop_after"], "failures"),
        on_refused=terms["on_refused"],
    )
