"""The field of an execution that shows its fleet run."""

from typing import Annotated, Any

import strawberry

from schema.fields import loaded_field

# By name, since a fleet run has executions too.
FLEET_RUN: Any = Annotated["FleetRun", strawberry.lazy("schema.fleets")] | None  # noqa: F821

find_fleet_run = loaded_field(
    FLEET_RUN, "The fleet run that it is of; null for others.", loader="fleet_runs", key="fleet_run_id"
)
