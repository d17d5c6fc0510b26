"""What REST tells of a task, and the executions that the database has of it."""

from db import executions
from db.executions import ExecutionFilter
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
