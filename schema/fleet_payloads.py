"""The payloads of the mutations about fleet runs."""

import strawberry

from schema.fleets import FleetRun
from schema.payloads import Payload


@strawberry.type(description="The answer to `startFleetRun`.")
class StartFleetRunPayload(Payload):
    fleet_run: FleetRun | None = strawberry.field(default=None, description="The fleet run.")


@strawberry.type(description="The answer to `cancelFleetRun`.")
class CancelFleetRunPayload(Payload):
    fleet_run: FleetRun | None = strawberry.field(default=None, description="The fleet run as it is now.")


@strawberry.type(description="The answer to `retryFleetRun`.")
class RetryFleetRunPayload(Payload):
    fleet_run: FleetRun | None = strawberry.field(default=None, description="The new fleet run.")
