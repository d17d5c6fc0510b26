"""One query for all the objects of a kind that an operation's fields point at."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from strawberry.dataloader import DataLoader

from resolvers import executions, servers, tasks, users
from resolvers.context import Context


class Loaders:
    """Made for one operation: rights and rows are those of its viewer and its moment."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    @cached_property
    def users(self) -> DataLoader[int, Any]:
        return DataLoader(self._users)

    @cached_property
    def servers(self) -> DataLoader[int, Any]:
        return DataLoader(self._servers)

    @cached_property
    def tasks(self) -> DataLoader[int, Any]:
        return DataLoader(self._tasks)

    @cached_property
    def latest_executions(self) -> DataLoader[int, Any]:
        """By task id."""
        return DataLoader(self._latest_executions)

    async def _users(self, ids: list[int]) -> Sequence[Any]:
        return await users.get_many(self._ctx, ids)

    async def _servers(self, ids: list[int]) -> Sequence[Any]:
        return await servers.get_many(self._ctx, ids)

    async def _tasks(self, ids: list[int]) -> Sequence[Any]:
        return await tasks.get_many(self._ctx, ids)

    async def _latest_executions(self, ids: list[int]) -> Sequence[Any]:
        return await executions.latest_of_tasks(self._ctx, ids)
