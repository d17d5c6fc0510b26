"""What REST tells of a task, and the executions that the database has of it."""

from datetime import timedelta

from db import executions
from db.executions import ExecutionFilter
from db.values import Role
from resolvers import tasks
from resolvers.context import Context, Viewer
from resolvers.inputs import NewTask, SelectServers
from tests.support.rest import Face

TASK_FIELDS = {
    "id",
    "name",
    "command",
    "server_id",
    "cron_expr",
    "status",
    "last_run",
    "next_run",
    "created_by",
    "created_at",
    "updated_at",
}


async def count_executions(rest: Face, task_id: int) -> int:
    return await rest.service.store.read(executions.count, ExecutionFilter(task_id=task_id))


async def add_fleet_task(rest: Face) -> int:
    """The number of a new fleet task on every server."""
    user = rest.users["operator"]
    viewer = Viewer(user.id, user.name, Role.OPERATOR, rest.service.clock() + timedelta(hours=1), user.token_version)
    place = SelectServers(name_contains="")
    new = NewTask(name="everywhere", command="df -h", cron_expr="@manual", selector=place)
    return (await tasks.create(Context(rest.service, viewer), new)).task.id
