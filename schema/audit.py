"""The audit as admins read and follow it."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID

from db.audit import AuditFilter
from db.values import AuditKind, ObjectKind
from resolvers.errors import Invalid
from schema.enums import register_enum
from schema.ids import parse_optional_id
from schema.node_ids import Node, node_type

register_enum(
    AuditKind,
    "AuditEventKind",
    "The kind of action that an audit event records.",
    {
        "SIGNED_IN": "A user signed in.",
        "SIGNED_OUT": "A user signed out.",
        "USER_ADDED": "A user was added.",
        "USER_UPDATED": "A user's role was changed, or the user was disabled or enabled.",
        "PASSWORD_CHANGED": "A user's password was changed.",
        "TOKEN_CREATED": "A user created a personal access token.",
        "TOKEN_REVOKED": "A user revoked a personal access token.",
        "GRANT_GIVEN": "A user was granted a role on a server or a tag; `before` holds the grant that this one "
        "replaced, if any.",
        "GRANT_REVOKED": "A grant was revoked.",
        "SECRET_CREATED": "A secret was registered.",
        "SECRET_REPLACED": "The value of a registered secret was replaced.",
        "SECRET_DELETED": "A registered secret was deleted.",
        "SERVER_CREATED": "A server was registered.",
        "SERVER_UPDATED": "A server was changed.",
        "SERVER_DELETED": "A server was deleted.",
        "SERVER_KEYS_SCANNED": "A user had a runner connect to an address to read its host keys.",
        "SERVER_CHECKED": "A user had a runner check a server; `after` holds what was found.",
        "TASK_CREATED": "A task was created; `after` names the execution that `@once` started.",
        "TASK_UPDATED": "A task was changed.",
        "TASK_PAUSED": "A task's schedule was paused.",
        "TASK_RESUMED": "A task's paused schedule was resumed.",
        "TASK_DELETED": "A task was deleted.",
        "SERVER_POLICY_SET": "The command policy of a server was set.",
        "TASK_POLICY_SET": "The command policy of a task was set.",
        "EXECUTION_STARTED": "A user ran a task or a command. Scheduled runs are in the schedule ledger instead.",
        "EXECUTION_CANCELLED": "A user asked for an execution to be cancelled.",
        "FLEET_RUN_STARTED": "A user started a fleet run; its executions have no events of their own here.",
        "FLEET_RUN_CANCELLED": "A user asked for a fleet run to be cancelled.",
        "SIGN_IN_FAILED": "A sign-in failed: wrong name or password, or a refused sign-in with the identity provider.",
        "REFRESH_REUSED": "A refresh token was used again after it had been replaced, so its session was ended.",
        "FORBIDDEN": "A user tried something that their role does not allow.",
        "COMMAND_REFUSED": "The command policy refused a command.",
    },
)
register_enum(
    ObjectKind,
    "AuditObjectKind",
    "The kind of object that an audit event is about.",
    {
        "SERVER": "A server.",
        "TASK": "A task.",
        "EXECUTION": "An execution.",
        "FLEET_RUN": "A fleet run.",
        "USER": "A user.",
        "SECRET": "A registered secret.",
    },
)


@node_type(description="Something that was done or refused, as recorded in the audit. Events are never changed.")
class AuditEvent(Node):
    id: ID = strawberry.field(description="The event's number in the audit's hash chain: from 1, without gaps.")
    at: datetime = strawberry.field(description="When it happened.")
    kind: AuditKind = strawberry.field(description="What was done.")
    actor_id: ID | None = strawberry.field(description="The id of the user who did it; null where no user is known.")
    actor: str | None = strawberry.field(
        description="That user's name at the time; null for somebody who is not signed in, and for `sshcast` "
        "commands that act for no user."
    )
    address: str = strawberry.field(
        description="The client's address; `machine` for the `sshcast` command line, where `os_user` in `after` "
        "names the OS user."
    )
    object_kind: ObjectKind | None = strawberry.field(description="The kind of object that it was done to.")
    object_id: ID | None = strawberry.field(description="The id of that object.")
    before: str | None = strawberry.field(
        description="The object before it, as JSON; for a change, only the fields that changed."
    )
    after: str | None = strawberry.field(
        description="The object after it, as JSON. Neither `before` nor `after` holds a secret."
    )
    previous: str = strawberry.field(description="The hash of the previous event.")
    hash: str = strawberry.field(description="The SHA-256 of this whole event together with the previous event's hash.")


@strawberry.input(
    name="AuditEventFilter", description="Selects audit events. Fields that are absent or null do not filter."
)
class AuditFilterInput:
    kinds: list[AuditKind] | None = strawberry.field(default=None, description="Only events of one of these kinds.")
    actor_id: ID | None = strawberry.field(default=None, description="Only events of this user's actions.")
    object_kind: ObjectKind | None = strawberry.field(
        default=None, description="Only events about objects of this kind."
    )
    object_id: ID | None = strawberry.field(
        default=None, description="Only events about this object; needs `objectKind`."
    )
    at_from: datetime | None = strawberry.field(default=None, description="Only events at this time or later.")
    at_to: datetime | None = strawberry.field(default=None, description="Only events at this time or earlier.")


AuditEvents = Annotated[
    AuditFilterInput | None, strawberry.argument(description="Selects events; without it, all of them.")
]
AfterId = Annotated[
    ID | None, strawberry.argument(description="Start after the event with this id; without it, from now on.")
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
