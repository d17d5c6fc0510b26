"""`sshcast crontab status`: says of each line of a server, and of each task that came from one, who runs it now."""

from collections.abc import Iterator, Sequence

from sshcast.remote.api import Api
from sshcast.remote.crontab.host import read_host
from sshcast.remote.crontab.lines import Line
from sshcast.remote.crontab.look import Look, explain_stray, find_unread
from sshcast.remote.crontab.plan import LineAction, LinePlanner, PlannedLine
from sshcast.remote.crontab.tasks import BroughtTask, load_server, load_tasks
from sshcast.remote.printing import Column, Printer, Row, format_time
from sshcast.words import choose

STYLES = {
    "SHADOW": "magenta",
    "ACTIVE": "green",
    "TWICE": "bold red",
    "NOWHERE": "red",
    "DIFFERS": "yellow",
    "UNKNOWN": "yellow",
    "NOT_IMPORTED": "dim",
}
WORDS = {
    "SHADOW": ("in shadow, cron runs it", "影子模式，由 cron 运行"),
    "ACTIVE": ("active here, no longer in the crontab", "在此运行，已不在 crontab 中"),
    "TWICE": ("active here and still in the crontab: it runs twice", "在此运行且仍在 crontab 中：会运行两次"),
    "NOWHERE": ("in shadow and not in the crontab: adopt it", "影子模式且不在 crontab 中：请接管"),
    "DIFFERS": ("in shadow, and its line differs: import again", "影子模式，但该行已变更：请重新导入"),
    "UNKNOWN": ("its crontab cannot be read", "无法读取其 crontab"),
    "NOT_IMPORTED": ("no task", "没有任务"),
}
COLUMNS = (
    Column("", "", lambda row: choose(*WORDS[row["status"]]), lambda row: STYLES[row["status"]]),
    Column("file", "文件", lambda row: row["file"]),
    Column("line", "行", lambda row: row["line"]),
    Column("schedule", "计划", lambda row: row["cronExpr"]),
    Column("command", "命令", lambda row: row["command"]),
    Column("task", "任务", lambda row: row["name"]),
    Column("since", "起始", lambda row: format_time(row["scheduleModeSince"])),
    Column("why", "原因", lambda row: row["reason"]),
    Column("id", "编号", lambda row: row["id"]),
)


def show_status(api: Api, printer: Printer, name: str) -> int:
    """Show who runs each line; return the exit status, 1 if one runs twice."""
    server = load_server(api, name)
    host = read_host(api, printer, server)
    tasks, names = load_tasks(api, server["id"])
    look = Look.compare(host, tasks)
    planner = LinePlanner(api, host.account, host.timezone, 1, "", names)
    rows = list(_build_rows(look, list(planner.plan(look.lines, tasks)), tasks))
    printer.show_rows(rows, COLUMNS)
    return int(any(row["status"] == "TWICE" for row in rows))


def _build_rows(look: Look, steps: Sequence[PlannedLine], tasks: Sequence[BroughtTask]) -> Iterator[Row]:
    shown = {step.task.id for step in steps if step.task is not None}
    for step in steps:
        yield _build_row(_judge_line(step), step.line, step.task, step.reason)
    for task in tasks:
        if task.id not in shown:
            status, stray = _judge_task(look, task), look.find_stray(task)
            yield _build_row(status, None, task, None if stray is None else explain_stray(stray))


def _judge_line(step: PlannedLine) -> str:
    if step.task is None:
        return "NOT_IMPORTED"
    if not step.task.is_shadow:
        return "TWICE"
    return "SHADOW" if step.action is LineAction.NONE else "DIFFERS"


def _judge_task(look: Look, task: BroughtTask) -> str:
    """Return the state of a task without a line of its own."""
    if look.find_line(task) is None and find_unread(look.host.tables, task.mark) is not None:
        return "UNKNOWN"
    return "NOWHERE" if task.is_shadow else "ACTIVE"


def _build_row(status: str, line: Line | None, task: BroughtTask | None, reason: str | None) -> Row:
    row = {} if task is None else task.row
    label = None if task is None else task.mark.label
    return {
        "status": status,
        "file": label if line is None else line.origin.label,
        "line": None if line is None else line.number,
        "cronExpr": row.get("cronExpr") if line is None else line.schedule,
        "command": None if line is None else line.command,
        "id": row.get("id"),
        "name": row.get("name"),
        "scheduleMode": row.get("scheduleMode"),
        "scheduleModeSince": row.get("scheduleModeSince"),
        "reason": reason,
    }
