"""The jump server of a server, and messages that may name jump servers."""

from typing import Annotated, Any

import strawberry

from resolvers import jumps
from schema.fields import loaded_field, typed_field
from schema.operation import Info

jump_server = loaded_field(
    Annotated["Server", strawberry.lazy("schema.objects")] | None,  # noqa: F821
    "The server through which it is reached, as by `ssh -J`; null if there is none, or you may not see it.",
    loader="servers",
    key="jump_server_id",
)


@typed_field(str | None, "The reason in words; null where `reason` says it all.", reads=["message"])
def read_message(self: Any, info: Info) -> Any:
    ctx = info.context.ctx
    return jumps.hide_names(ctx, self.message) if jumps.may_hide(ctx, self.message) else self.message
