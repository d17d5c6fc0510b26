"""The audit, as admins read and watch it."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID

from db.audit import AuditFilter
from db.values import AuditKind, ObjectKind
from resolvers.errors import Invalid
from schema.enums import register_enum
from schema.ids import parse_optional_id

register_enum(
    AuditKind,
    "AuditEventKind",
    "What the audit tells of.",
    {
        "SIGNED_IN": "A user has signed in.",
        "SIGNED_OUT": "A user has signed out.",
        "USER_ADDED": "A user was added.",
        "USER_UPDATED": "A user has another role, or was disabled or enabled.",
        "PASSWORD_CHANGED": "A user has a new password.",
        "TOKEN_CREATED": "A user has made a personal access token.",
        "TOKEN_REVOKED": "A user has revoked one.",
        "GRANT_GIVEN": "A user was granted a role on a server or a tag; `before` is set if they had another one there.",
        "GRANT_REVOKED": "A grant was taken away.",
        "SECRET_CREATED": "A secret was registered.",
        "SECRET_REPLACED": "A registered secret has a new value.",
        "SECRET_DELETED": "A registered secret was deleted.",
        "SERVER_CREATED": "A server was registered.",
        "SERVER_UPDATED": "A server was changed.",
        "SERVER_DELETED": "A server was deleted.",
        "SERVER_KEYS_SCANNED": "Somebody had a connection made to an address, to see its host keys.",
        "TASK_CREATED": "A task was created; `after` names the run that `@once` has started.",
        "TASK_UPDATED": "A task was changed.",
        "TASK_PAUSED": "A task's schedule was paused.",
        "TASK_RESUMED": "A task's paused schedule goes on.",
        "TASK_DELETED": "A task was deleted.",
        "SERVER_POLICY_SET": "The command policy of a server was set.",
        "TASK_POLICY_SET": "The command policy of a task was set.",
        "EXECUTION_STARTED": "Somebody ran a task or a command. Scheduled runs are in the ledger.",
        "EXECUTION_CANCELLED": "Somebody asked that an execution stop.",
        "SIGN_IN_FAILED": "A wrong name or password was given.",
        "REFRESH_REUSED": "A refresh token was used again after it had been replaced: its session was ended.",
        "FORBIDDEN": "Somebody tried what their role does not allow.",
        "COMMAND_REFUSED": "The command policy has refused a command.",
    },
)
register_enum(
    ObjectKind,
    "AuditObjectKind",
    "What an audit event is about.",
    {
        "SERVER": "A server.",
        "TASK": "A task.",
        "EXECUTION": "An execution.",
        "USER": "A user.",
        "SECRET": "A registered secret.",
    },
)


@strawberry.type(description="Something that was done, or refused. Nothing changes an event any more.")
class AuditEvent:
    id: ID = strawberry.field(description="Its number in the chain, from 1, without a gap.")
    at: datetime = strawberry.field(description="When.")
    kind: AuditKind = strawberry.field(description="What was done.")
    actor_id: ID | None = strawberry.field(description="The id of the user who did it.")
    actor: str | None = strawberry.field(
        description="Their name at the time; null for a stranger, and for a command on the machine itself."
    )
    address: str = strawberry.field(
        description="The address it came from; `machine` for a command on the machine, by `os_user` in `after`."
    )
    object_kind: ObjectKind | None = strawberry.field(description="What it was done to.")
    object_id: ID | None = strawberry.field(description="The id of that.")
    before: str | None = strawberry.field(description="What was before, as JSON; of a change, what it changed.")
    after: str | None = strawberry.field(description="What is after, as JSON. Neither holds a secret.")
    previous: str = strawberry.field(description="The hash of the event before.")
    hash: str = strawberry.field(description="SHA-256 of all of the event with the hash of the one before.")


@strawberry.input(name="AuditEventFilter", description="Which events. What is absent or null filters nothing.")
class AuditFilterInput:
    kinds: list[AuditKind] | None = strawberry.field(default=None, description="Those of one of these kinds.")
    actor_id: ID | None = strawberry.field(default=None, description="What this user did.")
    object_kind: ObjectKind | None = strawberry.field(default=None, description="What was done to objects of a kind.")
    object_id: ID | None = strawberry.field(default=None, description="With `objectKind`: to this one.")
    at_from: datetime | None = strawberry.field(default=None, description="Then or later.")
    at_to: datetime | None = strawberry.field(default=None, description="Then or earlier.")


AuditEvents = Annotated[AuditFilterInput | None, strawberry.argument(description="Which events; all if it is absent.")]
AfterId = Annotated[
    ID | None, strawberry.argument(description="Only what comes after the event with this id; from now on without it.")
]


def build_audit_filter(given: AuditFilterInput | None) -> AuditFilter:
    if given is None:
        return AuditFilter()
    if given.object_id is not None and given.object_kind is None:
        raise Invalid(("filter", "object_id"), "needs objectKind beside it.", "须同时提供 objectKind。")
    return AuditFilter(
        kinds=None if given.kinds is None else tuple(given.kinds),
        actor_id=parse_optional_id(("filter", "actor_id"), given.actor_id),
        object_kind=given.object_kind,
        object_id=parse_optional_id(("filter", "object_id"), given.object_id),
        at_from=given.at_from,
        at_to=given.at_to,
    )
