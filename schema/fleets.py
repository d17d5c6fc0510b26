"""Fleet runs: one piece of work on many servers, and the plan of one. Only what the viewer may see is counted."""

from datetime import datetime
from typing import Any

import strawberry
from strawberry import ID

from db.fleets import MemberFilter
from resolvers import fleet_plan, fleets
from resolvers.errors import Invalid, NotFound, TooLarge
from schema.connection import After, Before, Connection, ExecutionsBy, First, Last, PageArguments
from schema.enums import Trigger
from schema.fields import loaded_field, typed_field
from schema.filters import Executions, build_execution_filter
from schema.finding import TheId, find_or_none
from schema.fleet_enums import FleetReason, FleetState, MemberState, OnRefused, Refusal
from schema.fleet_fields import FleetNumber, FleetSelector, build_number, build_selector, read_member_message
from schema.fleet_groups import list_output_groups
from schema.fleet_inputs import FleetRuns, Members, ThePlan, build_fleet_run_filter
from schema.fleet_plans import FleetRunPlan, build_plan
from schema.ids import parse_id
from schema.node_ids import Node, node_type
from schema.objects import Execution, Server, Task, User
from schema.operation import Info
from schema.secret_variables import SecretVariable, list_secret_variables
from schema.user_errors import build_user_error
from schema.waiting import read_member_waiting


@strawberry.type(description="How many servers of a fleet run are in each state; of those that you may see.")
class FleetCounts:
    size: int = strawberry.field(description="All of them.")
    waiting: int = strawberry.field(description="Their batch has not started.")
    refused: int = strawberry.field(description="The fleet run may not run on them.")
    not_started: int = strawberry.field(description="It was stopped or cancelled before it was their turn.")
    pending: int = strawberry.field(description="Their execution waits for a runner.")
    running: int = strawberry.field(description="Their execution is running.")
    success: int = strawberry.field(description="Their execution succeeded.")
    failed: int = strawberry.field(description="Their execution failed.")
    timeout: int = strawberry.field(description="Their execution was stopped at its time limit.")
    cancelled: int = strawberry.field(description="Their execution was cancelled.")
    removed: int = strawberry.field(description="Their execution ended, and retention has removed it.")


@strawberry.type(description="A server of a fleet run, and what became of it.")
class FleetMember:
    server_id: ID = strawberry.field(description="The server's id.")
    state: MemberState = strawberry.field(description="Its state.")
    refusal: Refusal | None = strawberry.field(description="Why it was refused; null if it was not.")
    message = read_member_message
    waiting = read_member_waiting
    execution_id: ID | None = strawberry.field(description="The id of its execution; null without one.")

    server = loaded_field(Server | None, "The server.", loader="servers", key="server_id")

    execution = loaded_field(
        Execution | None,
        "Its execution; null without one, and once retention has removed it.",
        loader="executions",
        key="execution_id",
    )


@node_type(
    description="One command or task on many servers, in batches if wanted. Who sees one of its servers sees it; "
    "servers, executions and counts are those that you may see."
)
class FleetRun(Node):
    id: ID = strawberry.field(description="The id.")
    task_id: ID | None = strawberry.field(description="The id of its task; null for a command without one.")
    state: FleetState = strawberry.field(description="Its state.")
    reason: FleetReason | None = strawberry.field(
        description="Why it stopped before its last batch; null if it did not."
    )
    trigger: Trigger = strawberry.field(description="How it came about.")
    slot: datetime | None = strawberry.field(description="The slot that it runs for; null if it is for none.")
    command: str = strawberry.field(description="The command, as it was when the fleet run was started.")
    pause_seconds: int = strawberry.field(description="How many seconds it waits between two batches.")
    on_refused: OnRefused = strawberry.field(description="What it did with servers that are refused.")
    plan_digest: str = strawberry.field(description="The digest of the plan that it carries out.")
    next_start_at: datetime | None = strawberry.field(
        description="When the next batch starts, during a pause; null otherwise."
    )
    created_at: datetime = strawberry.field(description="When it was started.")
    end_time: datetime | None = strawberry.field(description="When it ended.")
    cancel_at: datetime | None = strawberry.field(
        name="cancelRequestedAt", description="When its cancellation was requested."
    )

    counts = loaded_field(FleetCounts, "How many servers are in each state.", loader="fleet_counts", key="id")
    task = loaded_field(Task | None, "Its task; null for a command without one.", loader="tasks", key="task_id")
    created_by = loaded_field(User | None, "The user who started it.", loader="users", key="created_by")
    cancelled_by = loaded_field(
        User | None, "The user who asked for its cancellation.", loader="users", key="cancelled_by"
    )
    retry_of = loaded_field(
        "FleetRun | None", "The fleet run that this one repeats.", loader="fleet_runs", key="retry_of"
    )

    output_groups = list_output_groups

    @typed_field(list[str], "The names of the command's environment variables; their values are not shown.")
    def env_names(self: Any) -> list[str]:
        return sorted(self.work["env"])

    @typed_field(list[SecretVariable], "The command's secret environment variables, ordered by name.")
    def secret_env(self: Any) -> list[SecretVariable]:
        return list_secret_variables(self.work["secret_env"])

    @typed_field(FleetSelector, "The conditions by which its servers were selected.")
    def selector(self: Any) -> FleetSelector:
        return build_selector(self.selector)

    @typed_field(FleetNumber | None, "How many servers a batch has; null if all were started at once.")
    def batch_size(self: Any) -> FleetNumber | None:
        return build_number(self.batch_size, "servers")

    @typed_field(FleetNumber | None, "After how many failures it starts no further executions; null for never.")
    def stop_after(self: Any) -> FleetNumber | None:
        return build_number(self.stop_after, "failures")

    @typed_field(Connection[FleetMember], "Its servers, in order of their ids.")
    async def members(
        self: Any,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        states: Members = None,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_ordered_request(None)
        wanted = MemberFilter(states=None if states is None else tuple(states))
        loader = info.context.loaders.members_of_fleet_runs(wanted, request)
        return Connection(found=await loader.load(self.id))

    @typed_field(Connection[Execution], "Its executions, newest first unless ordered.")
    async def executions(
        self: Any,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Executions = None,
        order_by: ExecutionsBy = None,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_newest_first_request(order_by)
        loader = info.context.loaders.executions_of_fleet_runs(build_execution_filter(filter), request)
        return Connection(found=await loader.load(self.id))


@strawberry.type
class FleetQueries:
    """The queries about fleet runs."""

    @typed_field(FleetRun | None, "A fleet run; null if it does not exist or you see none of its servers.")
    async def fleet_run(self, info: Info, id: TheId) -> Any:
        return await find_or_none(fleets.get(info.context.ctx, parse_id("id", id)))

    @typed_field(Connection[FleetRun], "A page of fleet runs, newest first.")
    async def fleet_runs(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: FleetRuns = None,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_newest_first_request(None)
        return Connection(found=await fleets.page(info.context.ctx, build_fleet_run_filter(filter), request))

    @typed_field(
        FleetRunPlan,
        "What `startFleetRun` would do now: the servers, those where it may not run, and a digest to start exactly "
        "this with. Nothing is stored. For operators.",
    )
    async def fleet_run_plan(self, info: Info, input: ThePlan) -> FleetRunPlan:
        ctx = info.context.ctx
        try:
            return build_plan(await fleet_plan.plan(ctx, input.convert()), ctx.language)
        except (Invalid, NotFound, TooLarge) as error:
            return FleetRunPlan(errors=[build_user_error(error, ctx.language)], planned=[])
