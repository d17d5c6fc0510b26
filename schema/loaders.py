"""Data loaders: one query for all objects of a kind that the fields of an operation refer to."""

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any

from strawberry.dataloader import DataLoader

from db.executions import ExecutionFilter
from db.fleets import MemberFilter
from db.nested import FoundRows
from db.slots import SlotFilter
from db.tasks import TaskFilter
from resolvers import (
    audit,
    executions,
    fleet_pages,
    fleets,
    grants,
    output_slices,
    policies,
    rights,
    servers,
    slots,
    tasks,
    users,
    waiting,
)
from resolvers.context import Context
from resolvers.output_slices import AnswerBudget
from resolvers.paging import PageRequest
from resolvers.search_budget import SearchBudget
from resolvers.slice_request import SliceRequest


class Loaders:
    """The loaders of one operation: they see what its viewer may see, as of when they load it.

    `read_along` has rows that were read with others, by loader and key: they have the columns that the operation shows.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.read_along: FoundRows = {}
        self._pages: dict[Hashable, DataLoader[int, Any]] = {}
        self._slices: dict[SliceRequest, DataLoader[tuple[int, str, int], Any]] = {}
        self.output_budget = AnswerBudget()
        self.search_budget = SearchBudget()

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
    def waits(self) -> DataLoader[int, Any]:
        """Load what each execution waits for, by execution id."""
        return DataLoader(self._load_waits)

    @cached_property
    def fleet_runs(self) -> DataLoader[int, Any]:
        return DataLoader(self._load_fleet_runs)

    @cached_property
    def fleet_counts(self) -> DataLoader[int, Any]:
        """Load the counts of each fleet run's visible members by its id."""
        return DataLoader(self._load_fleet_counts)

    @cached_property
    def slots(self) -> DataLoader[int, Any]:
        return DataLoader(self._load_slots)

    @cached_property
    def audit_events(self) -> DataLoader[int, Any]:
        return DataLoader(self._load_audit_events)

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

    def members_of_fleet_runs(self, filter: MemberFilter, request: PageRequest) -> DataLoader[int, Any]:
        """Load the same page of each fleet run's members, by its id."""

        async def load(ids: list[int]) -> Sequence[Any]:
            return await fleet_pages.load_members(self._ctx, ids, filter, request)

        return self._pages.setdefault((filter, request), DataLoader(load))

    def executions_of_fleet_runs(self, filter: ExecutionFilter, request: PageRequest) -> DataLoader[int, Any]:
        """Load the same page of each fleet run's executions, by its id."""

        async def load(ids: list[int]) -> Sequence[Any]:
            return await fleet_pages.load_executions(self._ctx, ids, filter, request)

        return self._pages.setdefault(("fleet runs", filter, request), DataLoader(load))

    def tasks_of_servers(self, filter: TaskFilter, request: PageRequest) -> DataLoader[int, Any]:
        """Load the same page of each server's tasks, by server id."""

        async def load(ids: list[int]) -> Sequence[Any]:
            return await tasks.load_pages_of_servers(self._ctx, ids, filter, request)

        return self._pages.setdefault((filter, request), DataLoader(load))

    def slices_of_outputs(self, request: SliceRequest) -> DataLoader[tuple[int, str, int], Any]:
        """Load the same part of each execution's output, by its id and how far it was: its state and bytes."""

        async def load(keys: list[tuple[int, str, int]]) -> Sequence[Any]:
            ids = [id for id, *_ in keys]
            return await output_slices.load_slices(self._ctx, ids, request, self.output_budget)

        return self._slices.setdefault(request, DataLoader(load))

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

    async def _load_waits(self, ids: list[int]) -> Sequence[Any]:
        return await waiting.load_waits(self._ctx, ids)

    async def _load_fleet_runs(self, ids: list[int]) -> Sequence[Any]:
        return await fleets.get_many(self._ctx, ids)

    async def _load_fleet_counts(self, ids: list[int]) -> Sequence[Any]:
        return await fleets.count_many(self._ctx, ids)

    async def _load_slots(self, ids: list[int]) -> Sequence[Any]:
        return await slots.get_many(self._ctx, ids)

    async def _load_audit_events(self, ids: list[int]) -> Sequence[Any]:
        return await audit.get_many(self._ctx, ids)

    async def _load_latest_executions(self, ids: list[int]) -> Sequence[Any]:
        return await executions.list_latest_of_tasks(self._ctx, ids)

    async def _load_policies(self, ids: list[int]) -> Sequence[Any]:
        return await policies.get_many(self._ctx, ids)

    async def _load_policies_of_servers(self, ids: list[int]) -> Sequence[Any]:
        return await policies.load_for_servers(self._ctx, ids)

    async def _load_policies_of_tasks(self, ids: list[int]) -> Sequence[Any]:
        return await policies.load_for_tasks(self._ctx, ids)
