"""What the command policy says of a command, before anything is made of it."""

from typing import Annotated

import strawberry
from strawberry import ID

from resolvers.errors import Language
from runner.policy import Verdict
from schema.inputs import EnvironmentVariable
from schema.user_errors import Finding, UserError, build_finding

TheCommand = Annotated[str, strawberry.argument(description="The command, as `createTask` takes it.")]
WhereItRuns = Annotated[ID | None, strawberry.argument(description="The server on which it is to run.")]
WhoseItIs = Annotated[
    ID | None,
    strawberry.argument(
        description="The task that is to run it: what it is allowed counts too, and what is absent here is the task's."
    ),
]
ItsEnvironment = Annotated[
    list[EnvironmentVariable] | None, strawberry.argument(description="Its environment variables.")
]
ItsFolder = Annotated[
    str | None, strawberry.argument(description="Where it is to run; the account's home if nothing says so.")
]
ItsStdin = Annotated[
    str | None,
    strawberry.argument(
        description="What it is to read, as base64, as `runCommand` takes it; unknown if it is not given."
    ),
]


@strawberry.type(description="What the command policy says of a command. It is a guard rail, not a sandbox.")
class CommandVerdict:
    allowed: bool | None = strawberry.field(
        default=None, description="Whether the command would be taken; null if it could not be checked."
    )
    policy_version: str | None = strawberry.field(default=None, description="The rules that it was checked against.")
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
