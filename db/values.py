"""The enumerations of values that columns may hold."""

from enum import StrEnum


class Role(StrEnum):
    """A user's role: a viewer reads, an operator also runs and edits, an admin also manages servers and users.

    A user's own role applies everywhere; with `none`, only their grants apply.
    """

    NONE = "none"
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    @property
    def and_above(self) -> tuple["Role", ...]:
        return tuple(role for role in Role if role.rank >= self.rank)


class TokenScope(StrEnum):
    """The limit of what a personal access token may do."""

    READ = "read"
    RUN = "run"
    ADMIN = "admin"

    @property
    def role(self) -> Role:
        return {TokenScope.READ: Role.VIEWER, TokenScope.RUN: Role.OPERATOR, TokenScope.ADMIN: Role.ADMIN}[self]


class State(StrEnum):
    """The state of an execution. The last four are final and never change."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        return self not in (State.PENDING, State.RUNNING)


class Reason(StrEnum):
    """The reason why an execution ended as it did."""

    EXIT_STATUS = "EXIT_STATUS"
    SIGNAL = "SIGNAL"
    TIMEOUT = "TIMEOUT"
    CANCELLED = "CANCELLED"
    UNREACHABLE = "UNREACHABLE"
    AUTH_FAILED = "AUTH_FAILED"
    HOST_KEY_UNKNOWN = "HOST_KEY_UNKNOWN"
    HOST_KEY_CHANGED = "HOST_KEY_CHANGED"
    REFUSED_BY_POLICY = "REFUSED_BY_POLICY"
    NOT_ALLOWED = "NOT_ALLOWED"
    START_FAILED = "START_FAILED"
    LOST = "LOST"
    OUTPUT_LIMIT = "OUTPUT_LIMIT"
    DEADLINE = "DEADLINE"


class Trigger(StrEnum):
    """The source of an execution: a person, the schedule, a retry, a program through `runCommand`, or `sshcast run`."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    RETRY = "retry"
    API = "api"
    CLI = "cli"


class Mode(StrEnum):
    """The way a run is driven: from a spool on the target, which survives us, or attached to one SSH channel."""

    DURABLE = "durable"
    ATTACHED = "attached"


class OnOutputLimit(StrEnum):
    """What happens to a run whose output reaches its limit."""

    STOP = "stop"
    """The command is ended."""
    TRUNCATE = "truncate"
    """The command goes on; the beginning and the end of its output are kept."""


class Stream(StrEnum):
    """One of a command's two output streams."""

    STDOUT = "stdout"
    STDERR = "stderr"


class LegacyAlgorithm(StrEnum):
    """Old SSH algorithms that an admin may allow for one server. The list is closed."""

    SSH_RSA_SHA1 = "ssh-rsa-sha1"
    DIFFIE_HELLMAN_GROUP14_SHA1 = "diffie-hellman-group14-sha1"
    AES_CBC = "aes-cbc"


class CredentialKind(StrEnum):
    """The kind of credential that sshcast signs in to a server with."""

    PASSWORD = "password"  # noqa: S105 - the name of a kind, not a password
    KEY = "key"
    CERTIFICATE = "certificate"


class SlotOutcome(StrEnum):
    """The outcome of a moment at which a schedule was due. The first three have an execution; `waiting` changes."""

    FIRED = "fired"
    CAUGHT_UP = "caught-up"
    MOVED_BY_DST = "moved-by-dst"
    WAITING = "waiting"
    SKIPPED_OVERLAP = "skipped-overlap"
    SKIPPED_PAUSED = "skipped-paused"
    SKIPPED_BLACKOUT = "skipped-blackout"
    SKIPPED_DST = "skipped-dst"
    SKIPPED_SERVER = "skipped-server"
    MISSED = "missed"
    REFUSED_BY_POLICY = "refused-by-policy"
    NOT_ALLOWED = "not-allowed"
    UNREADABLE = "unreadable"
    SHADOWED = "shadowed"

    @property
    def has_run(self) -> bool:
        return self in (SlotOutcome.FIRED, SlotOutcome.CAUGHT_UP, SlotOutcome.MOVED_BY_DST)


class Overlap(StrEnum):
    """The rule for a slot that is due while the task's previous run is still open."""

    ALLOW = "allow"
    """The slot runs at the same time."""
    SKIP = "skip"
    """The slot does not run."""
    QUEUE = "queue"
    """The slot waits for its end. At most one slot waits; a further one does not run."""
    REPLACE = "replace"
    """The previous run is cancelled, and the slot runs once it has ended."""


class Missed(StrEnum):
    """The rule for slots that were due while no scheduler ran."""

    SKIP = "skip"
    """None runs."""
    LATEST = "latest"
    """Only the latest runs."""
    ALL = "all"
    """Each runs, within the cap and the window of the task's terms."""


class AuditKind(StrEnum):
    """The kind of an audit event. The last four stand for refused actions."""

    SIGNED_IN = "signed-in"
    SIGNED_OUT = "signed-out"
    USER_ADDED = "user-added"
    USER_UPDATED = "user-updated"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - the name of a kind, not a password
    TOKEN_CREATED = "token-created"  # noqa: S105 - the name of a kind
    TOKEN_REVOKED = "token-revoked"  # noqa: S105 - the name of a kind
    GRANT_GIVEN = "grant-given"
    GRANT_REVOKED = "grant-revoked"
    SECRET_CREATED = "secret-created"  # noqa: S105 - the name of a kind
    SECRET_REPLACED = "secret-replaced"  # noqa: S105 - the name of a kind
    SECRET_DELETED = "secret-deleted"  # noqa: S105 - the name of a kind
    SERVER_CREATED = "server-created"
    SERVER_UPDATED = "server-updated"
    SERVER_DELETED = "server-deleted"
    SERVER_KEYS_SCANNED = "server-keys-scanned"
    SERVER_CHECKED = "server-checked"
    TASK_CREATED = "task-created"
    TASK_UPDATED = "task-updated"
    TASK_PAUSED = "task-paused"
    TASK_RESUMED = "task-resumed"
    TASK_DELETED = "task-deleted"
    SERVER_POLICY_SET = "server-policy-set"
    TASK_POLICY_SET = "task-policy-set"
    EXECUTION_STARTED = "execution-started"
    EXECUTION_CANCELLED = "execution-cancelled"
    FLEET_RUN_STARTED = "fleet-run-started"
    FLEET_RUN_CANCELLED = "fleet-run-cancelled"
    SIGN_IN_FAILED = "sign-in-failed"
    REFRESH_REUSED = "refresh-reused"
    FORBIDDEN = "forbidden"
    COMMAND_REFUSED = "command-refused"


class EventKind(StrEnum):
    """The kind of an event of the stream. Migrations 0008 and 0009 have the triggers that write them."""

    EXECUTION_CREATED = "execution-created"
    EXECUTION_STARTED = "execution-started"
    EXECUTION_CANCEL_REQUESTED = "execution-cancel-requested"
    EXECUTION_ENDED = "execution-ended"
    SLOT_DECIDED = "slot-decided"
    SLOT_CHANGED = "slot-changed"
    TASK_CREATED = "task-created"
    TASK_UPDATED = "task-updated"
    TASK_PAUSED = "task-paused"
    TASK_RESUMED = "task-resumed"
    TASK_DELETED = "task-deleted"
    TASK_POLICY_SET = "task-policy-set"
    SERVER_CREATED = "server-created"
    SERVER_UPDATED = "server-updated"
    SERVER_DELETED = "server-deleted"
    SERVER_POLICY_SET = "server-policy-set"
    FLEET_RUN_CREATED = "fleet-run-created"
    FLEET_RUN_CANCEL_REQUESTED = "fleet-run-cancel-requested"
    FLEET_RUN_ENDED = "fleet-run-ended"
    AUDIT_RECORDED = "audit-recorded"


class ObjectKind(StrEnum):
    """The kind of object that an audit event is about."""

    SERVER = "server"
    TASK = "task"
    EXECUTION = "execution"
    FLEET_RUN = "fleet-run"
    USER = "user"
    SECRET = "secret"  # noqa: S105 - the name of a kind


class ParameterType(StrEnum):
    """The type of a task's parameter."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    SECRET = "secret"  # noqa: S105 - the name of a type


class FleetState(StrEnum):
    """The state of a fleet run. The last four are final: `stopped` is one that started no more after failures."""

    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        return self is not FleetState.RUNNING


class FleetReason(StrEnum):
    """The reason why a fleet run started no more."""

    CANCELLED = "CANCELLED"
    STOP_AFTER = "STOP_AFTER"
    TASK_DELETED = "TASK_DELETED"


class MemberState(StrEnum):
    """The state of a server in a fleet run: `started` has an execution, `refused` a reason."""

    WAITING = "WAITING"
    STARTED = "STARTED"
    REFUSED = "REFUSED"
    NOT_STARTED = "NOT_STARTED"


class Refusal(StrEnum):
    """The reason why a fleet run may not run on one of its servers."""

    NOT_ALLOWED = "NOT_ALLOWED"
    REFUSED_BY_POLICY = "REFUSED_BY_POLICY"
    BLACKOUT = "BLACKOUT"
    DISABLED = "DISABLED"
    DELETED = "DELETED"
    SECRET_MISSING = "SECRET_MISSING"  # noqa: S105 - the name of a reason


class OnRefused(StrEnum):
    """What a fleet run does if it may not run on one of its servers."""

    FAIL_ALL = "fail-all"
    """Nothing is started anywhere."""
    SKIP = "skip"
    """The others are started."""
