"""Looks at a server's crontabs beside its imported tasks: whose line is still there, may be, or cannot be seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.crontab.fields import spell_out
from sshcast.remote.crontab.host import Host, Table, read_host
from sshcast.remote.crontab.lines import Line, read_lines
from sshcast.remote.crontab.meaning import Mark
from sshcast.remote.crontab.tasks import (
    BroughtTask,
    has_same_command,
    is_of_same_file,
    is_same_line,
    load_tasks,
    match,
)
from sshcast.remote.crontab.words import Cron
from sshcast.remote.printing import Printer, format_cell
from sshcast.words import choose


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at a server. `lines`: all that cron may run there; `owned`: each task's own line, by its id.

    `strays`: the lines that have no task.
    """

    host: Host
    lines: Sequence[Line]
    owned: Mapping[str, Line]
    strays: Sequence[Line]

    @classmethod
    def take(cls, api: Api, printer: Printer, server: Mapping[str, Any]) -> "Look":
        """Read the crontabs once more; raise CommandFailed where that is not to be done."""
        host = read_host(api, printer, dict(server))
        if host.cron is Cron.OTHER:
            raise CommandFailed(
                choose(
                    f"the server's cron is {host.cron_name}, and where that has its lines is not known: look there, "
                    "and then adopt with `sshcast task set TASK --active`",
                    f"服务器的 cron 是 {host.cron_name}，不知道它的行在何处：请自行查看，再用 "
                    "sshcast task set TASK --active 接管",
                )
            )
        tasks, _ = load_tasks(api, server["id"])
        return cls.compare(host, tasks)

    @classmethod
    def compare(cls, host: Host, tasks: Sequence[BroughtTask]) -> "Look":
        lines = _list_lines(host)
        pairs = match(lines, tasks)
        owned = {task.id: line for line, task in pairs if task is not None}
        return cls(host, lines, owned, [line for line, task in pairs if task is None])

    def find_line(self, task: BroughtTask) -> Line | None:
        """Return the line that has cron run the task's command, also at other times than it did."""
        found = (line for line in self.lines if is_same_line(line, task) or has_same_command(line, task))
        return next(found, self.owned.get(task.id))

    def find_stray(self, task: BroughtTask) -> Line | None:
        """Return a line without a task that may be the task's, with an edited command: same file, same schedule."""
        schedule = spell_out(task.row["cronExpr"])
        found = (each for each in self.strays if is_of_same_file(each, task) and spell_out(each.schedule) == schedule)
        return next(found, None)

    def explain_presence(self, task: BroughtTask, *, forces: bool) -> str | None:
        """Return why cron runs the task's line, or may; else None. `forces`: lines without a task are not its own."""
        line = self.find_line(task)
        if line is not None:
            return choose(
                f"cron still runs it, by {_format_line(line)}\nComment it out there: {_advise(line)}",
                f"cron 仍在运行它：{_format_line(line)}\n请在那里注释掉：{_advise(line)}",
            )
        stray = None if forces else self.find_stray(task)
        return None if stray is None else explain_stray(stray)

    def explain_blindness(self, task: BroughtTask) -> str | None:
        """Return why the crontab that the task comes from was not seen; None if it was."""
        table = find_unread(self.host.tables, task.mark)
        if table is None:
            return None
        return choose(
            f"whether cron still runs it is not known: {table.fault}", f"不知道 cron 是否仍在运行它：{table.fault}"
        )


def _list_lines(host: Host) -> list[Line]:
    """Return the lines of all crontabs that this server's cron reads."""
    return [line for table in host.tables if not table.is_ignored for line in read_lines(table.data, table.origin)]


def find_unread(tables: Sequence[Table], mark: Mark) -> Table | None:
    """Return a crontab in which the task's line may be and that was not read."""
    unread = [table for table in tables if table.fault is not None and not table.is_ignored]
    if mark.label.startswith("crontab of "):
        return next((table for table in unread if not table.origin.is_system), None)
    return next((table for table in unread if table.origin.is_system), None)


def explain_stray(line: Line) -> str:
    """Return what to do where a line may be a task's own, edited."""
    return choose(
        f"cron may still run it, edited: {_format_line(line)} has its schedule and no task\n"
        "If it is that line, delete the task and import the line again; if it is another line, adopt with --force",
        f"cron 可能仍在运行它，但命令已被修改：{_format_line(line)} 与其计划相同且没有任务\n"
        "如果就是该行，请删除任务并重新导入该行；如果是另一行，请用 --force 接管",
    )


def _format_line(line: Line) -> str:
    text = format_cell(line.text)
    return choose(
        f"line {line.number} of {line.origin.label}: {text}", f"{line.origin.label} 第 {line.number} 行：{text}"
    )


def _advise(line: Line) -> str:
    """Return the command that comments a line out."""
    edit = f"'{line.number}s/^/# /'"
    if line.origin.is_system:
        return f"sudo sed -i {edit} {line.origin.label}"
    return f"crontab -l | sed {edit} | crontab -"
