"""The command policy as admins set it for a server or a task, and the rules that there are."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import strawberry
from strawberry import ID

from db.policies import PolicyFilter
from resolvers import policies
from resolvers.policies import PolicyChange
from runner.policy import Rule
from schema.enums import Severity, register_enum
from schema.fields import typed_field
from schema.ids import parse_optional_id
from schema.operation import Info


class PolicyMode(StrEnum):
    STANDARD = "standard"
    STRICT = "strict"
    AUDIT = "audit"


register_enum(
    PolicyMode,
    "PolicyMode",
    "How strictly the command policy is taken.",
    {
        "STANDARD": "What a rule denies is refused; what cannot be known is a warning.",
        "STRICT": "What cannot be known is refused too.",
        "AUDIT": "Nothing is refused; findings are recorded with the execution.",
    },
)


@strawberry.type(
    description="What an admin has changed of the command policy for one server or task. A change makes a new version."
)
class CommandPolicy:
    id: ID = strawberry.field(description="The version: executions name it.")
    server_id: ID | None = strawberry.field(description="The server that it is for; null if it is a task's.")
    task_id: ID | None = strawberry.field(description="The task that it is for; null if it is a server's.")
    mode: PolicyMode | None = strawberry.field(
        description="How strictly rules are taken; null: a server takes the service's mode, a task the server's."
    )
    allow: list[str] = strawberry.field(
        description="Rules whose findings only warn, by their ids; `*` stands for any part."
    )
    commands: list[str] = strawberry.field(
        description="Commands that are allowed word for word, in the home directory and without an environment."
    )
    extra: str = strawberry.field(description="More rules, as TOML. They only ever forbid more.")
    created_at: datetime = strawberry.field(description="When it was set.")
    created_by: ID = strawberry.field(name="createdById", description="The id of the admin who set it.")

    @typed_field(bool, "Whether what it allows counts: a task's does while the task is what it was when it was set.")
    async def holds(self: Any, info: Info) -> bool:
        if self.task_id is None:
            return True
        return policies.is_in_force(self, await info.context.loaders.tasks.load(self.task_id))


@strawberry.type(description="A rule of the command policy.")
class PolicyRule:
    id: str = strawberry.field(description="Its id, such as `privilege.sudo`.")
    standard: Severity = strawberry.field(description="What a finding does in the mode STANDARD.")
    strict: Severity = strawberry.field(description="What a finding does in the mode STRICT.")
    en: str = strawberry.field(description="What it says, in English.")
    zh: str = strawberry.field(description="What it says, in Chinese.")


def build_policy_rule(rule: Rule) -> PolicyRule:
    return PolicyRule(
        id=rule.id, standard=Severity(rule.severity), strict=Severity(rule.strict), en=rule.en, zh=rule.zh
    )


@strawberry.input(name="CommandPolicyFilter", description="Which versions. What is absent or null filters nothing.")
class PolicyFilterInput:
    server_id: ID | None = strawberry.field(default=None, description="Those of this server.")
    task_id: ID | None = strawberry.field(default=None, description="Those of this task.")


Policies = Annotated[PolicyFilterInput | None, strawberry.argument(description="Which versions; all if it is absent.")]
RulesOf = Annotated[ID | None, strawberry.argument(description="A server whose extra rules are listed too.")]


def build_policy_filter(given: PolicyFilterInput | None) -> PolicyFilter:
    if given is None:
        return PolicyFilter()
    return PolicyFilter(
        server_id=parse_optional_id(("filter", "server_id"), given.server_id),
        task_id=parse_optional_id(("filter", "task_id"), given.task_id),
    )


@strawberry.input(description="The whole command policy of a server, in place of the one of before.")
class SetServerPolicyInput:
    id: ID = strawberry.field(description="The server's id.")
    mode: PolicyMode | None = strawberry.field(
        default=None, description="In place of the service's mode; null: the service's."
    )
    allow: list[str] = strawberry.field(
        default_factory=list, description="Rules whose findings only warn, at most 100; `*` stands for any part."
    )
    commands: list[str] = strawberry.field(
        default_factory=list,
        description="Commands that are allowed word for word, at most 100, in the home directory and without an "
        "environment.",
    )
    extra: str = strawberry.field(
        default="", description="More rules, as TOML of at most 16,384 characters: see docs/command-policy.md."
    )

    def convert(self) -> PolicyChange:
        return PolicyChange(mode=self.mode, allow=self.allow, commands=self.commands, extra=self.extra)


@strawberry.input(description="The whole command policy of a task, in place of the one of before.")
class SetTaskPolicyInput:
    id: ID = strawberry.field(description="The task's id.")
    mode: PolicyMode | None = strawberry.field(
        default=None, description="Counts where it is stricter than the server's; null: the server's."
    )
    allow: list[str] = strawberry.field(
        default_factory=list,
        description="Rules whose findings only warn, at most 100. This ends when the task's command, environment, "
        "folder or server is changed.",
    )
    extra: str = strawberry.field(default="", description="More rules, beside those of the server.")

    def convert(self) -> PolicyChange:
        return PolicyChange(mode=self.mode, allow=self.allow, extra=self.extra)
