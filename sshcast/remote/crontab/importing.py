"""`sshcast crontab import`: reads crontabs, shows what each line becomes, asks, and makes tasks in shadow of them."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.asking import require_consent
from sshcast.remote.crontab.host import Host, Table, read_host
from sshcast.remote.crontab.lines import SYSTEM_FILE, Line, Origin, read_lines
from sshcast.remote.crontab.notes import tell_beside
from sshcast.remote.crontab.plan import LineAction, LinePlanner, PlannedLine, build_input
from sshcast.remote.crontab.tasks import load_server, load_tasks
from sshcast.remote.crontab.words import Cron
from sshcast.remote.printing import Column, Printer, Row
from sshcast.words import choose

CREATE = """
mutation ImportLine($input: CreateTaskInput!) {
  createTask(input: $input) { errors { code field message } task { id } }
}
"""
UPDATE = """
mutation ImportChangedLine($input: UpdateTaskInput!) {
  updateTask(input: $input) { errors { code field message } task { id } }
}
"""
LARGEST = 1024 * 1024
STYLES = {"CREATE": "green", "UPDATE": "yellow", "CHANGED": "yellow", "NONE": "dim", "FAILED": "red"}
WORDS = {
    "CREATE": ("a task in shadow", "影子任务"),
    "UPDATE": ("change its task", "更改其任务"),
    "CHANGED": ("changed, its task stays as it is", "已变更，任务保持不变"),
    "NONE": ("there already", "已存在"),
    "FAILED": ("not imported", "未导入"),
}
COLUMNS = (
    Column("file", "文件", lambda row: row["file"]),
    Column("line", "行", lambda row: row["line"]),
    Column("", "", lambda row: choose(*WORDS[row["action"]]), lambda row: STYLES[row["action"]]),
    Column("schedule", "计划", lambda row: row["cronExpr"]),
    Column("in words", "含义", lambda row: choose(row["descriptionEn"], row["descriptionZh"])),
    Column("time zone", "时区", lambda row: row["timezone"]),
    Column("command", "命令", lambda row: row["command"]),
    Column("task", "任务", lambda row: row["name"]),
    Column("why", "原因", lambda row: row["reason"] or ", ".join(row["changes"])),
    Column("id", "编号", lambda row: row["id"]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrontabOptions:
    """The options of `crontab import`. `cron_user`: only lines that cron runs as this user, or whose a file is."""

    server: str
    is_system: bool
    file: Path | None
    cron_user: str | None
    timezone: str | None
    prefix: str | None
    timeout: int
    update: bool
    dry_run: bool
    yes: bool


def import_crontab(api: Api, printer: Printer, options: CrontabOptions) -> int:
    """Import lines; return the exit status, 1 if any was not imported."""
    server = load_server(api, options.server)
    account, timezone, lines = _read(api, printer, server, options)
    if options.cron_user is not None:
        lines = [line for line in lines if line.user == options.cron_user]
    tasks, names = load_tasks(api, server["id"])
    prefix = f"{server['name']}:" if options.prefix is None else options.prefix
    planner = LinePlanner(api, account, timezone, options.timeout, prefix, names, options.update)
    steps = list(planner.plan(lines, tasks))
    tell_beside(printer, lines, options.timeout)
    is_table = sys.stdout.isatty() and not printer.as_json
    if options.dry_run or is_table:
        printer.show_rows([_format(step) for step in steps], COLUMNS)
    elif not options.yes:
        for step in steps:
            printer.notes.say("  ".join(text for each in COLUMNS if (text := each.format(_format(step)))), "dim")
    if not options.dry_run:
        _require_consent(api, server, steps, yes=options.yes)
        done = [_format(step) for step in _carry_out(api, printer, server, steps)]
        if not is_table:
            printer.show_rows(done, COLUMNS)
        _tell_end(api, printer, server, steps)
    return int(any(step.action is LineAction.FAILED for step in steps))


def _read(
    api: Api, printer: Printer, server: dict[str, Any], options: CrontabOptions
) -> tuple[str, str | None, list[Line]]:
    """Return the account, the zone of cron (None: the service's), and the lines."""
    if options.file is not None:
        account = options.cron_user or server["username"]
        user = None if options.is_system else account
        label = SYSTEM_FILE if options.is_system else f"crontab of {account}"
        lines = read_lines(_read_file(options.file), Origin(label, user))
        return server["username"], options.timezone, lines
    host = read_host(api, printer, server)
    _check_cron(host)
    timezone = options.timezone or host.timezone
    if timezone is None:
        english = f"the time zone of {server['name']} is not to be told: give it with --timezone"
        raise CommandFailed(choose(english, f"无法得知 {server['name']} 的时区：请用 --timezone 指定"))
    tables = [table for table in host.tables if table.origin.is_system == options.is_system]
    return host.account, timezone, [line for table in tables for line in _read_table(printer, table)]


def _read_table(printer: Printer, table: Table) -> list[Line]:
    if table.fault is not None and not table.origin.is_system:
        english = f"{table.fault}: is cron there, and may {table.origin.user} use it?"
        raise CommandFailed(choose(english, f"{table.fault}：那里有 cron 吗？{table.origin.user} 可以使用它吗？"))
    if table.fault is not None:
        printer.notes.say(choose(f"not read: {table.fault}", f"未读取：{table.fault}"), "yellow")
        return []
    return read_lines(table.data, table.origin)


def _check_cron(host: Host) -> None:
    if host.cron is Cron.OTHER:
        raise CommandFailed(
            choose(
                f"the server's cron is {host.cron_name}, which reads crontabs otherwise than Vixie cron and cronie: "
                "save its lines in a file, and import that with --file if they mean the same there",
                f"服务器的 cron 是 {host.cron_name}，它对 crontab 的理解与 Vixie cron 和 cronie 不同："
                "若含义相同，请把这些行存为文件，再用 --file 导入",
            )
        )


def _read_file(path: Path) -> bytes:
    try:
        data = sys.stdin.buffer.read(LARGEST + 1) if str(path) == "-" else path.read_bytes()
    except OSError as error:
        why = error.strerror or error
        raise CommandFailed(
            choose(f"--file {path}: it cannot be read: {why}", f"--file {path}：无法读取：{why}")
        ) from None
    if len(data) > LARGEST:
        raise CommandFailed(choose(f"--file {path}: it has more than 1 MiB", f"--file {path}：超过 1 MiB"))
    return data


def _require_consent(api: Api, server: dict[str, Any], steps: Sequence[PlannedLine], *, yes: bool) -> None:
    count, name = _count_changes(steps), server["name"]
    if count:
        what = f"{count} task{'' if count == 1 else 's'}"
        require_consent(
            f"Make or change {what} in shadow of {name} at {api.place}?",
            f"在 {api.place} 为 {name} 建立或更改 {count} 个影子任务？",
            yes=yes,
        )


def _carry_out(
    api: Api, printer: Printer, server: dict[str, Any], steps: Sequence[PlannedLine]
) -> Iterator[PlannedLine]:
    """Yield each step when it is done; what the service refuses is its own fault alone."""
    for step in steps:
        is_update = step.action is LineAction.UPDATE
        if is_update or step.action is LineAction.CREATE:
            document, root = (UPDATE, "updateTask") if is_update else (CREATE, "createTask")
            try:
                found = api.execute(document, {"input": build_input(step, server)})[root]
                step.id = str(found["task"]["id"])
            except ApiRefused as error:
                step.fail(str(error))
        if step.action is LineAction.FAILED:
            label, number = step.line.origin.label, step.line.number
            told = choose(f"{label}, line {number}: {step.reason}", f"{label} 第 {number} 行：{step.reason}")
            printer.notes.say(told, "red")
        yield step


def _tell_end(api: Api, printer: Printer, server: dict[str, Any], steps: Sequence[PlannedLine]) -> None:
    count, name = _count_changes(steps), server["name"]
    if not count:
        printer.tell("nothing was changed", "未作任何更改")
        return
    what = "1 task is" if count == 1 else f"{count} tasks are"
    printer.tell_change(api, f"{what} in shadow on {name}", f"{name} 上有 {count} 个影子任务")
    printer.tell(
        "cron goes on running these lines; take one out of the crontab, then `sshcast crontab adopt TASK`",
        "这些行仍由 cron 运行；先从 crontab 中删除一行，再执行 sshcast crontab adopt TASK",
    )


def _count_changes(steps: Sequence[PlannedLine]) -> int:
    return sum(step.action in (LineAction.CREATE, LineAction.UPDATE) for step in steps)


def _format(step: PlannedLine) -> Row:
    line = step.line
    return {
        "action": step.action.value,
        "file": line.origin.label,
        "line": line.number,
        "cronExpr": _show(line.schedule),
        "descriptionEn": step.words[0],
        "descriptionZh": step.words[1],
        "timezone": None if step.meaning is None else step.meaning.fields["timezone"],
        "user": None if line.user is None else _show(line.user),
        "command": _show(line.command),
        "name": step.name,
        "changes": step.changes,
        "reason": step.reason,
        "id": step.id,
    }


def _show(text: str) -> str:
    """Return text of any bytes as text that JSON can have."""
    return text.encode(errors="surrogateescape").decode(errors="replace")
