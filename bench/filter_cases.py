"""The pages of executions, tasks and servers by filter that `bench.history` measures."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bench.seeding import History
from db import executions, servers, tasks
from db.executions import ExecutionFilter
from db.page import Window
from db.servers import ServerFilter
from db.tasks import TaskFilter
from db.values import Reason, Trigger

PAGE = 100
HOUR = timedelta(hours=1)
PAST = 3_600_000

Arguments = tuple[Any, Any, Window]
"""A query, its filter and its window."""


def list_filters(history: History, middle: datetime) -> Mapping[str, ExecutionFilter]:
    """Return the filters of executions by name. `middle`: when the execution in the middle was requested."""
    server, task = history.server + 3, history.task + 3
    return {
        "for a rare reason": ExecutionFilter(reasons=(Reason.LOST,)),
        "for a frequent reason": ExecutionFilter(reasons=(Reason.EXIT_STATUS,)),
        "for a reason never seen": ExecutionFilter(reasons=(Reason.DEADLINE,)),
        "for two reasons": ExecutionFilter(reasons=(Reason.LOST, Reason.TIMEOUT)),
        "for a rare reason, of a trigger": ExecutionFilter(reasons=(Reason.LOST,), trigger=Trigger.API),
        "for a rare reason, of a task": ExecutionFilter(reasons=(Reason.LOST,), task_id=task),
        "for a frequent reason, of a task": ExecutionFilter(reasons=(Reason.EXIT_STATUS,), task_id=task),
        "with a rare exit code": ExecutionFilter(exit_codes=(137,)),
        "with one of two exit codes": ExecutionFilter(exit_codes=(1, 137)),
        "with an exit code other than 0": ExecutionFilter(non_zero=True),
        "with an exit code other than 0, of a server": ExecutionFilter(non_zero=True, server_id=server),
        "with a frequent part in the command": ExecutionFilter(command_contains="pcent"),
        "with a rare part in the command": ExecutionFilter(command_contains="nginx"),
        "with a part in no command": ExecutionFilter(command_contains="no such words"),
        "with a rare part in the command, of a server": ExecutionFilter(command_contains="nginx", server_id=server),
        "with a rare part in the command, for a rare reason": ExecutionFilter(
            command_contains="nginx", reasons=(Reason.LOST,)
        ),
        "started in an hour in the middle": ExecutionFilter(start_time_from=middle, start_time_to=middle + HOUR),
        "started since the middle": ExecutionFilter(start_time_from=middle),
        "started until the middle": ExecutionFilter(start_time_to=middle),
        "ended in an hour in the middle, of a server": ExecutionFilter(
            end_time_from=middle, end_time_to=middle + HOUR, server_id=server
        ),
        "that took an hour or more": ExecutionFilter(duration_ms_from=PAST),
        "that took less than an hour": ExecutionFilter(duration_ms_to=PAST - 1),
        "that took an hour or more, with an exit code other than 0": ExecutionFilter(
            duration_ms_from=PAST, non_zero=True
        ),
        "on servers with a tag": ExecutionFilter(tags_all=("prod",)),
        "on servers with one of two tags": ExecutionFilter(tags_any=("prod", "lab")),
        "on servers without a tag": ExecutionFilter(tags_none=("lab",)),
        "on servers with a tag that none has": ExecutionFilter(tags_all=("no such tag",)),
        "on servers with a tag, for a rare reason": ExecutionFilter(tags_all=("lab",), reasons=(Reason.LOST,)),
    }


def list_pages(history: History, middle: datetime) -> Mapping[str, Arguments]:
    """Return first pages, by name: of executions newest first, and of tasks and servers by id."""
    newest, first = Window(limit=PAGE, descending=True), Window(limit=PAGE)
    found = {name: (executions.page, filter, newest) for name, filter in list_filters(history, middle).items()}
    until, by_end = ExecutionFilter(start_time_to=middle), Window(limit=PAGE, order="start_time", descending=True)
    return {
        **found,
        "started until the middle, by start_time": (executions.page, until, by_end),
        "tasks of servers with a tag": (tasks.page, TaskFilter(tags_all=("prod",)), first),
        "tasks of servers without a tag": (tasks.page, TaskFilter(tags_none=("lab",)), first),
        "servers with tags": (servers.page, ServerFilter(tags_all=("seeded",), tags_none=("lab",)), first),
    }
