"""Fields of several kinds of rows, and fields that show what a column holds in a form of its own."""

from typing import Any

from schema.fields import typed_field
from schema.operation import Info
from schema.policies import CommandPolicy
from schema.schedules import Blackout, build_blackout
from schema.user_errors import Finding, build_recorded_finding


def build_env_names_field() -> Any:
    """Return the field of a task or an execution."""
    field = typed_field(list[str], "The names of its environment variables; their values are not shown.", reads=["env"])
    return field(_list_env_names)


def _list_env_names(self: Any) -> list[str]:
    return sorted(self.env)


@typed_field(list[Blackout], "Windows in which schedules start nothing on it.", reads=["blackouts"])
def list_blackouts(self: Any) -> list[Blackout]:
    return [build_blackout(window) for window in self.blackouts]


@typed_field(
    list[Finding],
    "Findings of the command policy: warnings, and in AUDIT mode what others refuse.",
    reads=["findings"],
)
def list_findings(self: Any, info: Info) -> list[Finding]:
    return [build_recorded_finding(item, info.context.ctx.language) for item in self.findings or ()]


@typed_field(
    list[CommandPolicy],
    "The server's and the task's own policies, as it was last checked against them.",
    reads=["server_policy_id", "task_policy_id"],
)
async def list_policies(self: Any, info: Info) -> Any:
    ids = [id for id in (self.server_policy_id, self.task_policy_id) if id is not None]
    return [row for row in await info.context.loaders.policies.load_many(ids) if row is not None]
