"""The objects: database rows, seen through the fields that a client may read. Nothing secret has a field.

These classes are never made: a field is read from the row, whose columns have the same names.
"""

from datetime import datetime
from typing import Any

import strawberry
from strawberry import ID

from resolvers import schedules
from runner.admission.authorization import acting_for
from runner.scheduling.terms import Terms
from schema.connection import After, Before, Connection, ExecutionsBy, First, Last, PageArguments, SlotsBy, TasksBy
from schema.enums import CredentialKind, LegacyAlgorithm, Mode, Reason, Role, State, Trigger
from schema.fields import typed_field
from schema.filters import Executions, Slots, Tasks, build_execution_filter, build_slot_filter, build_task_filter
from schema.operation import Info
from schema.policies import CommandPolicy
from schema.scalars import Long
from schema.schedule_words import Note, SlotOutcome
from schema.schedules import Blackout, Count, ScheduledRun, ScheduleTerms, build_blackout, build_scheduled_runs
from schema.secret_variables import SecretVariable, list_secret_variables
from schema.user_errors import Finding, build_recorded_finding


@strawberry.type(description="Who may sign in.")
class User:
    id: ID = strawberry.field(description="The id.")
    name: str = strawberry.field(description="The name to sign in with.")
    role: Role = strawberry.field(description="What the user may do on every server.")
    disabled: bool = strawberry.field(description="A disabled user cannot sign in.")
    created_at: datetime = strawberry.field(description="When the user was added.")

    @typed_field(
        "list[Grant] | None", "What is granted to the user beyond their role; null to all but themselves and admins."
    )
    def grants(self: Any, info: Info) -> Any:
        return info.context.loaders.grants.load(self.id)


@strawberry.type(description="A machine that commands run on, reached over SSH. Its credential is never shown.")
class Server:
    id: ID = strawberry.field(description="The id.")
    name: str = strawberry.field(description="The name; no two servers share one.")
    host: str = strawberry.field(description="The host name or IP address.")
    port: int = strawberry.field(description="The SSH port.")
    username: str = strawberry.field(description="The account that commands run as.")
    host_keys: list[str] = strawberry.field(
        description='What is pinned: "TYPE BASE64", "@cert-authority * TYPE BASE64", "@revoked * TYPE BASE64".'
    )
    host_key_alias: str | None = strawberry.field(description="Another name that its host certificate may be for.")
    legacy_algorithms: list[LegacyAlgorithm] = strawberry.field(description="Old algorithms that it is allowed.")
    credential_kind: CredentialKind = strawberry.field(description="How it is signed in to.")
    tags: list[str] = strawberry.field(description="Words to find it by.")
    max_parallel: int = strawberry.field(description="How many commands may run on it at once.")
    run_mode: Mode = strawberry.field(description="How runs on it are driven.")
    enabled: bool = strawberry.field(description="Nothing starts on a disabled server.")
    created_at: datetime = strawberry.field(description="When it was registered.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    deleted_at: datetime | None = strawberry.field(description="When it was deleted; history still shows it.")

    @typed_field(Role, "Your role on it: the higher of your own and of what is granted to you.")
    def viewer_role(self: Any, info: Info) -> Any:
        return info.context.loaders.viewer_roles.load(self.id)

    @typed_field(list[Blackout], "Windows in which its schedules start nothing.")
    def blackouts(self: Any) -> list[Blackout]:
        return [build_blackout(window) for window in self.blackouts]

    @typed_field(CommandPolicy | None, "What admins have changed of the command policy for it; null if nothing.")
    def policy(self: Any, info: Info) -> Any:
        return info.context.loaders.policies_of_servers.load(self.id)

    @typed_field(User | None, "Who registered it.")
    def created_by(self: Any, info: Info) -> Any:
        return info.context.loaders.users.load(self.created_by)

    @typed_field("Connection[Task]", "Its tasks, oldest first unless ordered.")
    async def tasks(
        self: Any,
        info: Info,
        filter: Tasks = None,
        order_by: TasksBy = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_ordered_request(order_by)
        found = await info.context.loaders.tasks_of_servers(build_task_filter(filter), request).load(self.id)
        return Connection(found=found)


@strawberry.type(description="A role of a user on one server, or on every server with a tag.")
class Grant:
    id: ID = strawberry.field(description="The id.")
    user_id: ID = strawberry.field(description="The id of the user.")
    server_id: ID | None = strawberry.field(description="The id of the server; null for a tag.")
    tag: str | None = strawberry.field(description="The tag; null for one server.")
    role: Role = strawberry.field(description="What the user may do there.")
    created_at: datetime = strawberry.field(description="When it was given, or last changed.")

    @typed_field(User | None, "The user.")
    def user(self: Any, info: Info) -> Any:
        return info.context.loaders.users.load(self.user_id)

    @typed_field(Server | None, "The server; null for a tag.")
    def server(self: Any, info: Info) -> Any:
        return None if self.server_id is None else info.context.loaders.servers.load(self.server_id)

    @typed_field(User | None, "Who gave it; null for a command on the machine itself.")
    def created_by(self: Any, info: Info) -> Any:
        return None if self.created_by is None else info.context.loaders.users.load(self.created_by)


@strawberry.type(description="A named command for a server, with a schedule.")
class Task:
    id: ID = strawberry.field(description="The id.")
    name: str = strawberry.field(description="The name.")
    command: str = strawberry.field(description="The command, as shell text.")
    shell: str | None = strawberry.field(description="The shell that its first line chooses; null for /bin/sh.")
    server_id: ID = strawberry.field(description="The id of the server it runs on.")
    cron_expr: str = strawberry.field(description="When it runs: a cron expression, `@once`, `@manual` and the like.")
    timezone: str = strawberry.field(description="The IANA time zone of the schedule.")
    enabled: bool = strawberry.field(description="A disabled task does not run by its schedule.")
    timeout_seconds: int = strawberry.field(description="The time limit of a run.")
    output_limit: Long = strawberry.field(
        name="outputLimitBytes", description="How much of a run's output is kept, both streams together."
    )
    working_dir: str | None = strawberry.field(description="Where it runs; the account's home if there is none.")
    run_mode: Mode | None = strawberry.field(description="How its runs are driven; null for the way of its server.")
    next_run: datetime | None = strawberry.field(description="When it is due next.")
    last_run: datetime | None = strawberry.field(description="When it was last started.")
    paused_at: datetime | None = strawberry.field(description="When its schedule was paused; null if it is not.")
    paused_until: datetime | None = strawberry.field(
        description="When a paused schedule goes on by itself; null if only `resumeTask` ends the pause."
    )
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    deleted_at: datetime | None = strawberry.field(description="When it was deleted; history still shows it.")

    @typed_field(list[str], "The names of its environment variables; their values are not shown.")
    def env_names(self: Any) -> list[str]:
        return sorted(self.env)

    @typed_field(list[SecretVariable], "Its secret environment variables, in the order of their names.")
    def secret_env(self: Any) -> list[SecretVariable]:
        return list_secret_variables(self.secret_env)

    @typed_field(Server | None, "The server it runs on.")
    def server(self: Any, info: Info) -> Any:
        return info.context.loaders.servers.load(self.server_id)

    @typed_field(User | None, "Who created it.")
    def created_by(self: Any, info: Info) -> Any:
        return info.context.loaders.users.load(self.created_by)

    @typed_field(User | None, "Who last changed it, or created it: its scheduled runs go in their name.")
    def updated_by(self: Any, info: Info) -> Any:
        return info.context.loaders.users.load(acting_for(self))

    @typed_field(CommandPolicy | None, "What admins have changed of the command policy for it; null if nothing.")
    def policy(self: Any, info: Info) -> Any:
        return info.context.loaders.policies_of_tasks.load(self.id)

    @typed_field(ScheduleTerms, "How its slots become runs.")
    def terms(self: Any) -> Any:
        return Terms.of(self.terms)

    @typed_field(list[ScheduledRun], "When it is to run next; nothing while it is disabled or paused without end.")
    async def next_runs(self: Any, info: Info, count: Count = 5) -> list[ScheduledRun]:
        server = await info.context.loaders.servers.load(self.server_id)
        windows = server.blackouts if server is not None else ()
        return build_scheduled_runs(schedules.list_next_runs(info.context.ctx, self, count, windows))

    @typed_field("Connection[Slot]", "Its slots: every moment at which it was due, and what came of it.")
    async def slots(
        self: Any,
        info: Info,
        filter: Slots = None,
        order_by: SlotsBy = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_newest_first_request(order_by, "slot")
        found = await info.context.loaders.slots_of_tasks(build_slot_filter(filter), request).load(self.id)
        return Connection(found=found)

    @typed_field("Execution | None", "Its newest execution, if it ever ran.")
    def latest_execution(self: Any, info: Info) -> Any:
        return info.context.loaders.latest_executions.load(self.id)

    @typed_field("Connection[Execution]", "Its executions, newest first unless ordered.")
    async def executions(
        self: Any,
        info: Info,
        filter: Executions = None,
        order_by: ExecutionsBy = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_newest_first_request(order_by)
        loader = info.context.loaders.executions_of_tasks(build_execution_filter(filter), request)
        return Connection(found=await loader.load(self.id))


@strawberry.type(name="TaskExecution", description="One run of a command, of a task or ad hoc, and how it went.")
class Execution:
    id: ID = strawberry.field(description="The id.")
    task_id: ID | None = strawberry.field(description="The id of its task; null for an ad-hoc run.")
    server_id: ID = strawberry.field(description="The id of the server it runs on.")
    command: str = strawberry.field(description="The command as it was when it was asked for.")
    shell: str | None = strawberry.field(description="The shell that its first line chooses; null for /bin/sh.")
    working_dir: str | None = strawberry.field(description="Where it runs; the account's home if there is none.")
    timeout_seconds: int = strawberry.field(description="Its time limit.")
    output_limit: Long = strawberry.field(name="outputLimitBytes", description="How much of its output is kept.")
    trigger: Trigger = strawberry.field(description="What made it.")
    slot: datetime | None = strawberry.field(description="The moment of the schedule that it is for.")
    attempt: int = strawberry.field(description="1 for the first try.")
    state: State = strawberry.field(description="Where it stands.")
    reason: Reason | None = strawberry.field(description="Why it ended as it did; null until then.")
    message: str | None = strawberry.field(description="The same in words, where there is more to say.")
    exit_code: Long | None = strawberry.field(description="The command's exit status, if it was received.")
    exit_signal: str | None = strawberry.field(description="The signal that ended the command, such as KILL.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    start_time: datetime | None = strawberry.field(description="When its runner took it.")
    end_time: datetime | None = strawberry.field(description="When it ended.")
    duration_ms: Long | None = strawberry.field(description="From start to end, in milliseconds.")
    cancel_at: datetime | None = strawberry.field(
        name="cancelRequestedAt", description="When someone asked that it stop."
    )
    mode: Mode | None = strawberry.field(description="How it is driven; null until it starts or its task says.")
    verified_gone: bool | None = strawberry.field(
        description="After a stop: whether a look at the server found nothing of it left; null when nobody looked."
    )
    stdout_bytes: Long = strawberry.field(description="How much of its standard output is stored.")
    stderr_bytes: Long = strawberry.field(description="How much of its standard error is stored.")
    truncated: bool = strawberry.field(description="Whether there was more output than the limit.")
    stdin_bytes: Long | None = strawberry.field(description="The size of its standard input; null if it has none.")
    stdin_sha256: str | None = strawberry.field(description="The SHA-256 of that, in hexadecimal digits.")
    policy_version: str | None = strawberry.field(description="The command policy that it was checked against last.")

    @typed_field(list[CommandPolicy], "What admins had changed of that: the server's version and the task's, if any.")
    async def policies(self: Any, info: Info) -> Any:
        ids = [id for id in (self.server_policy_id, self.task_policy_id) if id is not None]
        return [row for row in await info.context.loaders.policies.load_many(ids) if row is not None]

    @typed_field(list[Finding], "What the command policy found: warnings, and in the mode AUDIT what it would refuse.")
    def findings(self: Any, info: Info) -> list[Finding]:
        return [build_recorded_finding(item, info.context.ctx.language) for item in self.findings or ()]

    @typed_field(Task | None, "Its task; null for an ad-hoc run.")
    def task(self: Any, info: Info) -> Any:
        return None if self.task_id is None else info.context.loaders.tasks.load(self.task_id)

    @typed_field(Server | None, "The server it runs on.")
    def server(self: Any, info: Info) -> Any:
        return info.context.loaders.servers.load(self.server_id)

    @typed_field(User | None, "Who asked for it, or created its task.")
    def created_by(self: Any, info: Info) -> Any:
        return info.context.loaders.users.load(self.created_by)

    @typed_field(list[str], "The names of its environment variables; their values are not shown.")
    def env_names(self: Any) -> list[str]:
        return sorted(self.env)

    @typed_field(list[SecretVariable], "Its secret environment variables, in the order of their names.")
    def secret_env(self: Any) -> list[SecretVariable]:
        return list_secret_variables(self.secret_env)


@strawberry.type(name="ScheduleSlot", description="One moment at which a task's schedule was due, and what came of it.")
class Slot:
    id: ID = strawberry.field(description="The id.")
    task_id: ID = strawberry.field(description="The id of the task.")
    slot: datetime = strawberry.field(description="When it was due, before jitter.")
    outcome: SlotOutcome = strawberry.field(description="What came of it.")
    note: Note | None = strawberry.field(description="What a clock change did to it.")
    reason: str | None = strawberry.field(description="Why it came out so, in words.")
    execution_id: ID | None = strawberry.field(description="The id of its run, the newest if it was tried again.")
    decided_at: datetime = strawberry.field(description="When this was decided.")
    retries_left: int = strawberry.field(description="How often its run may still be tried again.")
    retry_at: datetime | None = strawberry.field(description="When it is tried again.")
    start_by: datetime | None = strawberry.field(description="Until when its run must have started.")

    @typed_field(Task | None, "The task.")
    def task(self: Any, info: Info) -> Any:
        return info.context.loaders.tasks.load(self.task_id)

    @typed_field(Execution | None, "Its run, the newest if it was tried again.")
    def execution(self: Any, info: Info) -> Any:
        return None if self.execution_id is None else info.context.loaders.executions.load(self.execution_id)
