"""The objects of the API: database rows, through the fields that a client may read. No field shows a secret.

These classes are never instantiated: a field reads the column of the same name from the row.
"""

from datetime import datetime
from typing import Any

import strawberry
from strawberry import ID

from runner.admission.authorization import acting_for
from schema.connection import After, Before, Connection, ExecutionsBy, First, Last, PageArguments, SlotsBy, TasksBy
from schema.enums import CredentialKind, LegacyAlgorithm, Mode, OnOutputLimit, Reason, Role, State, Trigger
from schema.fields import loaded_field, typed_field
from schema.filters import Executions, Slots, Tasks, build_execution_filter, build_slot_filter, build_task_filter
from schema.fleet_fields import find_fleet_run, find_slot_fleet_run, read_fleet_terms, read_task_selector
from schema.jumps import jump_server, read_message
from schema.node_ids import Node, node_type
from schema.operation import Info
from schema.output_gap import read_output_gap
from schema.output_match import search_matches
from schema.output_slice import read_output
from schema.parameters import list_parameters, list_scheduled_values, list_values
from schema.policies import CommandPolicy
from schema.row_fields import build_env_names_field, list_blackouts, list_findings, list_policies
from schema.scalars import Long
from schema.schedule_fields import list_next_runs, read_terms
from schema.schedule_words import Note, ScheduleMode, SlotOutcome
from schema.secret_variables import build_secret_env_field
from schema.waiting import read_retry_waiting, read_waiting


@node_type(description="A user of sshcast.")
class User(Node):
    id: ID = strawberry.field(description="The id.")
    name: str = strawberry.field(description="The name to sign in with.")
    role: Role = strawberry.field(description="What the user may do on every server.")
    disabled: bool = strawberry.field(description="Whether the user is disabled and cannot sign in.")
    created_at: datetime = strawberry.field(description="When the user was added.")

    grants = loaded_field(
        "list[Grant] | None",
        "The roles granted to the user; null unless you are that user or an admin.",
        loader="grants",
        key="id",
    )


def _build_creator_field(description: str) -> Any:
    return loaded_field(User | None, description, loader="users", key="created_by")


@node_type(description="A machine that commands run on, reached over SSH. Its credential is never shown.")
class Server(Node):
    id: ID = strawberry.field(description="The id.")
    name: str = strawberry.field(description="The server's unique name.")
    host: str = strawberry.field(description="The host name or IP address.")
    port: int = strawberry.field(description="The SSH port.")
    username: str = strawberry.field(description="The account that commands run as.")
    host_keys: list[str] = strawberry.field(
        description='The pinned host keys: "TYPE BASE64", "@cert-authority * TYPE BASE64" or "@revoked * TYPE BASE64".'
    )
    host_key_alias: str | None = strawberry.field(description="Another name that its host certificate may have.")
    legacy_algorithms: list[LegacyAlgorithm] = strawberry.field(description="Old algorithms that are allowed for it.")
    credential_kind: CredentialKind = strawberry.field(description="How sshcast signs in to it.")
    tags: list[str] = strawberry.field(description="Its tags, for filters and grants.")
    max_parallel: int = strawberry.field(description="How many commands may run on it at once.")
    run_mode: Mode = strawberry.field(description="The mode of runs on it, unless their task has its own.")
    output_encoding: str = strawberry.field(
        description="The encoding that its output is decoded by, that of earlier runs too; an IANA name in lower case."
    )
    enabled: bool = strawberry.field(description="Whether runs may start on it.")
    created_at: datetime = strawberry.field(description="When it was registered.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    deleted_at: datetime | None = strawberry.field(description="When it was deleted; history still shows it.")

    viewer_role = loaded_field(
        Role, "Your role on it: the highest of your own and those you were granted.", loader="viewer_roles", key="id"
    )
    blackouts = list_blackouts
    jump_server = jump_server
    policy = loaded_field(
        CommandPolicy | None,
        "The command policy that admins set for it; null if they set none.",
        loader="policies_of_servers",
        key="id",
    )
    created_by = _build_creator_field("The user who registered it.")

    @typed_field("Connection[Task]", "Its tasks, oldest first unless ordered.", reads=["id"])
    async def tasks(
        self: Any,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Tasks = None,
        order_by: TasksBy = None,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_ordered_request(order_by)
        found = await info.context.loaders.tasks_of_servers(build_task_filter(filter), request).load(self.id)
        return Connection(found=found)


@node_type(description="A role that a user has on one server, or on every server with a tag.")
class Grant(Node):
    id: ID = strawberry.field(description="The id.")
    user_id: ID = strawberry.field(description="The id of the user.")
    server_id: ID | None = strawberry.field(description="The id of the server that it is for; null if it is for a tag.")
    tag: str | None = strawberry.field(description="The tag that it is for; null if it is for one server.")
    role: Role = strawberry.field(description="The role that the user has there.")
    created_at: datetime = strawberry.field(description="When it was given, or last changed.")

    user = loaded_field(User | None, "The user.", loader="users", key="user_id")

    server = loaded_field(
        Server | None, "The server that it is for; null if it is for a tag.", loader="servers", key="server_id"
    )

    created_by = _build_creator_field("The user who gave it; null if it was given with `sshcast user grant`.")


@node_type(description="A named command for a server, with a schedule.")
class Task(Node):
    id: ID = strawberry.field(description="The id.")
    name: str = strawberry.field(description="The name.")
    command: str = strawberry.field(description="The command, as shell text.")
    shell: str | None = strawberry.field(description="The shell that its first line chooses; null for /bin/sh.")
    server_id: ID | None = strawberry.field(
        description="The id of the server it runs on; null for a fleet task, which has a selector instead."
    )
    cron_expr: str = strawberry.field(description="When it runs: a cron expression, `@once`, `@manual` and the like.")
    timezone: str = strawberry.field(description="The IANA time zone of the schedule.")
    enabled: bool = strawberry.field(description="Whether the schedule runs the task.")
    timeout_seconds: int = strawberry.field(description="The time limit of a run in seconds.")
    output_limit: Long = strawberry.field(
        name="outputLimitBytes", description="The output limit of a run in bytes, both streams together."
    )
    on_output_limit: OnOutputLimit = strawberry.field(description="What happens when a run reaches that limit.")
    working_dir: str | None = strawberry.field(description="The working directory; null for the home directory.")
    run_mode: Mode | None = strawberry.field(description="The mode of its runs; null for its server's.")
    merge_streams: bool = strawberry.field(description="Whether standard error goes to standard output (2>&1).")
    next_run: datetime | None = strawberry.field(description="When it is due next.")
    last_run: datetime | None = strawberry.field(description="When it was last started.")
    paused_at: datetime | None = strawberry.field(description="When its schedule was paused; null if it is not.")
    paused_until: datetime | None = strawberry.field(
        description="When a paused schedule resumes by itself; null if only `resumeTask` resumes it."
    )
    schedule_mode: ScheduleMode = strawberry.field(description="Whether its schedule starts runs, or is only recorded.")
    schedule_mode_since: datetime | None = strawberry.field(
        description="Since when it is in that mode: slots up to then had the other one; null if it never was in shadow."
    )
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    deleted_at: datetime | None = strawberry.field(description="When it was deleted; history still shows it.")

    env_names = build_env_names_field()
    secret_env = build_secret_env_field()
    parameters = list_parameters
    parameter_values = list_scheduled_values
    selector = read_task_selector
    fleet = read_fleet_terms

    server = loaded_field(Server | None, "Its server; null for a fleet task.", loader="servers", key="server_id")

    created_by = _build_creator_field("The user who created it.")

    updated_by = loaded_field(
        User | None,
        "The user who last changed or created it. Its scheduled runs act for this user.",
        loader="users",
        key=acting_for,
        reads=["created_by", "updated_by"],
    )

    policy = loaded_field(
        CommandPolicy | None,
        "The command policy that admins set for it; null if they set none.",
        loader="policies_of_tasks",
        key="id",
    )
    terms = read_terms
    next_runs = list_next_runs

    @typed_field(
        "Connection[Slot]", "Its slots: each moment at which it was due, and what happened then.", reads=["id"]
    )
    async def slots(
        self: Any,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Slots = None,
        order_by: SlotsBy = None,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_newest_first_request(order_by, "slot")
        found = await info.context.loaders.slots_of_tasks(build_slot_filter(filter), request).load(self.id)
        return Connection(found=found)

    latest_execution = loaded_field(
        "Execution | None", "Its newest execution; null if it never ran.", loader="latest_executions", key="id"
    )

    @typed_field("Connection[Execution]", "Its executions, newest first unless ordered.", reads=["id"])
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
        loader = info.context.loaders.executions_of_tasks(build_execution_filter(filter), request)
        return Connection(found=await loader.load(self.id))


@node_type(name="TaskExecution", description="One run of a command, from a task or ad hoc, and how it went.")
class Execution(Node):
    id: ID = strawberry.field(description="The id.")
    task_id: ID | None = strawberry.field(description="The id of its task; null for an ad-hoc run.")
    server_id: ID = strawberry.field(description="The id of the server it runs on.")
    command: str = strawberry.field(description="The command, as it was when the run was requested.")
    shell: str | None = strawberry.field(description="The shell that its first line chooses; null for /bin/sh.")
    working_dir: str | None = strawberry.field(description="The working directory; null for the home directory.")
    timeout_seconds: int = strawberry.field(description="Its time limit in seconds.")
    output_limit: Long = strawberry.field(name="outputLimitBytes", description="Its output limit in bytes.")
    on_output_limit: OnOutputLimit = strawberry.field(description="What happens when it reaches that limit.")
    merge_streams: bool = strawberry.field(description="Whether standard error goes to standard output (2>&1).")
    trigger: Trigger = strawberry.field(description="How it came about.")
    slot: datetime | None = strawberry.field(description="The slot that it runs for; null if it is for none.")
    attempt: int = strawberry.field(description="1 for the first try.")
    state: State = strawberry.field(description="Its state.")
    reason: Reason | None = strawberry.field(description="Why it ended as it did; null until then.")
    message = read_message
    exit_code: Long | None = strawberry.field(description="The command's exit status; null if sshcast received none.")
    exit_signal: str | None = strawberry.field(description="The signal that ended the command, such as KILL.")
    created_at: datetime = strawberry.field(description="When it was requested.")
    start_time: datetime | None = strawberry.field(description="When a runner started on it.")
    end_time: datetime | None = strawberry.field(description="When it ended.")
    duration_ms: Long | None = strawberry.field(description="From start to end, in milliseconds.")
    cancel_at: datetime | None = strawberry.field(
        name="cancelRequestedAt", description="When its cancellation was requested."
    )
    mode: Mode | None = strawberry.field(description="Its mode; null until it starts, unless its task chooses one.")
    verified_gone: bool | None = strawberry.field(
        description="After a stop: whether none of its processes is left on the server; null if that was not checked."
    )
    stdout_bytes: Long = strawberry.field(description="How many bytes its standard output has, with those left out.")
    stderr_bytes: Long = strawberry.field(description="How many bytes its standard error has, with those left out.")
    truncated: bool = strawberry.field(description="Whether output is missing: over the limit, or too late.")
    stdin_bytes: Long | None = strawberry.field(description="How many bytes its standard input has; null if none.")
    stdin_sha256: str | None = strawberry.field(description="The SHA-256 of its standard input, hexadecimal.")
    policy_version: str | None = strawberry.field(description="The policy version that it was last checked against.")

    waiting = read_waiting
    fleet_run = find_fleet_run
    output = read_output
    output_gap = read_output_gap
    output_matches = search_matches
    policies = list_policies
    findings = list_findings
    task = loaded_field(Task | None, "Its task; null for an ad-hoc run.", loader="tasks", key="task_id")
    server = loaded_field(Server | None, "The server it runs on.", loader="servers", key="server_id")

    created_by = _build_creator_field("The user who requested it; for a scheduled run, the one whom it runs for.")

    env_names = build_env_names_field()
    secret_env = build_secret_env_field()
    parameters = list_values


@node_type(name="ScheduleSlot", description="A moment at which a task was due, and what happened then.")
class Slot(Node):
    id: ID = strawberry.field(description="The id.")
    task_id: ID = strawberry.field(description="The id of the task.")
    slot: datetime = strawberry.field(description="When it was due, before jitter.")
    outcome: SlotOutcome = strawberry.field(description="What happened.")
    note: Note | None = strawberry.field(description="How a clock change affected it; null if none did.")
    reason: str | None = strawberry.field(description="The reason for the outcome, in words.")
    execution_id: ID | None = strawberry.field(description="The id of its execution, the newest one if it was retried.")
    fleet_run = find_slot_fleet_run
    waiting = read_retry_waiting
    decided_at: datetime = strawberry.field(description="When the outcome was decided.")
    retries_left: int = strawberry.field(description="How many times its run may still be retried.")
    retry_at: datetime | None = strawberry.field(description="When its run is retried; null if it is not.")
    start_by: datetime | None = strawberry.field(description="When its run must have started; null for any time.")

    task = loaded_field(Task | None, "The task.", loader="tasks", key="task_id")
    execution = loaded_field(
        Execution | None, "Its execution, the newest one if it was retried.", loader="executions", key="execution_id"
    )
