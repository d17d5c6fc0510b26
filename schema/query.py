"""The queries: each is one call into the resolvers."""

from collections.abc import Awaitable
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
from schema.audit import AuditEvent, AuditEvents, audit_filter
from schema.commands import (
    CommandVerdict,
    ItsEnvironment,
    ItsFolder,
    ItsStdin,
    TheCommand,
    WhereItRuns,
    WhoseItIs,
    told,
)
from schema.connection import (
    After,
    Before,
    Connection,
    ExecutionsBy,
    First,
    Last,
    PageNumber,
    PageSize,
    Place,
    ServersBy,
    SlotsBy,
    TasksBy,
)
from schema.fields import resolved
from schema.filters import (
    Executions,
    Servers,
    Slots,
    Tasks,
    execution_filter,
    server_filter,
    slot_filter,
    task_filter,
)
from schema.ids import number, optional_number
from schema.inputs import environment
from schema.objects import Execution, Server, Slot, Task, User
from schema.operation import Info
from schema.personal_tokens import PersonalToken
from schema.policies import CommandPolicy, Policies, PolicyRule, RulesOf, policy_filter
from schema.policies import told as told_rule
from schema.schedule_words import Dst
from schema.schedules import Count, SchedulePreview, scheduled
from schema.secrets import ForServer, RegisteredSecret
from schema.stdin import decode
from schema.user_errors import user_error
from schema.users import Users, user_filter

Expr = Annotated[str, strawberry.argument(description="The schedule, as `createTask` takes it.")]
Zone = Annotated[str | None, strawberry.argument(description="Its IANA time zone; the service's if it is absent.")]
From = Annotated[datetime | None, strawberry.argument(name="from", description="From when on; now if it is absent.")]
Change = Annotated[Dst, strawberry.argument(description="What a clock change does to fixed times of day.")]
OnServer = Annotated[ID | None, strawberry.argument(description="A server whose blackout windows are noted.")]
TheId = Annotated[ID, strawberry.argument(description="The object's id.")]


async def or_null(found: Awaitable[Any]) -> Any:
    try:
        return await found
    except NotFound:
        return None


@strawberry.type(description="What can be read. Every field but `__typename` needs a signed-in user.")
class Query:
    @resolved(User, "Who you are.")
    async def me(self, info: Info) -> Any:
        return await users.me(info.context.ctx)

    @resolved(User | None, "A user; null if there is none. For admins.")
    async def user(self, info: Info, id: TheId) -> Any:
        return await or_null(users.get(info.context.ctx, number("id", id)))

    @resolved(Connection[User], "Users, a page at a time. For admins.")
    async def users(
        self,
        info: Info,
        filter: Users = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        request = Place(first, after, last, before).ordered(None)
        return Connection(found=await users.page(info.context.ctx, user_filter(filter), request))

    @resolved(list[PersonalToken], "Your personal access tokens, the newest first; at most 50.")
    async def personal_tokens(self, info: Info) -> Any:
        return await personal_tokens.mine(info.context.ctx)

    @resolved(Task | None, "A task; null if there is none or you may not see it.")
    async def task(self, info: Info, id: TheId) -> Any:
        return await or_null(tasks.get(info.context.ctx, number("id", id)))

    @resolved(Execution | None, "An execution; null if there is none or you may not see it.")
    async def execution(self, info: Info, id: TheId) -> Any:
        return await or_null(executions.get(info.context.ctx, number("id", id)))

    @resolved(Server | None, "A server; null if there is none or you may not see it.")
    async def server(self, info: Info, id: TheId) -> Any:
        return await or_null(servers.get(info.context.ctx, number("id", id)))

    @resolved(Connection[Task], "Tasks, a page at a time.")
    async def tasks(
        self,
        info: Info,
        filter: Tasks = None,
        order_by: TasksBy = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        page: PageNumber = None,
        page_size: PageSize = None,
    ) -> Any:
        request = Place(first, after, last, before, page, page_size).ordered(order_by)
        return Connection(found=await tasks.page(info.context.ctx, task_filter(filter), request))

    @resolved(Connection[Execution], "Executions, a page at a time.")
    async def executions(
        self,
        info: Info,
        filter: Executions = None,
        order_by: ExecutionsBy = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        page: PageNumber = None,
        page_size: PageSize = None,
    ) -> Any:
        request = Place(first, after, last, before, page, page_size).newest_first(order_by)
        return Connection(found=await executions.page(info.context.ctx, execution_filter(filter), request))

    @resolved(Connection[Server], "Servers, a page at a time.")
    async def servers(
        self,
        info: Info,
        filter: Servers = None,
        order_by: ServersBy = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        page: PageNumber = None,
        page_size: PageSize = None,
    ) -> Any:
        request = Place(first, after, last, before, page, page_size).ordered(order_by)
        return Connection(found=await servers.page(info.context.ctx, server_filter(filter), request))

    @resolved(
        Connection[RegisteredSecret],
        "Registered secrets in the order of their names, a page at a time. No field shows a value. For operators.",
    )
    async def secrets(
        self,
        info: Info,
        server_id: ForServer = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        request = Place(first, after, last, before).request("name", descending=False)
        wanted = SecretFilter(optional_number("server_id", server_id))
        return Connection(found=await secrets.page(info.context.ctx, wanted, request))

    @resolved(
        Connection[Slot], "The ledger: every moment at which a schedule was due, and what came of it, a page at a time."
    )
    async def schedule_ledger(
        self,
        info: Info,
        filter: Slots = None,
        order_by: SlotsBy = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        page: PageNumber = None,
        page_size: PageSize = None,
    ) -> Any:
        usual = "slot" if filter is not None and filter.task_id is not None else "id"
        request = Place(first, after, last, before, page, page_size).newest_first(order_by, usual)
        return Connection(found=await slots.page(info.context.ctx, slot_filter(filter), request))

    @resolved(Connection[AuditEvent], "What was done and refused, the newest first, a page at a time. For admins.")
    async def audit_events(
        self,
        info: Info,
        filter: AuditEvents = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        request = Place(first, after, last, before).newest_first(None)
        return Connection(found=await audit.page(info.context.ctx, audit_filter(filter), request))

    @resolved(SchedulePreview, "What a schedule means and when it runs, before a task is made of it.")
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
            id = optional_number("server_id", server_id)
            wanted = PreviewSchedule(
                cron_expr=cron_expr, timezone=timezone, count=count, start=from_, dst=dst, server_id=id
            )
            found = await schedules.preview(ctx, wanted)
        except (ScheduleInvalid, Invalid, NotFound) as error:
            return SchedulePreview(errors=[user_error(error, ctx.language)])
        return SchedulePreview(description_en=found.words.en, description_zh=found.words.zh, runs=scheduled(found.runs))

    @resolved(CommandVerdict, "What the command policy says of a command. Nothing is stored and nothing runs.")
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
            draft = commands.Draft(
                command=command,
                env=None if env is None else environment(env),
                working_dir=working_dir,
                server_id=optional_number("server_id", server_id),
                task_id=optional_number("task_id", task_id),
                stdin=decode(stdin),
            )
            verdict = await commands.check_command(ctx, draft)
        except (Invalid, NotFound, TooLarge) as error:
            return CommandVerdict(errors=[user_error(error, ctx.language)])
        return told(verdict, ctx.language)

    @resolved(list[PolicyRule], "The rules of the command policy.")
    async def policy_rules(self, info: Info, server_id: RulesOf = None) -> list[PolicyRule]:
        id = optional_number("server_id", server_id)
        return [told_rule(rule) for rule in await policies.rules_of(info.context.ctx, id)]

    @resolved(
        Connection[CommandPolicy], "Versions of command policies, the newest first, a page at a time. For admins."
    )
    async def command_policies(
        self,
        info: Info,
        filter: Policies = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        request = Place(first, after, last, before).newest_first(None)
        return Connection(found=await policies.page(info.context.ctx, policy_filter(filter), request))
