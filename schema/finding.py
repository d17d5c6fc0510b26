"""Objects that a query names by id: null for those that are not there, or that the viewer may not see."""

from collections.abc import Awaitable
from typing import Annotated, Any

import strawberry
from strawberry import ID

from resolvers.errors import NotFound

TheId = Annotated[ID, strawberry.argument(description="The object's id.")]


async def find_or_none(found: Awaitable[Any]) -> Any:
    try:
        return await found
    except NotFound:
        return None
