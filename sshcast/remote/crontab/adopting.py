"""`sshcast crontab adopt`: runs tasks by our schedule once their lines are out of the crontab, so none runs twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.crontab.host import wait_for_clock
from sshcast.remote.crontab.look import Look
from sshcast.remote.crontab.meaning import Mark
from sshcast.remote.crontab.tasks import FIELDS, BroughtTask, load_server, load_tasks
from sshcast.remote.names import find_task_id
from sshcast.remote.nouns.slot_columns import format_local
from sshcast.remote.printing import Column, Printer, Row, format_cell, format_time
from sshcast.words import choose

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


@dataclass(slots=True)
class Adoption:
    """Adopts tasks of one server. `forces`: lines without a task are not theirs. `is_whole`: none was refused."""

    api: Api
    printer: Printer
    server: dict[str, Any]
    forces: bool
    is_whole: bool = True

    def carry_out(self, tasks: Sequence[BroughtTask]) -> list[Row]:
        """Look at the crontabs, adopt, and look once more. Return the tasks that are adopted, as they are then."""
        look = Look.take(self.api, self.printer, self.server)
        wait_for_clock(look.host, self.printer)
        found = [(task, row) for task in tasks if (row := self._activate(look, task)) is not None]
        return self._keep_absent(found) if found else []

    def _activate(self, look: Look, task: BroughtTask) -> Row | None:
        """Return the task as it is then, or None if it was refused. One that is adopted already stays as it is."""
        reason = look.explain_presence(task, forces=self.forces) or look.explain_blindness(task)
        if reason is None:
            try:
                return _set_mode(self.api, task, "ACTIVE")
            except ApiRefused as error:
                reason = str(error)
        self._tell_refusal(task, reason)
        return None

    def _keep_absent(self, found: Sequence[tuple[BroughtTask, Row]]) -> list[Row]:
        """Look once more: a task whose line was put back meanwhile goes into shadow again. Return the others."""
        try:
            look = Look.take(self.api, self.printer, self.server)
        except CommandFailed as error:
            self._tell_blindness(str(error))
            return [row for _, row in found]
        kept = []
        for task, row in found:
            reason = look.explain_presence(task, forces=self.forces)
            if reason is not None:
                self._return_to_cron(task, reason)
                continue
            kept.append(row)
            blindness = look.explain_blindness(task)
            if blindness is not None:
                self._tell_blindness(blindness)
        return kept

    def _return_to_cron(self, task: BroughtTask, reason: str) -> None:
        try:
            _set_mode(self.api, task, "SHADOW")
        except CommandFailed as error:
            command = f"sshcast task set {task.id} --shadow"
            english = (
                f"its line came back, and it is still active ({error}), so that it runs twice: `{command}`. {reason}"
            )
            chinese = f"该行又出现，而任务仍处于 ACTIVE（{error}），会运行两次：请执行 {command}。{reason}"
            self._tell_refusal(task, choose(english, chinese))
            return
        english = f"its line came back while it was adopted, so it is in shadow again; see the ledger. {reason}"
        self._tell_refusal(task, choose(english, f"接管时该行又出现，任务已回到影子模式；请查看台账。{reason}"))

    def _tell_refusal(self, task: BroughtTask, reason: str) -> None:
        label = f"{format_cell(task.row['name'])} ({task.id})"
        Notes().say(choose(f"not adopted: {label}: {reason}", f"未接管：{label}：{reason}"), "red")
        self.is_whole = False

    def _tell_blindness(self, reason: str) -> None:
        english = f"adopted, but it could not be checked that no line was put back meanwhile: {reason}"
        chinese = f"已接管，但无法确认其间没有行被恢复：{reason}"
        Notes().say(choose(english, chinese), "red")
        self.is_whole = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tasks are to be adopted: `names`, or all of a server."""

    names: Sequence[str]
    server: str | None
    takes_all: bool


def adopt(api: Api, printer: Printer, selection: Selection, *, forces: bool) -> int:
    """Adopt tasks; return the exit status, 1 if any was refused."""
    rows, is_whole = [], True
    for place, tasks in _group(api, _find(api, selection)):
        adoption = Adoption(api, printer, place, forces)
        rows += adoption.carry_out(tasks)
        is_whole = is_whole and adoption.is_whole
    printer.show_rows(rows, COLUMNS)
    if rows:
        what = "1 task is" if len(rows) == 1 else f"{len(rows)} tasks are"
        printer.tell_change(api, f"{what} adopted", f"已接管 {len(rows)} 个任务")
    return int(not is_whole)


def _find(api: Api, selection: Selection) -> list[BroughtTask]:
    server = selection.server
    if selection.names and (server is not None or selection.takes_all):
        raise CommandFailed(choose("give either tasks, or --server NAME --all", "请给出任务，或 --server NAME --all"))
    if selection.names:
        return [_load(api, name) for name in selection.names]
    if server is None or not selection.takes_all:
        english = "which tasks? Give their names or ids, or --server NAME --all"
        raise CommandFailed(choose(english, "哪些任务？请给出名称或编号，或 --server NAME --all"))
    tasks, _ = load_tasks(api, load_server(api, server)["id"])
    found = [task for task in tasks if task.is_shadow]
    if not found:
        english = f"no task of {server} that was imported from a crontab is in shadow"
        raise CommandFailed(choose(english, f"{server} 没有处于影子模式的导入任务"))
    return found


def _load(api: Api, name: str) -> BroughtTask:
    row = api.execute(SHOW, {"id": find_task_id(api, name)})["task"]
    mark = None if row is None else Mark.find(row["command"])
    if row is None or mark is None or row["server"] is None:
        english = f"{name} is no task that was imported from a crontab: see `sshcast crontab status SERVER`"
        raise CommandFailed(choose(english, f"{name} 不是从 crontab 导入的任务：见 sshcast crontab status SERVER"))
    return BroughtTask(row, mark)


def _group(api: Api, tasks: Sequence[BroughtTask]) -> Iterator[tuple[dict[str, Any], list[BroughtTask]]]:
    """Yield each server with its tasks, each of them once."""
    unique = {task.id: task for task in tasks}.values()
    for id in dict.fromkeys(task.row["server"]["id"] for task in unique):
        yield load_server(api, id), [task for task in unique if task.row["server"]["id"] == id]


def _set_mode(api: Api, task: BroughtTask, mode: str) -> Row:
    """Return the task as it is then."""
    found: Row = api.execute(ADOPT, {"input": {"id": task.id, "scheduleMode": mode}})["updateTask"]["task"]
    return found


def _format_first(row: Row) -> str:
    if not row["enabled"]:
        return choose("none: it is disabled", "无：已停用")
    if not row["nextRuns"]:
        return choose("none: it is paused", "无：已暂停")
    return format_local(row["nextRuns"][0])
