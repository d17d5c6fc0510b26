"""Decides what an import would do with each line: which become tasks, which are there already, which cannot be."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.crontab.lines import Line
from sshcast.remote.crontab.meaning import Meaning, interpret
from sshcast.remote.crontab.tasks import BroughtTask, match
from sshcast.remote.crontab.words import NotImported
from sshcast.words import choose

PREVIEW = """
query CrontabSchedule($cronExpr: String!, $timezone: String) {
  schedulePreview(cronExpr: $cronExpr, timezone: $timezone, count: 1) {
    errors { code field message } descriptionEn descriptionZh
  }
}
"""
LONGEST_NAME = 100
LONGEST_LABEL = 60


class LineAction(StrEnum):
    """What becomes of a line. CHANGED: its task was made of it before it changed, and stays without `--update`."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    CHANGED = "CHANGED"
    NONE = "NONE"
    FAILED = "FAILED"


@dataclass(slots=True)
class PlannedLine:
    """One line of the plan. `words`: its schedule in English and Chinese. `changes`: which fields differ."""

    line: Line
    action: LineAction = LineAction.CREATE
    meaning: Meaning | None = None
    task: BroughtTask | None = None
    name: str | None = None
    id: str | None = None
    words: tuple[str, str] = ("", "")
    changes: list[str] = field(default_factory=list)
    reason: str | None = None

    def fail(self, reason: str) -> None:
        self.action, self.reason = LineAction.FAILED, reason


@dataclass(slots=True)
class LinePlanner:
    """Makes the plan for one server. `timezone`: that of its cron; None for the service's. `names`: those in use."""

    api: Api
    account: str
    timezone: str | None
    timeout: int
    prefix: str
    names: set[str]
    updates: bool = False
    _previews: dict[tuple[str, str | None], tuple[str, str]] = field(default_factory=dict)

    def plan(self, lines: Iterable[Line], tasks: Sequence[BroughtTask]) -> Iterator[PlannedLine]:
        for line, task in match(lines, tasks):
            step = PlannedLine(line, task=task, id=None if task is None else task.id)
            try:
                self._decide(step)
            except NotImported as error:
                step.fail(str(error))
            yield step

    def _decide(self, step: PlannedLine) -> None:
        step.meaning = interpret(step.line, self.account, self.timezone, self.timeout)
        fields = step.meaning.fields
        step.words = self._preview(fields["cronExpr"], fields["timezone"])
        if step.task is None:
            step.name = self._choose_name(step.line)
            return
        step.name = step.task.row["name"]
        step.changes = _find_changes(step.meaning, step.task)
        if not step.changes:
            step.action = LineAction.NONE
        elif not step.task.is_shadow:
            step.action = LineAction.CHANGED
            english = "its task is adopted: change it with `sshcast task set`"
            step.reason = choose(english, "其任务已被接管：请用 sshcast task set 更改")
        else:
            step.action = LineAction.UPDATE if self.updates else LineAction.CHANGED

    def _preview(self, cron_expr: str, timezone: str | None) -> tuple[str, str]:
        """Return the schedule in words; raise NotImported if the service does not take it."""
        key = (cron_expr, timezone)
        if key not in self._previews:
            try:
                found = self.api.execute(PREVIEW, {"cronExpr": cron_expr, "timezone": timezone})["schedulePreview"]
            except ApiRefused as error:
                english = f"the service does not take its schedule: {error}"
                raise NotImported(choose(english, f"服务不接受其计划：{error}")) from None
            self._previews[key] = (found["descriptionEn"] or "", found["descriptionZh"] or "")
        return self._previews[key]

    def _choose_name(self, line: Line) -> str:
        """Return a name that no other task of the server has."""
        words = "".join(sign if sign.isprintable() else " " for sign in line.command).split()
        base = f"{self.prefix} {' '.join(words)[:LONGEST_LABEL]}".strip()[: LONGEST_NAME - 6].strip()
        name, number = base, 1
        while name in self.names:
            number += 1
            name = f"{base} ({number})"
        self.names.add(name)
        return name


def _find_changes(meaning: Meaning, task: BroughtTask) -> list[str]:
    """Return which fields of the task are not as the line says; values of variables are compared by their digest."""
    wanted = meaning.fields
    found = [name for name in ("cronExpr", "workingDir") if wanted[name] != task.row[name]]
    if wanted["timezone"] not in (None, task.row["timezone"]):
        found.append("timezone")
    if meaning.mark.variables != task.mark.variables:
        found.append("env")
    if _drop_head(wanted["command"]) != _drop_head(task.row["command"]):
        found.append("command")
    return found


def _drop_head(command: str) -> str:
    """Return a command without the comment that says where it comes from."""
    return "\n".join(line for line in command.split("\n") if not line.startswith("# crontab: "))


def build_input(step: PlannedLine, server: dict[str, Any]) -> dict[str, Any]:
    """Return CreateTaskInput, or UpdateTaskInput for a task that is there."""
    assert step.meaning is not None, "only lines that have a meaning are carried out"
    if step.task is None:
        return {**step.meaning.fields, "name": step.name, "serverId": server["id"]}
    fields = step.meaning.fields
    changed = {name: fields[name] for name in ("command", "cronExpr", "timezone", "env", "workingDir")}
    return {"id": step.task.id, **changed, "terms": {"jitterSeconds": fields["terms"].get("jitterSeconds", 0)}}
