"""The command policies that admins set for servers and tasks, and the list of rules."""

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
from schema.node_ids import Node, node_type
from schema.operation import Info


class PolicyMode(StrEnum):
    STANDARD = "standard"
    STRICT = "strict"
    AUDIT = "audit"


register_enum(
    PolicyMode,
    "PolicyMode",
    "How strictly the command policy is applied.",
    {
        "STANDARD": "What a rule denies is refused; what cannot be known before the command runs is a warning.",
        "STRICT": "As STANDARD, but what cannot be known before the command runs is refused too.",
        "AUDIT": "Nothing is refused; findings are recorded with the execution.",
    },
)


@node_type(
    description="One version of the command policy that admins set for a server or a task. Each change makes a "
    "new version."
)
class CommandPolicy(Node):
    id: ID = strawberry.field(description="The id of this version.")
    server_id: ID | None = strawberry.field(
        description="The id of the server that it is for; null if it is for a task."
    )
    task_id: ID | None = strawberry.field(description="The id of the task that it is for; null if it is for a server.")
    mode: PolicyMode | None = strawberry.field(
        description="How strictly rules apply; null: a server uses the service's mode, a task the server's."
    )
    allow: list[str] = strawberry.field(
        description="The ids of rules whose findings only warn; `*` stands for any part of an id."
    )
    commands: list[str] = strawberry.field(
        description="Commands that are allowed word for word, in the home directory and without an environment."
    )
    extra: str = strawberry.field(description="Additional rules, as TOML. They can only forbid more.")
    created_at: datetime = strawberry.field(description="When it was set.")
    created_by: ID = strawberry.field(name="createdById", description="The id of the admin who set it.")

    @typed_field(
        bool,
        "Whether what it allows still applies: a task's policy stops allowing once the task's command, "
        "environment, working directory or server is changed.",
    )
    async def holds(self: Any, info: Info) -> bool:
        if self.task_id is None:
            return True
        return policies.is_in_force(self, await info.context.loaders.tasks.load(self.task_id))


@strawberry.type(description="A rule of the command policy.")
class PolicyRule:
    id: str = strawberry.field(description="Its id, such as `privilege.sudo`.")
    standard: Severity = strawberry.field(description="Whether a finding stops the command in the mode STANDARD.")
    strict: Severity = strawberry.field(description="Whether a finding stops the command in the mode STRICT.")
    en: str = strawberry.field(description="Its message in English.")
    zh: str = strawberry.field(description="Its message in Chinese.")


def build_policy_rule(rule: Rule) -> PolicyRule:
    return PolicyRule(
        id=rule.id, standard=Severity(rule.severity), strict=Severity(rule.strict), en=rule.en, zh=rule.zh
    )


@strawberry.input(
    name="CommandPolicyFilter", description="Selects policy versions. Fields that are absent or null do not filter."
)
class PolicyFilterInput:
    server_id: ID | None = strawberry.field(default=None, description="Only versions of this server's policy.")
    task_id: ID | None = strawberry.field(default=None, description="Only versions of this task's policy.")


Policies = Annotated[
    PolicyFilterInput | None, strawberry.argument(description="Selects policy versions; without it, all of them.")
]
RulesOf = Annotated[ID | None, strawberry.argument(description="A server whose extra rules are listed too.")]


def build_policy_filter(given: PolicyFilterInput | None) -> PolicyFilter:
    if given is None:
        return PolicyFilter()
    return PolicyFilter(
        server_id=parse_optional_id(("filter", "server_id"), given.server_id),
        task_id=parse_optional_id(("filter", "task_id"), given.task_id),
    )


@strawberry.input(description="The whole command policy of a server. It replaces the previous one.")
class SetServerPolicyInput:
    id: ID = strawberry.field(description="The server's id.")
    mode: PolicyMode | None = strawberry.field(
        default=None, description="The mode on this server; null for the service's."
    )
    allow: list[str] = strawberry.field(
        default_factory=list,
        description="The ids of rules whose findings only warn, at most 100; `*` stands for any part of an id.",
    )
    commands: list[str] = strawberry.field(
        default_factory=list,
        description="Commands that are allowed word for word, at most 100, in the home directory and without an "
        "environment.",
    )
    extra: str = strawberry.field(
        default="", description="Additional rules, as TOML of at most 16,384 characters: see docs/command-policy.md."
    )

    def convert(self) -> PolicyChange:
        return PolicyChange(mode=self.mode, allow=self.allow, commands=self.commands, extra=self.extra)


@strawberry.input(description="The whole command policy of a task. It replaces the previous one.")
class SetTaskPolicyInput:
    id: ID = strawberry.field(description="The task's id.")
    mode: PolicyMode | None = strawberry.field(
        default=None,
        description="The mode for this task, which applies only where it is stricter than the server's; null for the "
        "server's.",
    )
    allow: list[str] = strawberry.field(
        default_factory=list,
        description="The ids of rules whose findings only warn, at most 100. They stop applying when the task's "
        "command, environment, working directory or server is changed.",
    )
    extra: str = strawberry.field(default="", description="Additional rules, as TOML, besides those of the server.")

    def convert(self) -> PolicyChange:
        return PolicyChange(mode=self.mode, allow=self.allow, extra=self.extra)
