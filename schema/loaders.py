"""Data loaders: one query for all objects of a kind that the fields of an operation refer to."""

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any

from strawberry.dataloader import DataLoader

from db.executions import ExecutionFilter
from db.slots import SlotFilter
from db.tasks import TaskFilter
from resolvers import executions, grants, policies, rights, servers, slots, tasks, users
from resolvers.context import Context
from resolvers.paging import PageRequest


class Loaders:
    """The loaders of one operation: they see what its viewer may see, as of when they load it."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._pages: dict[Hashable, DataLoader[int, Any]] = {}

    @cached_property
    def users(self) -> DataLoader[int, Any]:
        return DataLoader(self._load_users)

    @cached_property
    def servers(self) -> DataLoader[int, Any]:
        return DataLoader(self._load_servers)

    @cached_property
    def tasks(self) -> DataLoader[int, Any]:
        return DataLoader(self._load_tasks)

    @cached_property
    def latest_executions(self) -> DataLoader[int, Any]:
        """Load each task's latest execution by task id."""
        return DataLoader(self._load_latest_executions)

    @cached_property
    def grants(self) -> DataLoader[int, Any]:
        """Load the grants by user id."""
        return DataLoader(self._load_grants)

    @cached_property
    def viewer_roles(self) -> DataLoader[int, Any]:
        """Load the viewer's role on each server by server id."""
        return DataLoader(self._load_viewer_roles)

    @cached_property
    def executions(self) -> DataLoader[int, Any]:
        return DataLoader(self._load_executions)

    @cached_property
    def policies(self) -> DataLoader[int, Any]:
        """Load policies by their version."""
        return DataLoader(self._load_policies)

    @cached_property
    def policies_of_servers(self) -> DataLoader[int, Any]:
        return DataLoader(self._load_policies_of_servers)

    @cached_property
    def policies_of_tasks(self) -> DataLoader[int, Any]:
        return DataLoader(self._load_policies_of_tasks)

    def slots_of_tasks(self, filter: SlotFilter, request: PageRequest) -> DataLoader[int, Any]:
        """Load the same page of each task's slots, by task id."""

        async def load(ids: list[int]) -> Sequence[Any]:
            return await slots.load_pages_of_tasks(self._ctx, ids, filter, request)

        return self._pages.setdefault((filter, request), DataLoader(load))

    def executions_of_tasks(self, filter: ExecutionFilter, request: PageRequest) -> DataLoader[int, Any]:
        """Load the same page of each task's executions, by task id."""

        async def load(ids: list[int]) -> Sequence[Any]:
            return await executions.load_pages_of_tasks(self._ctx, ids, filter, request)

        return self._pages.setdefault((filter, request), DataLoader(load))

    def tasks_of_servers(self, filter: TaskFilter, request: PageRequest) -> DataLoader[int, Any]:
        """Load the same page of each server's tasks, by server id."""

        async def load(ids: list[int]) -> Sequence[Any]:
            return await tasks.load_pages_of_servers(self._ctx, ids, filter, request)

        return self._pages.setdefault((filter, request), DataLoader(load))

    async def _load_users(self, ids: list[int]) -> Sequence[Any]:
        return await users.get_many(self._ctx, ids)

    async def _load_grants(self, ids: list[int]) -> Sequence[Any]:
        return await grants.list_by_users(self._ctx, ids)

    async def _load_viewer_roles(self, ids: list[int]) -> Sequence[Any]:
        return await rights.list_roles(self._ctx, ids)

    async def _load_servers(self, ids: list[int]) -> Sequence[Any]:
        return await servers.get_many(self._ctx, ids)

    async def _load_tasks(self, ids: list[int]) -> Sequence[Any]:
        return await tasks.get_many(self._ctx, ids)

    async def _load_executions(self, ids: list[int]) -> Sequence[Any]:
        return await executions.get_many(self._ctx, ids)

    async def _load_latest_executions(self, ids: list[int]) -> Sequence[Any]:
        return await executions.list_latest_of_tasks(self._ctx, ids)

    async def _load_policies(self, ids: list[int]) -> Sequence[Any]:
        return await policies.get_many(self._ctx, ids)

    async def _load_policies_of_servers(self, ids: list[int]) -> Sequence[Any]:
        return await policies.load_for_servers(self._ctx, ids)

    async def _load_policies_of_tasks(self, ids: list[int]) -> Sequence[Any]:
        return await policies.load_for_tasks(self._ctx, ids)
