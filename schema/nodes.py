"""`Query.node`: an object of whichever type by its nodeId, for those who may see it by the query of its type."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import strawberry
from strawberry import ID

from resolvers import (
    audit,
    executions,
    fleets,
    grants,
    personal_tokens,
    policies,
    secrets,
    servers,
    slots,
    tasks,
    users,
)
from resolvers.context import Context
from schema.fields import typed_field
from schema.finding import find_or_none
from schema.node_ids import Node, parse_node_id
from schema.operation import Info

TheNodeId = Annotated[ID, strawberry.argument(description="The object's `nodeId`.")]


@dataclass(frozen=True, slots=True)
class FoundNode:
    """A row, and the name of its type, which a row does not tell. Its attributes are those of the row."""

    type_name: str
    row: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)


FINDERS: Mapping[str, Callable[[Context, int], Awaitable[Any]]] = {
    "AuditEvent": audit.get,
    "CommandPolicy": policies.get,
    "FleetRun": fleets.get,
    "Grant": grants.get,
    "PersonalToken": personal_tokens.get,
    "ScheduleSlot": slots.get,
    "Secret": secrets.get,
    "Server": servers.get,
    "Task": tasks.get,
    "TaskExecution": executions.get,
    "User": users.get_visible,
}
"""What finds an object of each type. It refuses whom the type's own query refuses, and raises NotFound."""


@strawberry.type
class NodeQueries:
    """The query that finds an object of any type."""

    @typed_field(
        Node | None,
        "An object by its `nodeId`; null if it does not exist or you may not see it. Who may ask for it is as with the "
        "query of its type: for users, policies and audit events admins, for secrets operators.",
    )
    async def node(self, info: Info, node_id: TheNodeId) -> Any:
        type_name, id = parse_node_id(node_id, FINDERS)
        found = await find_or_none(FINDERS[type_name](info.context.ctx, id))
        return None if found is None else FoundNode(type_name, found)
