"""What every resolver of one operation is given: who asks, and the loaders of this operation alone."""

from dataclasses import dataclass, field
from typing import TypeAlias

import strawberry

from resolvers.context import Context
from schema.loaders import Loaders


@dataclass(slots=True)
class Operation:
    """One request, or one operation on a socket; a subscription renews its loaders for each event."""

    ctx: Context
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Forget what was loaded."""
        self.loaders = Loaders(self.ctx)


Info: TypeAlias = strawberry.Info[Operation, None]
