"""The closed lists of words: those of the database as GraphQL enums, and those that are the API's own."""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any, cast

import strawberry

from db.values import CredentialKind, LegacyAlgorithm, Mode, Reason, Role, State, Stream, Trigger

# Annotations take the database's words from here, so that they are GraphQL enums by then.
__all__ = [
    "CredentialKind",
    "Direction",
    "ErrorCode",
    "ExecutionOrderField",
    "LegacyAlgorithm",
    "Mode",
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
    "What kind of mistake a mutation answers with.",
    {
        "INVALID": "A value breaks a rule; the message says which.",
        "SCHEDULE_INVALID": "The schedule cannot be read, or would never fire.",
        "COMMAND_REFUSED": "The command policy refuses the command.",
        "NOT_FOUND": "There is no such object, or you may not see it.",
        "CONFLICT": "It clashes with what is there already.",
        "TOO_LARGE": "A value is larger than its limit.",
        "UNAUTHENTICATED": "The name and password, or the refresh token, are not right.",
        "UNREACHABLE": "The server could not be reached, or did not answer as an SSH server.",
    },
)
register_enum(
    Severity,
    "FindingSeverity",
    "Whether a finding of the command policy stops the command.",
    {"DENY": "The command is refused.", "WARN": "The command may run; look twice."},
)
register_enum(
    Direction, "OrderDirection", "Which end comes first.", {"ASC": "The lowest first.", "DESC": "The highest first."}
)
register_enum(
    TaskOrderField,
    "TaskOrderField",
    "What tasks are ordered by; equal ones are in the order of their ids, missing values come last.",
    {
        "ID": "The id, which is the order of creation.",
        "NAME": "The name.",
        "LAST_RUN": "When it was last started.",
        "NEXT_RUN": "When it is due next.",
        "CREATED_AT": "When it was created.",
    },
)
register_enum(
    ServerOrderField,
    "ServerOrderField",
    "What servers are ordered by; equal ones are in the order of their ids.",
    {
        "ID": "The id, which is the order of creation.",
        "NAME": "The name.",
        "CREATED_AT": "When it was registered.",
    },
)
register_enum(
    ExecutionOrderField,
    "TaskExecutionOrderField",
    "What executions are ordered by; equal ones are in the order of their ids, missing values come last.",
    {
        "ID": "The id, which is the order of creation.",
        "CREATED_AT": "When it was asked for.",
        "START_TIME": "When its runner took it.",
        "END_TIME": "When it ended.",
    },
)
register_enum(
    Role,
    "Role",
    "What a user may do; each role may also do what the ones before it may.",
    {
        "NONE": "Nothing of its own: only what is granted on servers and tags.",
        "VIEWER": "Reads tasks, executions, output and servers.",
        "OPERATOR": "Also runs and edits tasks.",
        "ADMIN": "Also manages servers and users; as a grant, the settings of the server.",
    },
)
register_enum(
    State,
    "ExecutionState",
    "Where an execution stands. All but PENDING and RUNNING are final and never change.",
    {
        "PENDING": "Waits for its turn.",
        "RUNNING": "A runner connects, or the command runs.",
        "SUCCESS": "The command ended with the exit status 0, received from the server.",
        "FAILED": "Anything else; `reason` says what.",
        "TIMEOUT": "Stopped at its time limit.",
        "CANCELLED": "Stopped, or never started, because someone asked for it.",
    },
)
register_enum(
    Reason,
    "ExecutionReason",
    "Why an execution ended as it did.",
    {
        "EXIT_STATUS": "The command ended by itself; `exitCode` says how.",
        "SIGNAL": "A signal that was not ours ended the command.",
        "TIMEOUT": "The time limit was over.",
        "CANCELLED": "Someone cancelled it.",
        "UNREACHABLE": "The server could not be reached.",
        "AUTH_FAILED": "The server did not accept the credential.",
        "HOST_KEY_UNKNOWN": "No usable host key is pinned for the server.",
        "HOST_KEY_CHANGED": "The server has another host key than the pinned ones.",
        "REFUSED_BY_POLICY": "The command policy refused the command when it was to start.",
        "NOT_ALLOWED": "Who asked for it was disabled, or no operator on the server any more, when it was to start.",
        "START_FAILED": "The command could not be started.",
        "LOST": "What happened on the server is unknown.",
        "OUTPUT_LIMIT": "Stopped because its output reached the limit.",
        "DEADLINE": "It had not started when its start deadline was over.",
    },
)
register_enum(
    Trigger,
    "ExecutionTrigger",
    "What made an execution.",
    {
        "MANUAL": "A person ran the task.",
        "SCHEDULE": "The task was due.",
        "RETRY": "An earlier execution is tried again.",
        "API": "`runCommand`: no task.",
        "CLI": "`sshcast run`, on the machine itself: no task.",
    },
)
register_enum(
    Mode,
    "RunMode",
    "How a run is driven.",
    {
        "DURABLE": "From a spool on the server: a lost connection or a restart of the service does not end it.",
        "ATTACHED": "Attached to one SSH channel: when that is lost, so is the run.",
    },
)
register_enum(
    LegacyAlgorithm,
    "LegacyAlgorithm",
    "An old SSH algorithm that an admin may allow a server that has no safe one. There are no others.",
    {
        "SSH_RSA_SHA1": "`ssh-rsa`: RSA signatures with SHA-1, of its host key and to sign in.",
        "DIFFIE_HELLMAN_GROUP14_SHA1": "`diffie-hellman-group14-sha1`, a key exchange with SHA-1.",
        "AES_CBC": "`aes128-cbc`, `aes192-cbc` and `aes256-cbc`.",
    },
)
register_enum(
    Stream,
    "OutputStream",
    "Which of a command's two outputs.",
    {"STDOUT": "Standard output.", "STDERR": "Standard error."},
)
register_enum(
    CredentialKind,
    "CredentialKind",
    "How a server is signed in to.",
    {
        "PASSWORD": "With a password.",
        "KEY": "With a private key.",
        "CERTIFICATE": "With a private key and its OpenSSH certificate.",
    },
)
