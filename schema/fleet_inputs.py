"""The inputs of fleet runs, converted to the resolvers' inputs. Only ids are checked here."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID

from db.fleets import FleetRunFilter
from resolvers import fleet_inputs as inputs
from schema.enums import OnOutputLimit, Reason
from schema.fleet_enums import FleetState, MemberState, OnRefused
from schema.fleet_places import BatchSize, ServerSelector, StopAfter, build_number
from schema.ids import parse_id, parse_optional_id
from schema.inputs import MERGE, EnvironmentVariable, build_environment
from schema.parameters import ParameterValueInput, convert_values
from schema.scalars import Long
from schema.secret_variables import SecretVariableInput
from schema.stdin import decode

KEY = (
    "A key of 1 to 128 characters: a request that is repeated with the same key returns the same fleet run instead of "
    "starting another. The error OUTCOME_UNKNOWN repeats the key."
)
VALUES = "Values of the parameters that the task declares."


@strawberry.input(description="A command to run on each server of a fleet run, without a task.")
class CommandInput:
    command: str = strawberry.field(description="The command as shell text, as `runCommand` takes it.")
    timeout_seconds: int | None = strawberry.field(
        default=None, description="The time limit of each execution in seconds; without it, the service's default."
    )
    output_limit: Long | None = strawberry.field(
        default=None,
        name="outputLimitBytes",
        description="The output limit of each execution in bytes; without it, the service's default.",
    )
    on_output_limit: OnOutputLimit | None = strawberry.field(
        default=None, description="What happens when one reaches that limit; without it, the service's default."
    )
    merge_streams: bool = strawberry.field(default=False, description=MERGE)
    env: list[EnvironmentVariable] = strawberry.field(
        default_factory=list, description="Environment variables of the command, at most 100."
    )
    secret_env: list[SecretVariableInput] = strawberry.field(
        default_factory=list,
        description="Secret environment variables, each with a value or the name of a registered secret.",
    )
    working_dir: str | None = strawberry.field(
        default=None, description="The working directory; without it, the account's home directory."
    )
    stdin: str | None = strawberry.field(
        default=None,
        description="The standard input of each execution, at most 1 MiB, in base64 as `runCommand` takes it. It is "
        "stored encrypted until the fleet run has ended.",
    )

    def convert(self) -> inputs.FleetCommand:
        return inputs.FleetCommand(
            command=self.command,
            timeout_seconds=self.timeout_seconds,
            output_limit=self.output_limit,
            on_output_limit=self.on_output_limit,
            merge_streams=self.merge_streams,
            env=build_environment(self.env),
            secret_env=[variable.convert() for variable in self.secret_env],
            working_dir=self.working_dir,
            stdin=decode(self.stdin),
        )


@strawberry.input(one_of=True, description="What a fleet run does on each server: exactly one of these.")
class FleetWork:
    command: CommandInput | None = strawberry.field(default=strawberry.UNSET, description="A command without a task.")
    task_id: ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="A task: its command as it is now, with its variables and limits. You must be an operator on the "
        "task's own server too.",
    )


@strawberry.input(description="A fleet run to plan: what to run, and where.")
class FleetRunPlanInput:
    work: FleetWork = strawberry.field(description="What to run on each server.")
    selector: ServerSelector | None = strawberry.field(
        default=None, description="The servers; without it, those that the task selects."
    )

    parameters: list[ParameterValueInput] = strawberry.field(default_factory=list, description=VALUES)

    def convert(self) -> inputs.FleetRequest:
        return _build_request(self.work, self.selector, self.parameters)


@strawberry.input(description="A fleet run to start.")
class StartFleetRunInput:
    work: FleetWork = strawberry.field(description="What to run on each server.")
    selector: ServerSelector | None = strawberry.field(
        default=None, description="The servers; without it, those that the task selects."
    )
    batch_size: BatchSize | None = strawberry.field(
        default=None,
        description="How many servers to run on at a time: the next batch starts when all executions of the one "
        "before have ended. Without it, all executions are requested at once.",
    )
    pause_seconds: int = strawberry.field(
        default=0, description="How many seconds, 0 to 86,400, to wait between two batches."
    )
    stop_after: StopAfter | None = strawberry.field(
        default=None,
        description="Start no further executions once this many have ended as FAILED or TIMEOUT; those that run go on.",
    )
    on_refused: OnRefused = strawberry.field(
        default=OnRefused.FAIL_ALL, description="What to do if it may not run on one of the servers."
    )
    plan_digest: str | None = strawberry.field(
        default=None,
        description="The digest of a plan that you have seen: if anything of the plan has changed since, nothing is "
        "started, and the error says what has changed.",
    )
    parameters: list[ParameterValueInput] = strawberry.field(default_factory=list, description=VALUES)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def convert(self) -> inputs.StartFleetRun:
        return inputs.StartFleetRun(
            request=_build_request(self.work, self.selector, self.parameters),
            batch_size=build_number(self.batch_size, ("servers", "percent")),
            pause_seconds=self.pause_seconds,
            stop_after=build_number(self.stop_after, ("failures", "percent")),
            on_refused=self.on_refused,
            plan_digest=self.plan_digest,
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(description="The fleet run to cancel.")
class CancelFleetRunInput:
    id: ID = strawberry.field(description="The fleet run's id.")


@strawberry.input(description="A fleet run to repeat on some of its servers.")
class RetryFleetRunInput:
    id: ID = strawberry.field(description="The fleet run's id.")
    reasons: list[Reason] = strawberry.field(
        description="The servers whose execution did not succeed for one of these reasons. With LOST, TIMEOUT and "
        "SIGNAL the command may have done part of its work."
    )
    not_started: bool = strawberry.field(
        default=False, description="Also the servers that were refused, and those on which nothing was started."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def convert(self) -> inputs.RetryFleetRun:
        return inputs.RetryFleetRun(
            id=parse_id("id", self.id),
            reasons=self.reasons,
            not_started=self.not_started,
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(
    name="FleetRunFilter", description="Selects fleet runs. Fields that are absent or null do not filter."
)
class FleetRunFilterInput:
    states: list[FleetState] | None = strawberry.field(default=None, description="Only those in one of these states.")
    task_id: ID | None = strawberry.field(default=None, description="Only those of this task.")
    created_by: ID | None = strawberry.field(
        default=None, name="createdById", description="Only those that this user started."
    )
    created_from: datetime | None = strawberry.field(
        default=None, description="Only those started at this time or later."
    )
    created_to: datetime | None = strawberry.field(
        default=None, description="Only those started at this time or earlier."
    )


FleetRuns = Annotated[
    FleetRunFilterInput | None, strawberry.argument(description="Selects fleet runs; without it, all of them.")
]
Members = Annotated[
    list[MemberState] | None, strawberry.argument(description="Only servers in one of these states; without it, all.")
]
ThePlan = Annotated[FleetRunPlanInput, strawberry.argument(description="What to plan.")]


def build_fleet_run_filter(given: FleetRunFilterInput | None) -> FleetRunFilter:
    if given is None:
        return FleetRunFilter()
    return FleetRunFilter(
        states=None if given.states is None else tuple(given.states),
        task_id=parse_optional_id(("filter", "task_id"), given.task_id),
        created_by=parse_optional_id(("filter", "created_by"), given.created_by),
        created_from=given.created_from,
        created_to=given.created_to,
    )


def _build_request(
    work: FleetWork, selector: ServerSelector | None, parameters: list[ParameterValueInput]
) -> inputs.FleetRequest:
    command = None if work.command is strawberry.UNSET else work.command
    task_id = None if work.task_id is strawberry.UNSET else work.task_id
    return inputs.FleetRequest(
        command=None if command is None else command.convert(),
        task_id=parse_optional_id(("work", "task_id"), task_id),
        parameters=convert_values(parameters),
        selector=None if selector is None else selector.convert(),
    )
