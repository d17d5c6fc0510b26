"""The closed lists of words that columns may hold."""

from enum import StrEnum


class Role(StrEnum):
    """What a user may do: a viewer reads, an operator also runs and edits, an admin also manages servers and users."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


class State(StrEnum):
    """Where an execution stands. The last four are final and never change."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        return self not in (State.PENDING, State.RUNNING)


class Reason(StrEnum):
    """Why an execution ended as it did."""

    EXIT_STATUS = "EXIT_STATUS"
    SIGNAL = "SIGNAL"
    TIMEOUT = "TIMEOUT"
    CANCELLED = "CANCELLED"
    UNREACHABLE = "UNREACHABLE"
    AUTH_FAILED = "AUTH_FAILED"
    HOST_KEY_UNKNOWN = "HOST_KEY_UNKNOWN"
    HOST_KEY_CHANGED = "HOST_KEY_CHANGED"
    REFUSED_BY_POLICY = "REFUSED_BY_POLICY"
    START_FAILED = "START_FAILED"
    LOST = "LOST"
    OUTPUT_LIMIT = "OUTPUT_LIMIT"
    DEADLINE = "DEADLINE"


class Trigger(StrEnum):
    """What made an execution: a person, the schedule, a retry, or a program through `runCommand`."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    RETRY = "retry"
    API = "api"


class Mode(StrEnum):
    """How a run is driven: from a spool on the target that outlives us, or attached to one SSH channel."""

    DURABLE = "durable"
    ATTACHED = "attached"


class Stream(StrEnum):
    """Which of a command's two outputs."""

    STDOUT = "stdout"
    STDERR = "stderr"


class CredentialKind(StrEnum):
    """How a server is signed in to."""

    PASSWORD = "password"  # noqa: S105 - the name of a kind, not a password
    KEY = "key"
    CERTIFICATE = "certificate"
