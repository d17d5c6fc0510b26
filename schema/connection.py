"""Pages as Relay connections, and what asks for one."""

from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from resolvers.paging import Page, PageRequest
from schema.enums import Direction, ExecutionOrderField, ServerOrderField, TaskOrderField
from schema.fields import typed_field
from schema.schedule_words import SlotOrderField

Node = TypeVar("Node")


@strawberry.type(description="An object of a page, and its place in the list.")
class Edge(Generic[Node]):
    cursor: str = strawberry.field(description="Its place: give it as `after` or `before`.")
    node: Node = strawberry.field(description="The object.")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there is more after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there is more before this page.")
    start_cursor: str | None = strawberry.field(description="The first object's cursor.")
    end_cursor: str | None = strawberry.field(description="The last object's cursor.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[Node]):
    found: strawberry.Private[Page[Any]]

    @typed_field(list[Edge[Node]], "The objects with their cursors.")
    def edges(self) -> list[Edge[Node]]:
        return [Edge(cursor=cursor, node=row) for cursor, row in zip(self.found.cursors, self.found.rows, strict=True)]

    @typed_field(list[Node], "The objects alone.")
    def nodes(self) -> Any:
        return self.found.rows

    @typed_field(PageInfo, "Where this page stands in its list.")
    def page_info(self) -> PageInfo:
        cursors = self.found.cursors
        return PageInfo(
            has_next_page=self.found.has_next,
            has_previous_page=self.found.has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )

    @typed_field(int, "How many objects match in all. It is counted only when it is asked for.")
    async def total_count(self) -> int:
        return await self.found.count()


@strawberry.input(description="The order of tasks.")
class TaskOrder:
    field: TaskOrderField = strawberry.field(description="What they are ordered by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which end comes first.")


@strawberry.input(description="The order of servers.")
class ServerOrder:
    field: ServerOrderField = strawberry.field(description="What they are ordered by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which end comes first.")


@strawberry.input(name="TaskExecutionOrder", description="The order of executions.")
class ExecutionOrder:
    field: ExecutionOrderField = strawberry.field(description="What they are ordered by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Which end comes first.")


@strawberry.input(name="ScheduleSlotOrder", description="The order of slots.")
class SlotOrder:
    field: SlotOrderField = strawberry.field(description="What they are ordered by.")
    direction: Direction = strawberry.field(default=Direction.DESC, description="Which end comes first.")


First = Annotated[int | None, strawberry.argument(description="The first so many, 1 to 100 (default 20).")]
After = Annotated[str | None, strawberry.argument(description="Only what comes after this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="The last so many instead, 1 to 100.")]
Before = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]
PageNumber = Annotated[
    int | None, strawberry.argument(name="page", description="A page by its number, from 1, instead of by cursors.")
]
PageSize = Annotated[
    int | None, strawberry.argument(description="How many a numbered page has, 1 to 100 (default 10).")
]

TasksBy = Annotated[TaskOrder | None, strawberry.argument(description="In which order; by id if it is absent.")]
ServersBy = Annotated[ServerOrder | None, strawberry.argument(description="In which order; by id if it is absent.")]
ExecutionsBy = Annotated[
    ExecutionOrder | None, strawberry.argument(description="In which order; newest first if it is absent.")
]

SlotsBy = Annotated[
    SlotOrder | None, strawberry.argument(description="In which order; the newest first if it is absent.")
]


@dataclass(frozen=True, slots=True)
class PageArguments:
    """Which part of a list: the paging arguments of a field."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None
    page: int | None = None
    page_size: int | None = None

    def build_request(self, order: str, *, descending: bool) -> PageRequest:
        return PageRequest(
            first=self.first,
            after=self.after,
            last=self.last,
            before=self.before,
            page=self.page,
            page_size=self.page_size,
            order=order,
            descending=descending,
        )

    def build_ordered_request(self, order: TaskOrder | ServerOrder | ExecutionOrder | SlotOrder | None) -> PageRequest:
        """In the order that was asked for; by id where none was."""
        if order is None:
            return self.build_request("id", descending=False)
        return self.build_request(order.field.value, descending=order.direction is Direction.DESC)

    def build_newest_first_request(self, order: ExecutionOrder | SlotOrder | None, by: str = "id") -> PageRequest:
        return self.build_ordered_request(order) if order else self.build_request(by, descending=True)
