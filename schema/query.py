"""The queries: each is one call into the resolvers."""

from collections.abc import Awaitable
from typing import Annotated, Any

import strawberry
from strawberry import ID

from resolvers import executions, servers, tasks, users
from resolvers.errors import NotFound
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
    TasksBy,
)
from schema.fields import resolved
from schema.filters import (
    Executions,
    Servers,
    Tasks,
    execution_filter,
    server_filter,
    task_filter,
)
from schema.ids import number
from schema.objects import Execution, Server, Task, User
from schema.operation import Info

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
