"""Checking a server, step by step."""

import strawberry
from strawberry import ID

from runner.checks.requests import CheckStep, StepStatus
from schema.enums import register_enum
from schema.objects import Server
from schema.payloads import Payload

register_enum(
    CheckStep,
    "ServerCheckStepName",
    "A step of a server check, in the order in which they are taken.",
    {
        "REACH": "The TCP connection, through jump servers if the server has any.",
        "HOST_KEY": "The key exchange: the host key is a pinned one.",
        "SIGN_IN": "The credential is accepted.",
        "LOGIN_SHELL": "The account's login shell starts /bin/sh.",
        "SETSID": "setsid, which gives a run a session of its own.",
        "PROC": "The files of /proc by which the processes of a run are found.",
        "PROGRAMS": "The programs that durable runs need.",
        "FOLDER": "A folder that can be written, for the output of durable runs.",
        "CLOCK": "The server's clock, compared with that of sshcast.",
        "ROUND_TRIP": "The shortest of three round trips on the SSH connection.",
    },
)
register_enum(
    StepStatus,
    "ServerCheckStatus",
    "What came of a step.",
    {
        "OK": "It is as runs need it.",
        "LIMITED": "Runs work, with a limit that `message` names.",
        "FAILED": "It failed, so that no run can start; `message` says why and what to do.",
        "SKIPPED": "An earlier step failed.",
    },
)


@strawberry.input(description="The server to check.")
class CheckServerInput:
    id: ID = strawberry.field(description="The server's id.")


@strawberry.type(description="The host key that a server showed in a check.")
class CheckedHostKey:
    type: str = strawberry.field(description="The key's type, such as `ssh-ed25519`.")
    fingerprint: str = strawberry.field(
        description="`SHA256:` and the hash, as `ssh-keygen -l` on the server shows it."
    )
    is_trusted: bool = strawberry.field(
        name="pinned", description="Whether it is pinned for the server, or certified by a pinned authority."
    )


@strawberry.type(description="A step of a server check, and what came of it.")
class ServerCheckStep:
    step: CheckStep = strawberry.field(description="Which step it is.")
    status: StepStatus = strawberry.field(description="What came of it.")
    duration_ms: float | None = strawberry.field(description="How many milliseconds it took; null if it was skipped.")
    found: str | None = strawberry.field(
        description="What was found, such as a path, a fingerprint, or the names of what is missing; null if nothing."
    )
    message: str | None = strawberry.field(
        description="What is wrong and what to do next, in the language that Accept-Language prefers; null if it is OK "
        "or was skipped."
    )


@strawberry.type(description="What a check of a server found.")
class ServerCheck:
    server: Server = strawberry.field(description="The server.")
    is_ready: bool = strawberry.field(name="ready", description="Whether no step failed, so that runs can start there.")
    steps: list[ServerCheckStep] = strawberry.field(description="All steps, in order.")
    host_key: CheckedHostKey | None = strawberry.field(
        description="The host key that the server showed, also if it is not pinned; null if it showed none."
    )
    clock_difference_seconds: float | None = strawberry.field(
        description="By how many seconds the server's clock is ahead of that of sshcast (below 0: behind); null if "
        "unknown. It is as exact as `date` there, which may tell whole seconds only."
    )
    round_trip_ms: float | None = strawberry.field(
        description="The shortest of three round trips, in milliseconds; null if unknown."
    )


@strawberry.type(description="The answer to `checkServer`.")
class CheckServerPayload(Payload):
    check: ServerCheck | None = strawberry.field(
        default=None, description="What was found, also if the server failed the check."
    )
