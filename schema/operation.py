"""The context of one operation: its caller, and its own data loaders."""

from dataclasses import dataclass, field
from typing import TypeAlias

import strawberry

from resolvers.context import Context
from resolvers.paging import WantedRows
from schema.loaders import Loaders


@dataclass(slots=True)
class Operation:
    """One request, or one operation on a WebSocket; a subscription renews its loaders for each event.

    `wanted` is what the page of its only root field has to read; None if that is not known.
    """

    ctx: Context
    wanted: WantedRows | None = None
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Drop what the loaders have loaded."""
        self.loaders = Loaders(self.ctx)


Info: TypeAlias = strawberry.Info[Operation, None]
