"""The queries: each makes one call to the resolvers."""

from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry import ID

from db.secrets import SecretFilter
from resolvers import (
    audit,
    commands,
    executions,
    personal_tokens,
    policies,
    schedules,
    secrets,
    servers,
    slots,
    tasks,
    users,
)
from resolvers.errors import Invalid, NotFound, ScheduleInvalid, TooLarge
from resolvers.inputs import PreviewSchedule
from schema.audit import AuditEvent, AuditEvents, build_audit_filter
from schema.commands import (
    CommandVerdict,
    ItsEnvironment,
    ItsFolder,
    ItsStdin,
    TheCommand,
    WhereItRuns,
    WhoseItIs,
    build_verdict,
)
from schema.connection import (
    After,
    Before,
    Connection,
    ExecutionsBy,
    First,
    Last,
    PageArguments,
    PageNumber,
    PageSize,
    ServersBy,
    SlotsBy,
    TasksBy,
)
from schema.event_stream import list_events
from schema.fields import typed_field
from schema.filters import (
    Executions,
    Servers,
    Slots,
    Tasks,
    build_execution_filter,
    build_server_filter,
    build_slot_filter,
    build_task_filter,
)
from schema.finding import TheId, find_or_none
from schema.fleets import FleetQueries
from schema.ids import parse_id, parse_optional_id
from schema.inputs import build_environment
from schema.nodes import NodeQueries
from schema.objects import Execution, Server, Slot, Task, User
from schema.operation import Info
from schema.output_search import search_outputs
from schema.personal_tokens import PersonalToken
from schema.policies import CommandPolicy, Policies, PolicyRule, RulesOf, build_policy_filter, build_policy_rule
from schema.schedule_words import Dst
from schema.schedules import Count, SchedulePreview, build_scheduled_runs
from schema.secrets import ForServer, RegisteredSecret
from schema.stdin import decode
from schema.user_errors import build_user_error
from schema.users import Users, build_user_filter

Expr = Annotated[str, strawberry.argument(description="The schedule, as `createTask` takes it.")]
Zone = Annotated[str | None, strawberry.argument(description="Its IANA time zone; without it, the service's.")]
From = Annotated[
    datetime | None, strawberry.argument(name="from", description="The time to list from; without it, now.")
]
Change = Annotated[Dst, strawberry.argument(description="How clock changes affect fixed times of day.")]
OnServer = Annotated[ID | None, strawberry.argument(description="A server whose blackout windows to mark.")]


@strawberry.type(description="The operations that read. Every field but `__typename` needs a signed-in user.")
class Query(FleetQueries, NodeQueries):
    @typed_field(User, "The user who is signed in.")
    async def me(self, info: Info) -> Any:
        return await users.me(info.context.ctx)

    @typed_field(User | None, "A user; null if there is no such user. For admins.")
    async def user(self, info: Info, id: TheId) -> Any:
        return await find_or_none(users.get(info.context.ctx, parse_id("id", id)))

    @typed_field(Connection[User], "A page of users. For admins.")
    async def users(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Users = None,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_ordered_request(None)
        return Connection(found=await users.page(info.context.ctx, build_user_filter(filter), request))

    @typed_field(list[PersonalToken], "Your personal access tokens, newest first; at most 50.")
    async def personal_tokens(self, info: Info) -> Any:
        return await personal_tokens.list_own(info.context.ctx)

    @typed_field(Task | None, "A task; null if it does not exist or you may not see it.")
    async def task(self, info: Info, id: TheId) -> Any:
        return await find_or_none(tasks.get(info.context.ctx, parse_id("id", id)))

    @typed_field(Execution | None, "An execution; null if it does not exist or you may not see it.")
    async def execution(self, info: Info, id: TheId) -> Any:
        return await find_or_none(executions.get(info.context.ctx, parse_id("id", id)))

    @typed_field(Server | None, "A server; null if it does not exist or you may not see it.")
    async def server(self, info: Info, id: TheId) -> Any:
        return await find_or_none(servers.get(info.context.ctx, parse_id("id", id)))

    @typed_field(Connection[Task], "A page of tasks.")
    async def tasks(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Tasks = None,
        order_by: TasksBy = None,
        page: PageNumber = None,
        page_size: PageSize = None,
    ) -> Any:
        request = PageArguments(first, after, last, before, page, page_size).build_ordered_request(order_by)
        return Connection(found=await tasks.page(info.context.ctx, build_task_filter(filter), request))

    @typed_field(Connection[Execution], "A page of executions.")
    async def executions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Executions = None,
        order_by: ExecutionsBy = None,
        page: PageNumber = None,
        page_size: PageSize = None,
    ) -> Any:
        request = PageArguments(first, after, last, before, page, page_size).build_newest_first_request(order_by)
        found = await executions.page(info.context.ctx, build_execution_filter(filter), request, info.context.wanted)
        info.context.loaders.read_along = found.nested
        return Connection(found=found)

    @typed_field(Connection[Server], "A page of servers.")
    async def servers(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Servers = None,
        order_by: ServersBy = None,
        page: PageNumber = None,
        page_size: PageSize = None,
    ) -> Any:
        request = PageArguments(first, after, last, before, page, page_size).build_ordered_request(order_by)
        return Connection(found=await servers.page(info.context.ctx, build_server_filter(filter), request))

    @typed_field(
        Connection[RegisteredSecret],
        "A page of registered secrets, ordered by name. No field shows a value. For operators.",
    )
    async def secrets(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        server_id: ForServer = None,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_request("name", descending=False)
        wanted = SecretFilter(parse_optional_id("server_id", server_id))
        return Connection(found=await secrets.page(info.context.ctx, wanted, request))

    @typed_field(Connection[Slot], "A page of the schedule ledger: when schedules were due, and what happened then.")
    async def schedule_ledger(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Slots = None,
        order_by: SlotsBy = None,
        page: PageNumber = None,
        page_size: PageSize = None,
    ) -> Any:
        usual = "slot" if filter is not None and filter.task_id is not None else "id"
        request = PageArguments(first, after, last, before, page, page_size).build_newest_first_request(order_by, usual)
        return Connection(found=await slots.page(info.context.ctx, build_slot_filter(filter), request))

    @typed_field(
        Connection[AuditEvent], "A page of the audit, newest first: what was done and what was refused. For admins."
    )
    async def audit_events(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: AuditEvents = None,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_newest_first_request(None)
        return Connection(found=await audit.page(info.context.ctx, build_audit_filter(filter), request))

    events = list_events
    search_output = search_outputs

    @typed_field(SchedulePreview, "Explain a schedule and list its next runs, without creating a task.")
    async def schedule_preview(
        self,
        info: Info,
        cron_expr: Expr,
        timezone: Zone = None,
        count: Count = 10,
        from_: From = None,
        dst: Change = Dst.VIXIE,
        server_id: OnServer = None,
    ) -> SchedulePreview:
        ctx = info.context.ctx
        try:
            id = parse_optional_id("server_id", server_id)
            wanted = PreviewSchedule(
                cron_expr=cron_expr, timezone=timezone, count=count, start=from_, dst=dst, server_id=id
            )
            found = await schedules.preview(ctx, wanted)
        except (ScheduleInvalid, Invalid, NotFound) as error:
            return SchedulePreview(errors=[build_user_error(error, ctx.language)])
        return SchedulePreview(
            description_en=found.words.en, description_zh=found.words.zh, runs=build_scheduled_runs(found.runs)
        )

    @typed_field(CommandVerdict, "Check a command against the command policy. Nothing is stored and nothing runs.")
    async def check_command(
        self,
        info: Info,
        command: TheCommand,
        server_id: WhereItRuns = None,
        task_id: WhoseItIs = None,
        env: ItsEnvironment = None,
        working_dir: ItsFolder = None,
        stdin: ItsStdin = None,
    ) -> CommandVerdict:
        ctx = info.context.ctx
        try:
            draft = commands.CommandDraft(
                command=command,
                env=None if env is None else build_environment(env),
                working_dir=working_dir,
                server_id=parse_optional_id("server_id", server_id),
                task_id=parse_optional_id("task_id", task_id),
                stdin=decode(stdin),
            )
            return build_verdict(await commands.check_command(ctx, draft), ctx.language)
        except (Invalid, NotFound, TooLarge) as error:
            return CommandVerdict(errors=[build_user_error(error, ctx.language)])

    @typed_field(list[PolicyRule], "The rules of the command policy.")
    async def policy_rules(self, info: Info, server_id: RulesOf = None) -> list[PolicyRule]:
        id = parse_optional_id("server_id", server_id)
        return [build_policy_rule(rule) for rule in await policies.list_rules(info.context.ctx, id)]

    @typed_field(Connection[CommandPolicy], "A page of command policy versions, newest first. For admins.")
    async def command_policies(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Policies = None,
    ) -> Any:
        request = PageArguments(first, after, last, before).build_newest_first_request(None)
        return Connection(found=await policies.page(info.context.ctx, build_policy_filter(filter), request))
