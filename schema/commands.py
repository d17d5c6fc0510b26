"""`checkCommand`: the command policy's verdict on a command before it is stored or run."""

from typing import Annotated

import strawberry
from strawberry import ID

from resolvers.errors import Language
from runner.policy import Verdict
from schema.inputs import EnvironmentVariable
from schema.user_errors import Finding, UserError, build_finding

TheCommand = Annotated[str, strawberry.argument(description="The command, as `createTask` takes it.")]
WhereItRuns = Annotated[ID | None, strawberry.argument(description="The server that it would run on.")]
WhoseItIs = Annotated[
    ID | None,
    strawberry.argument(
        description="The task that would run it: what the task's policy allows is taken into account, and arguments "
        "that are absent here come from the task."
    ),
]
ItsEnvironment = Annotated[
    list[EnvironmentVariable] | None, strawberry.argument(description="The command's environment variables.")
]
ItsFolder = Annotated[
    str | None,
    strawberry.argument(
        description="The working directory; without it the task's, or else the account's home directory."
    ),
]
ItsStdin = Annotated[
    str | None,
    strawberry.argument(
        description="The command's standard input in base64, as `runCommand` takes it; without it, what the command "
        "reads counts as unknown."
    ),
]


@strawberry.type(description="The command policy's verdict on a command. The policy is a guard rail, not a sandbox.")
class CommandVerdict:
    allowed: bool | None = strawberry.field(
        default=None, description="Whether the command would be accepted; null if it could not be checked."
    )
    policy_version: str | None = strawberry.field(
        default=None, description="The version of the rules that it was checked against."
    )
    findings: list[Finding] = strawberry.field(
        default_factory=list, description="Every rule that it breaks, in the order of the text."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why it could not be checked; empty if it was."
    )


def build_verdict(verdict: Verdict, language: Language) -> CommandVerdict:
    return CommandVerdict(
        allowed=verdict.is_allowed,
        policy_version=verdict.version,
        findings=[build_finding(item, language) for item in verdict.findings],
    )
