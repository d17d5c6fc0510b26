"""The plan of a fleet run: its servers, those that are refused, and its digest."""

from typing import Annotated, Any

import strawberry
from strawberry import ID

from resolvers import paging
from resolvers.errors import Language
from resolvers.fleet_plan import FleetPlan, PlannedServer
from schema.connection import After, Before, Connection, First, Last, PageArguments
from schema.fields import loaded_field, typed_field
from schema.fleet_enums import Refusal
from schema.objects import Server
from schema.user_errors import UserError

OnlyRefused = Annotated[
    bool, strawberry.argument(description="Only the servers where the fleet run may not run; without it, all.")
]


@strawberry.type(name="PlannedServer", description="A server of a plan, and why the fleet run may not run on it.")
class Planned:
    id: strawberry.Private[int]
    server_id: ID = strawberry.field(description="The server's id.")
    refusal: Refusal | None = strawberry.field(description="Why the fleet run may not run on it; null if it may.")
    message: str | None = strawberry.field(description="The refusal in words.")

    server = loaded_field(Server | None, "The server.", loader="servers", key="server_id")


@strawberry.type(description="What `startFleetRun` would do. Nothing is stored and nothing runs.")
class FleetRunPlan:
    digest: str | None = strawberry.field(
        default=None,
        description="The SHA-256 of the work, the servers and what decides where it may run, hexadecimal; null if it "
        "could not be planned.",
    )
    size: int = strawberry.field(default=0, description="How many servers are selected.")
    refused_count: int = strawberry.field(default=0, description="On how many of them it may not run.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why it could not be planned; empty if it was."
    )
    planned: strawberry.Private[list[Planned]]

    @typed_field(Connection[Planned], "The selected servers, in order of their ids.")
    def servers(
        self,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        refused: OnlyRefused = False,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_ordered_request(None)
        shown = [each for each in self.planned if each.refusal is not None or not refused]
        return Connection(found=paging.cut_page(shown, request))


def build_plan(found: FleetPlan, language: Language) -> FleetRunPlan:
    return FleetRunPlan(
        digest=found.digest,
        size=len(found.servers),
        refused_count=len(found.refused),
        planned=[_build_planned_server(each, language) for each in found.servers],
    )


def _build_planned_server(each: PlannedServer, language: Language) -> Planned:
    id: Any = each.server.id
    if each.refusal is None:
        return Planned(id=id, server_id=id, refusal=None, message=None)
    message = each.refusal.zh if language == "zh" else each.refusal.en
    return Planned(id=id, server_id=id, refusal=each.refusal.kind, message=message)
