"""Authorization of a run, checked again at the moment it starts, whoever was allowed to request it before.

A scheduled run acts for the user who last changed its task: the command is theirs.
"""

from collections.abc import Collection

from sqlalchemy import Connection

from db import due, grants
from db.models import Task
from db.values import Role, SlotOutcome

NOT_ALLOWED = "is disabled, or no operator on the server any more"
TASK_DELETED = "its task was deleted before it could start"
TASK_DISABLED = "its task was disabled before it could start"

NOWHERE = 0
"""The id of no server: on it, only a user's own role counts, as for a fleet task."""

BlockReason = tuple[SlotOutcome, str]


def acting_for(task: Task) -> int:
    """Return the id of the user whose rights a task's scheduled runs need."""
    return task.created_by if task.updated_by is None else task.updated_by


def find_blocked(conn: Connection, tasks: Collection[Task]) -> dict[int, BlockReason]:
    """Return the tasks that may start nothing now, by id, with the reason."""
    usable = due.list_usable_servers(conn, [task.server_id for task in tasks])
    places = {(acting_for(task), task.server_id or NOWHERE) for task in tasks}
    allowed = grants.filter_by_role(conn, places, Role.OPERATOR)
    found: dict[int, BlockReason] = {}
    for task in tasks:
        if task.server_id is not None and task.server_id not in usable:
            why = "its server, or a jump server on the way to it, is deleted or disabled"
            found[task.id] = SlotOutcome.SKIPPED_SERVER, why
        elif (acting_for(task), task.server_id or NOWHERE) not in allowed:
            why = f"the user who last changed the task {NOT_ALLOWED}: an operator who saves it takes it over"
            found[task.id] = SlotOutcome.NOT_ALLOWED, why
    return found
