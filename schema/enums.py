"""GraphQL enums: those of the database's words, and those that only the API has."""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any, cast

import strawberry

from db.values import (
    CredentialKind,
    LegacyAlgorithm,
    Mode,
    OnOutputLimit,
    ParameterType,
    Reason,
    Role,
    State,
    Stream,
    Trigger,
)

# Annotations take the database's words from here, so that they are GraphQL enums by then.
__all__ = [
    "CredentialKind",
    "Direction",
    "ErrorCode",
    "ExecutionOrderField",
    "LegacyAlgorithm",
    "Mode",
    "OnOutputLimit",
    "ParameterType",
    "Reason",
    "Role",
    "ServerOrderField",
    "Severity",
    "State",
    "Stream",
    "TaskOrderField",
    "Trigger",
]


class ErrorCode(StrEnum):
    INVALID = "INVALID"
    SCHEDULE_INVALID = "SCHEDULE_INVALID"
    COMMAND_REFUSED = "COMMAND_REFUSED"
    SERVERS_REFUSED = "SERVERS_REFUSED"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    TOO_LARGE = "TOO_LARGE"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    UNREACHABLE = "UNREACHABLE"


class Severity(StrEnum):
    DENY = "deny"
    WARN = "warn"


class Direction(StrEnum):
    ASC = "asc"
    DESC = "desc"


class TaskOrderField(StrEnum):
    ID = "id"
    NAME = "name"
    LAST_RUN = "last_run"
    NEXT_RUN = "next_run"
    CREATED_AT = "created_at"


class ServerOrderField(StrEnum):
    ID = "id"
    NAME = "name"
    CREATED_AT = "created_at"


class ExecutionOrderField(StrEnum):
    ID = "id"
    CREATED_AT = "created_at"
    START_TIME = "start_time"
    END_TIME = "end_time"


def register_enum(words: type[Enum], name: str, description: str, values: Mapping[str, str]) -> None:
    """Make `words` a GraphQL enum; `values` describes each member."""
    definition = cast(Any, strawberry.enum(words, name=name, description=description)).__strawberry_definition__
    for value in definition.values:
        value.description = values[value.name]


register_enum(
    ErrorCode,
    "ErrorCode",
    "The kind of mistake that a mutation's `errors` report.",
    {
        "INVALID": "A value is not allowed; the message says why.",
        "SCHEDULE_INVALID": "The schedule cannot be read, or would never fire.",
        "COMMAND_REFUSED": "The command policy refuses the command.",
        "SERVERS_REFUSED": "A fleet run may not run on some of its servers.",
        "NOT_FOUND": "The object does not exist, or you may not see it.",
        "CONFLICT": "The change conflicts with what exists already.",
        "TOO_LARGE": "A value is larger than its limit.",
        "UNAUTHENTICATED": "The name and password, or the refresh token, are wrong.",
        "UNREACHABLE": "The server could not be reached, or did not answer as an SSH server.",
    },
)
register_enum(
    Severity,
    "FindingSeverity",
    "Whether a finding of the command policy stops the command.",
    {"DENY": "The command is refused.", "WARN": "The command may run, but the finding is recorded as a warning."},
)
register_enum(
    Direction, "OrderDirection", "The direction of an order.", {"ASC": "Lowest first.", "DESC": "Highest first."}
)
register_enum(
    TaskOrderField,
    "TaskOrderField",
    "The value that tasks are ordered by. Equal values are ordered by id; missing values come last.",
    {
        "ID": "The id, that is, the order of creation.",
        "NAME": "The name.",
        "LAST_RUN": "When it was last started.",
        "NEXT_RUN": "When it is due next.",
        "CREATED_AT": "When it was created.",
    },
)
register_enum(
    ServerOrderField,
    "ServerOrderField",
    "The value that servers are ordered by. Equal values are ordered by id.",
    {
        "ID": "The id, that is, the order of creation.",
        "NAME": "The name.",
        "CREATED_AT": "When it was registered.",
    },
)
register_enum(
    ExecutionOrderField,
    "TaskExecutionOrderField",
    "The value that executions are ordered by. Equal values are ordered by id; missing values come last.",
    {
        "ID": "The id, that is, the order of creation.",
        "CREATED_AT": "When it was requested.",
        "START_TIME": "When a runner started on it.",
        "END_TIME": "When it ended.",
    },
)
register_enum(
    Role,
    "Role",
    "What a user may do. NONE < VIEWER < OPERATOR < ADMIN: each role may also do what the lower ones may.",
    {
        "NONE": "Nothing, apart from what the user is granted on servers and tags.",
        "VIEWER": "Reads tasks, executions, output and servers.",
        "OPERATOR": "Also runs commands and tasks, and edits tasks.",
        "ADMIN": "Also manages servers and users; as a grant, changes only that server's settings.",
    },
)
register_enum(
    State,
    "ExecutionState",
    "The state of an execution. All but PENDING and RUNNING are final and never change.",
    {
        "PENDING": "Waiting for a runner to start it.",
        "RUNNING": "A runner is connecting to the server, or the command is running.",
        "SUCCESS": "The command ended, and the server reported its exit status as 0.",
        "FAILED": "It did not succeed; `reason` says why.",
        "TIMEOUT": "Stopped at its time limit.",
        "CANCELLED": "Stopped, or never started, because it was cancelled.",
    },
)
register_enum(
    Reason,
    "ExecutionReason",
    "Why an execution ended as it did.",
    {
        "EXIT_STATUS": "The command ended by itself; `exitCode` is its exit status.",
        "SIGNAL": "The command was ended by a signal that sshcast did not send.",
        "TIMEOUT": "It was stopped at its time limit.",
        "CANCELLED": "It was cancelled.",
        "UNREACHABLE": "The server could not be reached.",
        "AUTH_FAILED": "The server did not accept the credential.",
        "HOST_KEY_UNKNOWN": "No usable host key is pinned for the server.",
        "HOST_KEY_CHANGED": "The server presented a host key other than the pinned ones.",
        "REFUSED_BY_POLICY": "The command policy refused the command when it was to start.",
        "NOT_ALLOWED": "The user whom it runs for was disabled, or no longer an operator on the server, when it was to "
        "start.",
        "START_FAILED": "The command could not be started.",
        "LOST": "sshcast could not find out how the command ended, or whether it ran.",
        "OUTPUT_LIMIT": "It was stopped because its output reached the limit.",
        "DEADLINE": "It had not started by its start deadline.",
    },
)
register_enum(
    Trigger,
    "ExecutionTrigger",
    "How an execution came about.",
    {
        "MANUAL": "A user ran the task.",
        "SCHEDULE": "The task's schedule was due.",
        "RETRY": "It retries an earlier, failed execution of the task.",
        "API": "A user ran a command without a task, with `runCommand` or `startFleetRun`.",
        "CLI": "A user ran a command with `sshcast run`, without a task.",
    },
)
register_enum(
    Mode,
    "RunMode",
    "Whether a run depends on its SSH connection.",
    {
        "DURABLE": "The run has a session of its own on the server and keeps its output there until sshcast has "
        "fetched it, so a lost connection or a restart of the service does not end it.",
        "ATTACHED": "The run is tied to one SSH channel; if the connection is lost, the run ends as LOST.",
    },
)
register_enum(
    OnOutputLimit,
    "OnOutputLimit",
    "What happens when the output of a run reaches its limit.",
    {
        "STOP": "The command is ended, with the reason OUTPUT_LIMIT.",
        "TRUNCATE": "The command goes on, and ends with its own status. The beginning of its output is kept, and the "
        "last 256 KiB (of a small limit, the last half); what is between is left out.",
    },
)
register_enum(
    LegacyAlgorithm,
    "LegacyAlgorithm",
    "An old SSH algorithm that an admin may allow for a server which offers no safe one. No others can be allowed.",
    {
        "SSH_RSA_SHA1": "`ssh-rsa`: RSA signatures with SHA-1, for the server's host key and for signing in.",
        "DIFFIE_HELLMAN_GROUP14_SHA1": "`diffie-hellman-group14-sha1`, a key exchange with SHA-1.",
        "AES_CBC": "`aes128-cbc`, `aes192-cbc` and `aes256-cbc`.",
    },
)
register_enum(
    Stream,
    "OutputStream",
    "One of a command's two output streams.",
    {"STDOUT": "Standard output.", "STDERR": "Standard error."},
)
register_enum(
    CredentialKind,
    "CredentialKind",
    "How sshcast signs in to a server.",
    {
        "PASSWORD": "With a password.",
        "KEY": "With a private key.",
        "CERTIFICATE": "With a private key and its OpenSSH certificate.",
    },
)
register_enum(
    ParameterType,
    "ParameterType",
    "Which values a parameter of a task may have.",
    {
        "STRING": "Any text of at most 32,768 characters, or what `pattern` matches.",
        "INTEGER": "A whole number of 64 bits in decimal digits, from `minimum` to `maximum`.",
        "BOOLEAN": "`true` or `false`.",
        "CHOICE": "One of `options`.",
        "SECRET": "A text of 6 to 32,768 characters that is stored encrypted, never shown, and masked in output.",
    },
)
