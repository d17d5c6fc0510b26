"""`sshcast crontab adopt`: runs tasks by our schedule once their lines are out of the crontab, so none runs twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.crontab.host import Host, Table, read_host, wait_for_clock
from sshcast.remote.crontab.lines import Line, read_lines
from sshcast.remote.crontab.meaning import Mark
from sshcast.remote.crontab.tasks import (
    FIELDS,
    BroughtTask,
    has_same_command,
    is_same_line,
    load_server,
    load_tasks,
)
from sshcast.remote.crontab.words import Cron
from sshcast.remote.names import find_task_id
from sshcast.remote.nouns.slot_columns import format_local
from sshcast.remote.printing import Column, Printer, Row, format_cell, format_time
from sshcast.remote.words import choose

SHOW = f"query CrontabTask($id: ID!) {{ task(id: $id) {{ {FIELDS} }} }}"
ADOPT = """
mutation AdoptTask($input: UpdateTaskInput!) {
  updateTask(input: $input) {
    errors { code field message }
    task {
      id name scheduleMode scheduleModeSince enabled pausedAt
      nextRuns(count: 1) { at slot local note wantedLocal blackoutUntil }
    }
  }
}
"""
COLUMNS = (
    Column("id", "编号", lambda row: row["id"]),
    Column("name", "名称", lambda row: row["name"]),
    Column("cron's up to", "此前归 cron", lambda row: format_time(row["scheduleModeSince"])),
    Column("first slot of ours", "首个由我们运行的时刻", lambda row: _format_first(row)),
)


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at a server right before. `lines`: all that cron may run there."""

    host: Host
    lines: Sequence[Line]

    @classmethod
    def take(cls, api: Api, printer: Printer, server: dict[str, Any]) -> "Look":
        host = read_host(api, printer, server)
        if host.cron is Cron.OTHER:
            raise CommandFailed(
                f"the server's cron is {host.cron_name}, and where that has its lines is not known: look there, and "
                "then adopt with `sshcast task set TASK --active`"
            )
        wait_for_clock(host, printer)
        lines = [line for table in host.tables if not table.is_ignored for line in read_lines(table.data, table.origin)]
        return cls(host, lines)

    def refuse(self, task: BroughtTask) -> str | None:
        """Return why the task may not be adopted: its line is there, or where it was cannot be read."""
        line = find_active(self.lines, task)
        if line is not None:
            return (
                f"cron still runs it, by line {line.number} of {line.origin.label}: {format_cell(line.text)}\n"
                f"Comment it out there: {_advise(line)}"
            )
        table = find_unread(self.host.tables, task.mark)
        return None if table is None else f"whether cron still runs it is not known: {table.fault}"


def adopt(api: Api, printer: Printer, names: Sequence[str], server: str | None, *, adopts_all: bool) -> int:
    """Adopt tasks; return the exit status, 1 if any was refused."""
    rows, status = [], 0
    for place, tasks in _group(api, _find(api, names, server, adopts_all=adopts_all)):
        look = Look.take(api, printer, place)
        for task in tasks:
            reason = look.refuse(task)
            if reason is None:
                row, reason = _activate(api, task)
                rows += [] if row is None else [row]
            if reason is not None:
                label = f"{format_cell(task.row['name'])} ({task.id})"
                Notes().say(choose(f"not adopted: {label}: {reason}", f"未接管：{label}：{reason}"), "red")
                status = 1
    printer.show_rows(rows, COLUMNS)
    if rows:
        what = "1 task is" if len(rows) == 1 else f"{len(rows)} tasks are"
        printer.tell_change(api, f"{what} adopted", f"已接管 {len(rows)} 个任务")
    return status


def find_active(lines: Sequence[Line], task: BroughtTask) -> Line | None:
    """Return the line that has cron run the task's command, also at other times than it did."""
    return next((line for line in lines if is_same_line(line, task) or has_same_command(line, task)), None)


def find_unread(tables: Sequence[Table], mark: Mark) -> Table | None:
    """Return a crontab in which the task's line may be and that was not read."""
    unread = [table for table in tables if table.fault is not None and not table.is_ignored]
    if mark.label.startswith("crontab of "):
        return next((table for table in unread if not table.origin.is_system), None)
    return next((table for table in unread if table.origin.is_system), None)


def _advise(line: Line) -> str:
    """Return the command that comments a line out."""
    edit = f"'{line.number}s/^/# /'"
    if line.origin.is_system:
        return f"sudo sed -i {edit} {line.origin.label}"
    return f"crontab -l | sed {edit} | crontab -"


def _find(api: Api, names: Sequence[str], server: str | None, *, adopts_all: bool) -> list[BroughtTask]:
    if names and (server is not None or adopts_all):
        raise CommandFailed("give either tasks, or --server NAME --all")
    if names:
        return [_load(api, name) for name in names]
    if server is None or not adopts_all:
        raise CommandFailed("which tasks? Give their names or ids, or --server NAME --all")
    tasks, _ = load_tasks(api, load_server(api, server)["id"])
    found = [task for task in tasks if task.is_shadow]
    if not found:
        raise CommandFailed(f"no task of {server} that was imported from a crontab is in shadow")
    return found


def _load(api: Api, name: str) -> BroughtTask:
    row = api.execute(SHOW, {"id": find_task_id(api, name)})["task"]
    mark = None if row is None else Mark.find(row["command"])
    if row is None or mark is None or row["server"] is None:
        raise CommandFailed(f"{name} is no task that was imported from a crontab: see `sshcast crontab status SERVER`")
    return BroughtTask(row, mark)


def _group(api: Api, tasks: Sequence[BroughtTask]) -> Iterator[tuple[dict[str, Any], list[BroughtTask]]]:
    """Yield each server with its tasks, each of them once."""
    unique = {task.id: task for task in tasks}.values()
    for id in dict.fromkeys(task.row["server"]["id"] for task in unique):
        yield load_server(api, id), [task for task in unique if task.row["server"]["id"] == id]


def _activate(api: Api, task: BroughtTask) -> tuple[Row | None, str | None]:
    """Return the task as it is then, or why it was refused. One that is adopted already stays as it is."""
    try:
        wanted = {"id": task.id, "scheduleMode": "ACTIVE"}
        return api.execute(ADOPT, {"input": wanted})["updateTask"]["task"], None
    except ApiRefused as error:
        return None, str(error)


def _format_first(row: Row) -> str:
    if not row["enabled"]:
        return choose("none: it is disabled", "无：已停用")
    if not row["nextRuns"]:
        return choose("none: it is paused", "无：已暂停")
    return format_local(row["nextRuns"][0])
