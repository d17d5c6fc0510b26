"""`sshcast task add` and `sshcast task set`."""

from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.names import find_task_id
from sshcast.remote.nouns.slot_columns import format_local
from sshcast.remote.nouns.task_columns import FIELDS, MORE_FIELDS
from sshcast.remote.nouns.task_options import (
    FieldOptions,
    PlaceOptions,
    TermOptions,
    build_fields,
    build_place,
    build_terms,
)
from sshcast.remote.option_groups import with_options
from sshcast.remote.options import with_api
from sshcast.remote.printing import Printer, Row
from sshcast.words import choose

CREATE = f"""
mutation AddTask($input: CreateTaskInput!) {{
  createTask(input: $input) {{
    errors {{ code field message }} execution {{ id }} task {{ {FIELDS} {MORE_FIELDS} }}
  }}
}}
"""
UPDATE = f"""
mutation SetTask($input: UpdateTaskInput!) {{
  updateTask(input: $input) {{ errors {{ code field message }} task {{ {FIELDS} {MORE_FIELDS} }} }}
}}
"""
FLEET = """
query FleetOfTask($id: ID!) {
  task(id: $id) { fleet { batchSize { number percent } pauseSeconds stopAfter { number percent } onRefused } }
}
"""
# What `--clear` takes away: the field of the API, and its value then.
CLEARED: dict[str, tuple[str, Any]] = {
    "dir": ("workingDir", None),
    "env": ("env", []),
    "secret-env": ("secretEnv", []),
    "params": ("parameters", []),
    "values": ("parameterValues", []),
    "timeout": ("timeoutSeconds", None),
    "output-limit": ("outputLimitBytes", None),
    "on-output-limit": ("onOutputLimit", None),
    "run-mode": ("runMode", None),
}
Command = Annotated[
    list[str] | None, typer.Argument(help="The command, after --. A single word is taken as shell text.")
]
Shadow = Annotated[
    bool | None, typer.Option("--shadow/--active", help="Only record when it is due, and start nothing.")
]


@with_api
@with_options
def add_task(
    api: Api,
    printer: Printer,
    place: PlaceOptions,
    fields: FieldOptions,
    terms: TermOptions,
    name: Annotated[str, typer.Argument(help="Its name.")],
    command: Command = None,
    shadow: Shadow = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Do not start it by its schedule yet.")] = False,
) -> None:
    """Add a task: `sshcast task add NAME --server SERVER --cron '0 2 * * *' -- COMMAND`. Prints its id."""
    given = build_fields(command, fields) | build_terms(terms)
    if "command" not in given:
        raise CommandFailed(
            choose(
                "what is it to run? Give the command after --, or its file with --file",
                "要运行什么？请在 -- 之后给出命令，或用 --file 给出其文件",
            )
        )
    given |= {"name": name, "cronExpr": given.get("cronExpr", "@manual"), "enabled": not disabled}
    given |= _build_mode(shadow) | build_place(api, place)
    if "serverId" not in given and "selector" not in given:
        raise CommandFailed(
            choose(
                "where is it to run? Give --server, --tag, --any-tag or --every-server",
                "在哪里运行？请给出 --server、--tag、--any-tag 或 --every-server",
            )
        )
    found = api.execute(CREATE, {"input": given})["createTask"]
    _tell(api, printer, found["task"], "added", "已添加")
    if found["execution"] is not None:
        id = found["execution"]["id"]
        printer.tell(f"it was started: execution {id}", f"已启动：执行 {id}", "green")
    if printer.as_json:
        printer.show_json(found["task"])
    else:
        print(found["task"]["id"])


@with_api
@with_options
def set_task(
    api: Api,
    printer: Printer,
    place: PlaceOptions,
    fields: FieldOptions,
    terms: TermOptions,
    task: Annotated[str, typer.Argument(help="The task, by name or id.")],
    command: Command = None,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    shadow: Shadow = None,
    clear: Annotated[list[str] | None, typer.Option(help=f"Take away: {', '.join(CLEARED)}; may be repeated.")] = None,
) -> None:
    """Change a task. What is not given stays as it is."""
    given = build_fields(command, fields) | build_terms(terms) | _build_mode(shadow)
    given |= {} if name is None else {"name": name}
    given = _add_cleared(given, clear or [])
    given |= build_place(api, place)
    if not given:
        raise CommandFailed(
            choose(
                "nothing was given to change: see `sshcast task set --help`",
                "没有给出任何更改：见 `sshcast task set --help`",
            )
        )
    id = find_task_id(api, task)
    if "fleet" in given:
        given |= {"fleet": _load_fleet(api, id) | given["fleet"]}
    found = api.execute(UPDATE, {"input": {"id": id, **given}})["updateTask"]["task"]
    _tell(api, printer, found, "changed", "已更改", has_preview="cronExpr" in given or "timezone" in given)
    if printer.as_json:
        printer.show_json(found)


def _load_fleet(api: Api, id: str) -> dict[str, Any]:
    """Return how the task's fleet runs are carried out now, as input: the API replaces all of it."""
    task = api.execute(FLEET, {"id": id})["task"]
    fleet = None if task is None else task["fleet"]
    if fleet is None:
        return {}
    found = {"pauseSeconds": fleet["pauseSeconds"], "onRefused": fleet["onRefused"]}
    for name, word in (("batchSize", "servers"), ("stopAfter", "failures")):
        number = fleet[name]
        if number is not None:
            is_percent = number["percent"] is not None
            found[name] = {"percent": number["percent"]} if is_percent else {word: number["number"]}
    return found


def _build_mode(shadow: bool | None) -> dict[str, Any]:
    return {} if shadow is None else {"scheduleMode": "SHADOW" if shadow else "ACTIVE"}


def _add_cleared(given: dict[str, Any], names: list[str]) -> dict[str, Any]:
    for name in names:
        if name not in CLEARED:
            raise CommandFailed(
                choose(
                    f"--clear {name}: this is none of {', '.join(CLEARED)}",
                    f"--clear {name}：不是以下之一：{', '.join(CLEARED)}",
                )
            )
        field, value = CLEARED[name]
        if field in given:
            raise CommandFailed(choose(f"--clear {name}: it is given too", f"--clear {name}：它同时又被给出"))
        given = given | {field: value}
    return given


def _tell(api: Api, printer: Printer, task: Row, english: str, chinese: str, *, has_preview: bool = True) -> None:
    """Say what was changed, and when it is due next."""
    label = f"{task['name']} ({task['id']})"
    printer.tell_change(api, f"task {label} {english}", f"任务 {label} {chinese}")
    if has_preview:
        for each in task["nextRuns"]:
            line = f"{format_local(each)} {task['timezone']}"
            printer.tell(f"next due {line}", f"下次到期 {line}")
