"""Relay connections, and the arguments that ask for a page of one."""

from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from resolvers.paging import Page, PageRequest
from schema.enums import Direction, ExecutionOrderField, ServerOrderField, TaskOrderField
from schema.fields import typed_field
from schema.schedule_words import SlotOrderField

Node = TypeVar("Node")


@strawberry.type(description="An object on a page, with its cursor.")
class Edge(Generic[Node]):
    cursor: str = strawberry.field(
        description="The object's position in the list, to be passed as `after` or `before`."
    )
    node: Node = strawberry.field(description="The object.")


@strawberry.type(description="Whether there are more objects before or after a page, and the cursors to get them with.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there are more objects after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there are more objects before this page.")
    start_cursor: str | None = strawberry.field(description="The first object's cursor.")
    end_cursor: str | None = strawberry.field(description="The last object's cursor.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[Node]):
    found: strawberry.Private[Page[Any]]

    @typed_field(list[Edge[Node]], "The objects with their cursors.")
    def edges(self) -> list[Edge[Node]]:
        return [Edge(cursor=cursor, node=row) for cursor, row in zip(self.found.cursors, self.found.rows, strict=True)]

    @typed_field(list[Node], "The objects without their cursors.")
    def nodes(self) -> Any:
        return self.found.rows

    @typed_field(PageInfo, "Whether there are more pages, and the cursors to get them with.")
    def page_info(self) -> PageInfo:
        cursors = self.found.cursors if self.found.ends is None else self.found.ends
        return PageInfo(
            has_next_page=self.found.has_next,
            has_previous_page=self.found.has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )

    @typed_field(int, "How many objects match in total. They are counted only when this field is selected.")
    async def total_count(self) -> int:
        return await self.found.count()


@strawberry.input(description="How to order tasks.")
class TaskOrder:
    field: TaskOrderField = strawberry.field(description="The value to order by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Ascending or descending.")


@strawberry.input(description="How to order servers.")
class ServerOrder:
    field: ServerOrderField = strawberry.field(description="The value to order by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Ascending or descending.")


@strawberry.input(name="TaskExecutionOrder", description="How to order executions.")
class ExecutionOrder:
    field: ExecutionOrderField = strawberry.field(description="The value to order by.")
    direction: Direction = strawberry.field(default=Direction.ASC, description="Ascending or descending.")


@strawberry.input(name="ScheduleSlotOrder", description="How to order slots.")
class SlotOrder:
    field: SlotOrderField = strawberry.field(description="The value to order by.")
    direction: Direction = strawberry.field(default=Direction.DESC, description="Ascending or descending.")


First = Annotated[
    int | None,
    strawberry.argument(description="Return this many objects from the start of the list, 1 to 100 (default 20)."),
]
After = Annotated[str | None, strawberry.argument(description="Return only objects after this cursor.")]
Last = Annotated[
    int | None, strawberry.argument(description="Return this many objects from the end of the list instead, 1 to 100.")
]
Before = Annotated[str | None, strawberry.argument(description="Return only objects before this cursor.")]
PageNumber = Annotated[
    int | None,
    strawberry.argument(name="page", description="The number of the page to return, from 1, instead of cursors."),
]
PageSize = Annotated[
    int | None, strawberry.argument(description="How many objects a numbered page has, 1 to 100 (default 10).")
]

TasksBy = Annotated[TaskOrder | None, strawberry.argument(description="The order of the list; without it, by id.")]
ServersBy = Annotated[ServerOrder | None, strawberry.argument(description="The order of the list; without it, by id.")]
ExecutionsBy = Annotated[
    ExecutionOrder | None, strawberry.argument(description="The order of the list; without it, newest first.")
]

SlotsBy = Annotated[
    SlotOrder | None, strawberry.argument(description="The order of the list; without it, newest first.")
]


@dataclass(frozen=True, slots=True)
class PageArguments:
    """The paging arguments of a field."""

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
        """Request the page in the given order; without one, by id."""
        if order is None:
            return self.build_request("id", descending=False)
        return self.build_request(order.field.value, descending=order.direction is Direction.DESC)

    def build_newest_first_request(self, order: ExecutionOrder | SlotOrder | None, by: str = "id") -> PageRequest:
        return self.build_ordered_request(order) if order else self.build_request(by, descending=True)
