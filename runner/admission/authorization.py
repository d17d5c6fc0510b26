"""Whether what is to run may: asked again whenever something is about to start, whoever was allowed to ask for it then.

A scheduled run goes in the name of who last changed its task: what is run is what they left there.
"""

from collections.abc import Collection

from sqlalchemy import Connection

from db import due, grants
from db.models import Task
from db.values import Role, SlotOutcome

NOT_ALLOWED = "is disabled, or no operator on the server any more"
TASK_DELETED = "its task was deleted before it could start"
TASK_DISABLED = "its task was disabled before it could start"

BlockReason = tuple[SlotOutcome, str]


def acting_for(task: Task) -> int:
    """The id of the user who answers for a task's scheduled runs."""
    return task.created_by if task.updated_by is None else task.updated_by


def may_run(conn: Connection, user_id: int, server_id: int) -> bool:
    """Whether the user is let in, and an operator on the server."""
    return (user_id, server_id) in grants.filter_by_role(conn, [(user_id, server_id)], Role.OPERATOR)


def find_blocked(conn: Connection, tasks: Collection[Task]) -> dict[int, BlockReason]:
    """The ids of those tasks of which no slot may start anything now, and why."""
    usable = due.list_usable_servers(conn, [task.server_id for task in tasks])
    allowed = grants.filter_by_role(conn, {(acting_for(task), task.server_id) for task in tasks}, Role.OPERATOR)
    found: dict[int, BlockReason] = {}
    for task in tasks:
        if task.server_id not in usable:
            found[task.id] = SlotOutcome.SKIPPED_SERVER, "its server is deleted or disabled"
        elif (acting_for(task), task.server_id) not in allowed:
            why = f"the user who last changed the task {NOT_ALLOWED}: an operator who saves it takes it over"
            found[task.id] = SlotOutcome.NOT_ALLOWED, why
    return found
