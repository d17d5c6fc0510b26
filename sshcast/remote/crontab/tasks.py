"""The tasks of a server that come from a crontab: finds them, and which line of a crontab each one is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sshcast.remote.absence import build_absence
from sshcast.remote.api import Api
from sshcast.remote.crontab.fields import spell_out
from sshcast.remote.crontab.lines import SYSTEM_FILE, Line
from sshcast.remote.crontab.meaning import Mark, find_script
from sshcast.remote.crontab.percent import render_script, split_command
from sshcast.remote.names import find_server_id
from sshcast.remote.pages import read_pages

FIELDS = """
id name command cronExpr timezone enabled pausedAt scheduleMode scheduleModeSince workingDir server { id name }
nextRuns(count: 1) { slot local }
"""
LIST = f"""
query CrontabTasks($after: String, $filter: TaskFilter) {{
  tasks(first: 100, after: $after, filter: $filter) {{ nodes {{ {FIELDS} }} pageInfo {{ hasNextPage endCursor }} }}
}}
"""
SERVER = "query CrontabServer($id: ID!) { server(id: $id) { id name username } }"


@dataclass(frozen=True, slots=True)
class BroughtTask:
    """A task that was imported. `row`: its fields in the API."""

    row: dict[str, Any]
    mark: Mark

    @property
    def id(self) -> str:
        return str(self.row["id"])

    @property
    def is_shadow(self) -> bool:
        return bool(self.row["scheduleMode"] == "SHADOW")


def load_server(api: Api, name: str) -> dict[str, Any]:
    """Return a server's id, name and account; raise ObjectAbsent if there is none."""
    found: dict[str, Any] | None = api.execute(SERVER, {"id": find_server_id(api, name)})["server"]
    if found is None:
        raise build_absence("server", name, noun="server")
    return found


def load_tasks(api: Api, server_id: str) -> tuple[list[BroughtTask], set[str]]:
    """Return the tasks of a server that come from a crontab, by id, and the names of all its tasks."""
    rows = list(read_pages(api, LIST, "tasks", {"filter": {"serverId": server_id}}))
    marked = [(row, Mark.find(row["command"])) for row in rows]
    found = [BroughtTask(row, mark) for row, mark in marked if mark is not None]
    return sorted(found, key=lambda task: int(task.id)), {row["name"] for row in rows}


def match(lines: Iterable[Line], tasks: Sequence[BroughtTask]) -> list[tuple[Line, BroughtTask | None]]:
    """Return each line with its task, and each task once.

    The same line comes first, then one with the same command, then one that is written otherwise and makes the same.
    """
    lines, left = list(lines), list(tasks)
    found: dict[int, BroughtTask] = {}
    for is_same in (is_same_line, has_same_command, _has_same_script):
        for at, line in enumerate(lines):
            task = None if at in found else next((each for each in left if is_same(line, each)), None)
            if task is not None:
                found[at] = task
                left.remove(task)
    return [(line, found.get(at)) for at, line in enumerate(lines)]


def is_same_line(line: Line, task: BroughtTask) -> bool:
    return task.mark.line == line.digest


def has_same_command(line: Line, task: BroughtTask) -> bool:
    return task.mark.command == line.command_digest


def _has_same_script(line: Line, task: BroughtTask) -> bool:
    """Tell whether import makes the task's script of a line of the same file and schedule, whatever its text."""
    return (
        is_of_same_file(line, task)
        and spell_out(line.schedule) == spell_out(task.row["cronExpr"])
        and render_script(*split_command(line.command)) == find_script(task.row["command"])
    )


def is_of_same_file(line: Line, task: BroughtTask) -> bool:
    """Tell whether a line is in the crontab that a task comes from; for one that came by `--file`, maybe."""
    label = task.mark.label
    return line.origin.is_system if label == SYSTEM_FILE else line.origin.label == label
