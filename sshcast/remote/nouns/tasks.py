"""`sshcast task …`: named commands with a schedule."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.absence import build_absence
from sshcast.remote.api import Api
from sshcast.remote.asking import require_consent
from sshcast.remote.assignments import build_values, read_text, split_assignments
from sshcast.remote.interrupts import Interrupts
from sshcast.remote.moments import parse_future
from sshcast.remote.names import find_server_id, find_task_id
from sshcast.remote.nouns.execution_options import find_user_id
from sshcast.remote.nouns.executions import show_started
from sshcast.remote.nouns.task_changes import add_task, set_task
from sshcast.remote.nouns.task_columns import COLUMNS, FACTS, FIELDS, MORE_FIELDS, format_place
from sshcast.remote.option_groups import with_options
from sshcast.remote.options import with_api
from sshcast.remote.pages import read_pages
from sshcast.remote.printing import Printer, Row
from sshcast.remote.starting import start_whole
from sshcast.words import choose

app = typer.Typer(help="Named commands with a schedule: list, show, add, set, run, pause.", no_args_is_help=True)
app.command("add")(add_task)
app.command("set")(set_task)

LIST = f"""
query Tasks($first: Int!, $after: String, $filter: TaskFilter) {{
  tasks(first: $first, after: $after, filter: $filter, orderBy: {{field: NAME}}) {{
    nodes {{ {FIELDS} }} pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
SHOW = f"query ShowTask($id: ID!) {{ task(id: $id) {{ {FIELDS} {MORE_FIELDS} }} }}"
RUN = """
mutation RunTask($input: RunTaskInput!) {
  runTask(input: $input) {
    errors { code field message } execution { id state command server { id name } task { id name } }
  }
}
"""
PAUSE = f"""
mutation PauseTask($input: PauseTaskInput!) {{
  pauseTask(input: $input) {{ errors {{ code field message }} task {{ {FIELDS} }} }}
}}
"""
RESUME = f"""
mutation ResumeTask($input: ResumeTaskInput!) {{
  resumeTask(input: $input) {{ errors {{ code field message }} task {{ {FIELDS} }} }}
}}
"""
ENABLE = f"""
mutation SetTaskEnabled($input: SetTaskEnabledInput!) {{
  setTaskEnabled(input: $input) {{ errors {{ code field message }} task {{ {FIELDS} }} }}
}}
"""
DELETE = f"""
mutation DeleteTask($input: DeleteTaskInput!) {{
  deleteTask(input: $input) {{ errors {{ code field message }} task {{ {FIELDS} }} }}
}}
"""
Names = Annotated[list[str], typer.Argument(metavar="TASK...", help="Tasks, by name or id.")]
Name = Annotated[str, typer.Argument(help="The task, by name or id.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskListOptions:
    """Which tasks; None does not select."""

    name: Annotated[str | None, typer.Option(help="Only those whose name contains this text.")] = None
    server: Annotated[str | None, typer.Option(help="Only of this server, by name or id.")] = None
    tag: Annotated[
        list[str] | None, typer.Option(help="Only of servers with this tag; repeated: with all of them.")
    ] = None
    user: Annotated[str | None, typer.Option(help="Only those that this user created; `me` for you.")] = None
    enabled: Annotated[
        bool | None, typer.Option("--enabled/--disabled", help="Only those that are enabled, or disabled.")
    ] = None
    shadow: Annotated[
        bool | None, typer.Option("--shadow/--active", help="Only those in shadow, or those that start runs.")
    ] = None


@dataclass(frozen=True, slots=True)
class Change:
    """A mutation of a task: its input beside the id, and what is said once it was made."""

    document: str
    root: str
    english: str
    chinese: str
    given: dict[str, Any] = field(default_factory=dict)


@app.command("list")
@with_api
@with_options
def list_tasks(
    api: Api,
    printer: Printer,
    which: TaskListOptions,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many to list, by name.")] = 100,
) -> None:
    """List tasks, by name; those that start nothing are marked."""
    variables = {"first": min(number, 100), "filter": _build_filter(api, which)}
    printer.show_rows(list(read_pages(api, LIST, "tasks", variables, most=number)), COLUMNS)


@app.command("show")
@with_api
def show_task(api: Api, printer: Printer, task: Name) -> None:
    """Show a task: its schedule, its terms, and when it is due next."""
    printer.show_object(_load(api, task), FACTS)


@app.command("run")
@with_api
def run_task(
    api: Api,
    printer: Printer,
    task: Name,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="NAME=VALUE of a parameter; may be repeated.")
    ] = None,
    param_file: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FILE: a parameter's value from a file, without its last line end; - is stdin."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show its output to its end, and exit with its status.")] = False,
) -> int:
    """Run a task now, and print the execution's id."""
    values = build_values("--param", param) + _read_files(param_file or [])
    given = {"taskId": find_task_id(api, task), "parameters": values}
    interrupts = Interrupts()
    with interrupts.catch(api):
        found = start_whole(api, printer.notes, RUN, {"input": given})["runTask"]["execution"]
        printer.tell_change(
            api, f"task {task} is started: execution {found['id']}", f"任务 {task} 已启动：执行 {found['id']}"
        )
        return show_started(api, printer, found, interrupts, wait=wait)


@app.command("pause")
@with_api
def pause_tasks(
    api: Api,
    printer: Printer,
    tasks: Names,
    until: Annotated[str | None, typer.Option(help="Until then: 2h from now, or 2026-12-01T08:00.")] = None,
) -> None:
    """Let schedules start nothing, until `sshcast task resume` or a given time."""
    moment = None if until is None else parse_future("--until", until)
    change = Change(PAUSE, "pauseTask", "is paused", "已暂停", {"until": moment})
    _change(api, printer, change, _find_ids(api, tasks))


@app.command("resume")
@with_api
def resume_tasks(api: Api, printer: Printer, tasks: Names) -> None:
    """End the pause of schedules."""
    _change(api, printer, Change(RESUME, "resumeTask", "is resumed", "已恢复"), _find_ids(api, tasks))


@app.command("enable")
@with_api
def enable_tasks(api: Api, printer: Printer, tasks: Names) -> None:
    """Let schedules start their tasks."""
    change = Change(ENABLE, "setTaskEnabled", "is enabled", "已启用", {"enabled": True})
    _change(api, printer, change, _find_ids(api, tasks))


@app.command("disable")
@with_api
def disable_tasks(api: Api, printer: Printer, tasks: Names) -> None:
    """Let schedules start nothing, until `sshcast task enable`."""
    change = Change(ENABLE, "setTaskEnabled", "is disabled", "已停用", {"enabled": False})
    _change(api, printer, change, _find_ids(api, tasks))


@app.command("rm")
@with_api
def remove_tasks(
    api: Api,
    printer: Printer,
    tasks: Names,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete tasks. Their executions stay; those that are pending are cancelled."""
    found = [_load(api, each) for each in tasks]
    labels = ", ".join(f"{each['name']} ({each['id']}) on {format_place(each)}" for each in found)
    require_consent(f"Delete {labels} at {api.place}?", f"删除 {api.place} 的 {labels}？", yes=yes)
    _change(api, printer, Change(DELETE, "deleteTask", "is deleted", "已删除"), [each["id"] for each in found])


def _load(api: Api, name: str) -> Row:
    found: Row | None = api.execute(SHOW, {"id": find_task_id(api, name)})["task"]
    if found is None:
        raise build_absence("task", name, noun="task")
    return found


def _change(api: Api, printer: Printer, change: Change, ids: Sequence[str]) -> None:
    """Make the change for each task, and say so."""
    changed = []
    for id in ids:
        task = api.execute(change.document, {"input": {"id": id, **change.given}})[change.root]["task"]
        changed.append(task)
        label = f"{task['name']} ({task['id']})"
        printer.tell_change(api, f"task {label} {change.english}", f"任务 {label} {change.chinese}")
    if printer.as_json:
        printer.show_json(changed)


def _find_ids(api: Api, tasks: Sequence[str]) -> list[str]:
    """Return the ids of all of them, before any is changed."""
    return [find_task_id(api, each) for each in tasks]


def _build_filter(api: Api, given: TaskListOptions) -> dict[str, Any]:
    modes = {None: None, True: "SHADOW", False: "ACTIVE"}
    found = {
        "nameContains": given.name,
        "serverId": None if given.server is None else find_server_id(api, given.server),
        "tagsAll": given.tag or None,
        "createdById": None if given.user is None else find_user_id(api, given.user),
        "enabled": given.enabled,
        "scheduleMode": modes[given.shadow],
    }
    return {name: value for name, value in found.items() if value is not None}


def _read_files(given: list[str]) -> list[dict[str, Any]]:
    pairs = split_assignments("--param-file", given)
    if sum(path == "-" for _, path in pairs) > 1:
        raise CommandFailed(
            choose(
                "--param-file: only one value can come by standard input", "--param-file：只有一个值可以来自标准输入"
            )
        )
    return [
        {"name": name, "value": read_text("--param-file", Path(path)).removesuffix("\n").removesuffix("\r")}
        for name, path in pairs
    ]
