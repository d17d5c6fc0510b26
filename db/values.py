"""The closed lists of words that columns may hold."""

from enum import StrEnum


class Role(StrEnum):
    """What a user may do: a viewer reads, an operator also runs and edits, an admin also manages servers and users.

    As a user's own role it holds everywhere; with `none`, only grants count.
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
    """What a personal access token may do at most."""

    READ = "read"
    RUN = "run"
    ADMIN = "admin"

    @property
    def role(self) -> Role:
        return {TokenScope.READ: Role.VIEWER, TokenScope.RUN: Role.OPERATOR, TokenScope.ADMIN: Role.ADMIN}[self]


class State(StrEnum):
    """Where an execution stands. The last four are final and never change."""

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
    NOT_ALLOWED = "NOT_ALLOWED"
    START_FAILED = "START_FAILED"
    LOST = "LOST"
    OUTPUT_LIMIT = "OUTPUT_LIMIT"
    DEADLINE = "DEADLINE"


class Trigger(StrEnum):
    """What made an execution: a person, the schedule, a retry, a program through `runCommand`, or `sshcast run`."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    RETRY = "retry"
    API = "api"
    CLI = "cli"


class Mode(StrEnum):
    """How a run is driven: from a spool on the target that outlives us, or attached to one SSH channel."""

    DURABLE = "durable"
    ATTACHED = "attached"


class Stream(StrEnum):
    """Which of a command's two outputs."""

    STDOUT = "stdout"
    STDERR = "stderr"


class LegacyAlgorithm(StrEnum):
    """Old SSH algorithms that an admin may allow for one server. The list is closed."""

    SSH_RSA_SHA1 = "ssh-rsa-sha1"
    DIFFIE_HELLMAN_GROUP14_SHA1 = "diffie-hellman-group14-sha1"
    AES_CBC = "aes-cbc"


class CredentialKind(StrEnum):
    """How a server is signed in to."""

    PASSWORD = "password"  # noqa: S105 - the name of a kind, not a password
    KEY = "key"
    CERTIFICATE = "certificate"


class SlotOutcome(StrEnum):
    """What came of one moment at which a schedule was due. The first three have an execution; `waiting` will change."""

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

    @property
    def has_run(self) -> bool:
        return self in (SlotOutcome.FIRED, SlotOutcome.CAUGHT_UP, SlotOutcome.MOVED_BY_DST)


class Overlap(StrEnum):
    """What a slot does while the task's run of before goes on."""

    ALLOW = "allow"
    """Runs beside it."""
    SKIP = "skip"
    """Does not run."""
    QUEUE = "queue"
    """Waits for its end; one waits at most, a further slot does not run."""
    REPLACE = "replace"
    """Has it cancelled, and runs once it is gone."""


class Missed(StrEnum):
    """What happens to slots that were due while no scheduler ran."""

    SKIP = "skip"
    """None of them runs."""
    LATEST = "latest"
    """The latest runs, once."""
    ALL = "all"
    """Each runs, as far as the cap and the window go."""


class AuditKind(StrEnum):
    """What the audit tells of. The last four were not done."""

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
    TASK_CREATED = "task-created"
    TASK_UPDATED = "task-updated"
    TASK_PAUSED = "task-paused"
    TASK_RESUMED = "task-resumed"
    TASK_DELETED = "task-deleted"
    SERVER_POLICY_SET = "server-policy-set"
    TASK_POLICY_SET = "task-policy-set"
    EXECUTION_STARTED = "execution-started"
    EXECUTION_CANCELLED = "execution-cancelled"
    SIGN_IN_FAILED = "sign-in-failed"
    REFRESH_REUSED = "refresh-reused"
    FORBIDDEN = "forbidden"
    COMMAND_REFUSED = "command-refused"


class ObjectKind(StrEnum):
    """What an audit event is about."""

    SERVER = "server"
    TASK = "task"
    EXECUTION = "execution"
    USER = "user"
    SECRET = "secret"  # noqa: S105 - the name of a kind
