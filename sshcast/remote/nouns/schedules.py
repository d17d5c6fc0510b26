"""`sshcast schedule …`: when schedules are due, and what happened when they were."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.absence import build_absence
from sshcast.remote.api import Api
from sshcast.remote.enums import DST, OUTCOMES, read_word
from sshcast.remote.moments import parse_future, parse_past
from sshcast.remote.names import find_server_id, find_task_id
from sshcast.remote.nouns.slot_columns import LEDGER, NEXT
from sshcast.remote.option_groups import with_options
from sshcast.remote.options import with_api
from sshcast.remote.pages import read_pages
from sshcast.remote.printing import Printer
from sshcast.words import choose

app = typer.Typer(help="When schedules are due, and what happened when they were.", no_args_is_help=True)

RUNS = "at local note slot wantedLocal blackoutUntil"
NEXT_OF_TASK = f"""
query NextOfTask($id: ID!, $count: Int!) {{
  task(id: $id) {{ id name cronExpr timezone enabled pausedAt nextRuns(count: $count) {{ {RUNS} }} }}
}}
"""
PREVIEW = f"""
query Preview($cron: String!, $timezone: String, $count: Int!, $from: DateTime, $dst: ScheduleDst!, $server: ID) {{
  schedulePreview(
    cronExpr: $cron, timezone: $timezone, count: $count, from: $from, dst: $dst, serverId: $server
  ) {{ descriptionEn descriptionZh errors {{ code field message }} runs {{ {RUNS} }} }}
}}
"""
LIST = """
query Ledger($first: Int!, $after: String, $filter: ScheduleSlotFilter) {
  scheduleLedger(first: $first, after: $after, filter: $filter, orderBy: {field: SLOT, direction: DESC}) {
    nodes {
      id slot outcome reason note decidedAt executionId retriesLeft retryAt startBy taskId task { id name }
      fleetRun { id } execution { id state }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewOptions:
    """A schedule that no task has yet."""

    cron: Annotated[str | None, typer.Option(help="A schedule, instead of a task: '0 2 * * MON-FRI'.")] = None
    timezone: Annotated[str | None, typer.Option(help="With --cron: its IANA time zone; else the service's.")] = None
    dst: Annotated[str | None, typer.Option(help=f"With --cron: how clock changes count, {'|'.join(DST).lower()}.")] = (
        None
    )
    server: Annotated[str | None, typer.Option(help="With --cron: mark this server's blackout windows.")] = None
    since: Annotated[str | None, typer.Option("--from", help="With --cron: begin then, and not now.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerOptions:
    """Which slots; None does not select."""

    task: Annotated[str | None, typer.Option(help="Only of this task, by name or id.")] = None
    server: Annotated[str | None, typer.Option(help="Only of tasks of this server, by name or id.")] = None
    outcome: Annotated[
        list[str] | None, typer.Option(help="Only with this outcome, such as missed; may be repeated.")
    ] = None
    since: Annotated[str | None, typer.Option(help="Only those due since then: 2d ago, or 2026-11-30.")] = None
    until: Annotated[str | None, typer.Option(help="Only those due until then.")] = None


@app.command("next")
@with_api
@with_options
def show_next(
    api: Api,
    printer: Printer,
    preview: PreviewOptions,
    task: Annotated[str | None, typer.Argument(help="A task, by name or id.")] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, max=100, help="How many to list.")] = 10,
) -> None:
    """Show when a task, or a schedule that is not saved yet, is due next: in its time zone, and in this machine's."""
    if (task is None) == (preview.cron is None):
        raise CommandFailed(choose("name a task, or give a schedule with --cron", "请指定任务，或用 --cron 给出计划"))
    if task is None:
        _show_preview(api, printer, preview, number)
    elif preview != PreviewOptions():
        raise CommandFailed(
            choose(
                "--timezone, --dst, --server and --from go with --cron: a task has its own",
                "--timezone、--dst、--server 和 --from 须与 --cron 同用：任务有自己的设置",
            )
        )
    else:
        _show_task(api, printer, task, number)


@app.command("ledger")
@with_api
@with_options
def show_ledger(
    api: Api,
    printer: Printer,
    which: LedgerOptions,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many to list, the newest first.")] = 20,
) -> None:
    """Show what happened when schedules were due, the newest first: also why nothing was started."""
    variables = {"first": min(number, 100), "filter": _build_filter(api, which)}
    printer.show_rows(list(read_pages(api, LIST, "scheduleLedger", variables, most=number)), LEDGER)


def _show_task(api: Api, printer: Printer, name: str, number: int) -> None:
    id = find_task_id(api, name)
    task = api.execute(NEXT_OF_TASK, {"id": id, "count": number})["task"]
    if task is None:
        raise build_absence("task", name)
    printer.tell(f"{task['cronExpr']} ({task['timezone']})", f"{task['cronExpr']}（{task['timezone']}）")
    if not task["nextRuns"]:
        why = _explain_nothing(task)
        printer.tell(why[0], why[1], "yellow")
    printer.show_rows(task["nextRuns"], NEXT)


def _explain_nothing(task: dict[str, Any]) -> tuple[str, str]:
    if not task["enabled"]:
        return "it is disabled, so nothing is due", "任务已停用，没有到期时间"
    if task["pausedAt"] is not None:
        return "it is paused until it is resumed, so nothing is due", "任务已暂停，恢复前没有到期时间"
    return "its schedule is never due any more", "此计划不再到期"


def _show_preview(api: Api, printer: Printer, given: PreviewOptions, number: int) -> None:
    variables = {
        "cron": given.cron,
        "timezone": given.timezone,
        "count": number,
        "from": None if given.since is None else parse_future("--from", given.since),
        "dst": "VIXIE" if given.dst is None else read_word("--dst", given.dst, DST),
        "server": None if given.server is None else find_server_id(api, given.server),
    }
    found = api.execute(PREVIEW, variables)["schedulePreview"]
    described = choose(found["descriptionEn"] or "", found["descriptionZh"] or "")
    if described:
        printer.tell(described, described)
    printer.show_rows(found["runs"], NEXT)


def _build_filter(api: Api, given: LedgerOptions) -> dict[str, Any]:
    found = {
        "taskId": None if given.task is None else find_task_id(api, given.task),
        "serverId": None if given.server is None else find_server_id(api, given.server),
        "outcomes": [read_word("--outcome", each, OUTCOMES) for each in given.outcome] if given.outcome else None,
        "slotFrom": None if given.since is None else parse_past("--since", given.since),
        "slotTo": None if given.until is None else parse_past("--until", given.until),
    }
    return {name: value for name, value in found.items() if value is not None}
