"""The context of one operation: its caller, and its own data loaders."""

from dataclasses import dataclass, field
from typing import TypeAlias

import strawberry

from resolvers.context import Context
from schema.loaders import Loaders


@dataclass(slots=True)
class Operation:
    """One request, or one operation on a WebSocket; a subscription renews its loaders for each event."""

    ctx: Context
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Drop what the loaders have loaded."""
        self.loaders = Loaders(self.ctx)


Info: TypeAlias = strawberry.Info[Operation, None]
