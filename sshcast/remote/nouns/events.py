"""`sshcast watch` and `sshcast events`: what happens, as it happens, without a gap where the connection is cut."""

import importlib
from collections.abc import Callable
from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.names import find_server_id, find_task_id
from sshcast.remote.options import with_api
from sshcast.remote.printing import Printer, Row, format_duration, format_time
from sshcast.words import choose

WATCH = """
subscription Watch($after: String, $filter: EventFilter) {
  events(after: $after, filter: $filter) {
    cursor at kind actor { name }
    ... on ExecutionEvent {
      executionId state reason
      execution { command exitCode durationMs server { name } task { name } createdBy { name } }
    }
  }
}
"""
EVENTS = """
subscription Events($after: String, $filter: EventFilter) {
  events(after: $after, filter: $filter) {
    cursor at kind actor { name }
    ... on ExecutionEvent { executionId state reason execution { command exitCode server { name } } }
    ... on SlotEvent { slotId taskId outcome }
    ... on TaskEvent { taskId task { name } }
    ... on ServerEvent { serverId server { name } }
    ... on FleetRunEvent { fleetRunId fleetRunState }
    ... on AuditRecorded { auditEvent { id action: kind objectKind objectId } }
  }
}
"""
WATCHED = ["EXECUTION_STARTED", "EXECUTION_ENDED"]
IDS = {
    "executionId": "execution",
    "fleetRunId": "fleet run",
    "slotId": "slot",
    "taskId": "task",
    "serverId": "server",
}

Server = Annotated[str | None, typer.Option("--server", help="Only on this server, by name or id.")]
Task = Annotated[str | None, typer.Option("--task", help="Only of this task, by name or id.")]
Fleet = Annotated[str | None, typer.Option("--fleet", help="Only of this fleet run, by id.")]
States = Annotated[list[str] | None, typer.Option("--state", help="Only those that come to this state; repeatable.")]
Types = Annotated[
    list[str] | None, typer.Option("--types", help="Only these kinds, with commas between; may be repeated.")
]
After = Annotated[str | None, typer.Option(help="Begin after this cursor; else with what happens from now on.")]


@with_api
def watch(
    api: Api, printer: Printer, server: Server = None, task: Task = None, fleet: Fleet = None, state: States = None
) -> None:
    """Show executions as they begin and end, one line each, until Ctrl-C (exit status 130)."""
    wanted = {each.upper() for each in state or []}

    def show(event: Row) -> bool:
        if not wanted or event["state"] in wanted:
            printer.show_event(event, _format_execution(event))
        return False

    _follow(api, printer, WATCH, _build_filter(api, server, task, fleet, WATCHED), None, show)


@with_api
def show_events(
    api: Api,
    printer: Printer,
    after: After = None,
    types: Types = None,
    server: Server = None,
    task: Task = None,
    fleet: Fleet = None,
) -> None:
    """Show every event of the service with its cursor, one line each, until Ctrl-C (exit status 130)."""
    kinds = [kind.strip().upper() for each in types or [] for kind in each.split(",") if kind.strip()]

    def show(event: Row) -> bool:
        printer.show_event(event, _format_event(event))
        return False

    _follow(api, printer, EVENTS, _build_filter(api, server, task, fleet, kinds), after, show)


def _build_filter(
    api: Api, server: str | None, task: str | None, fleet: str | None, kinds: list[str]
) -> dict[str, Any]:
    return {
        "kinds": kinds or None,
        "serverId": None if server is None else find_server_id(api, server),
        "taskId": None if task is None else find_task_id(api, task),
        "fleetRunId": fleet,
    }


def _follow(
    api: Api,
    printer: Printer,
    document: str,
    filter: dict[str, Any],
    after: str | None,
    show: Callable[[Row], bool],
) -> None:
    following = importlib.import_module("sshcast.remote.following")
    start = following.find_newest_cursor(api) if after is None else after
    following.follow_events(api, printer.notes, document, filter, start, show)
    raise CommandFailed(choose("the stream of events has ended", "事件流已结束"))


def _format_execution(event: Row) -> str:
    """Return a line with tabs: when, what, where, by whom, how long and which command."""
    found = event["execution"] or {}
    cells = [format_time(event["at"]), event["executionId"], event["state"]]
    cells += [(found.get(name) or {}).get("name") or "-" for name in ("server", "task", "createdBy")]
    ended = event["kind"] == "EXECUTION_ENDED"
    cells.append(_format_exit(event, found) if ended else "")
    cells.append(format_duration(found.get("durationMs")) if ended else "")
    return "\t".join([*map(str, cells), (found.get("command") or "").split("\n")[0]])


def _format_exit(event: Row, found: Row) -> str:
    code = found.get("exitCode")
    return str(event["reason"] or "") if code is None else f"exit status {code}"


def _format_event(event: Row) -> str:
    """Return a line with tabs: the cursor, when, the kind, by whom, what it is about, and its state."""
    about = next((f"{word} {event[name]}" for name, word in IDS.items() if event.get(name)), "")
    named = next((event[name]["name"] for name in ("task", "server") if event.get(name)), "")
    state = next((event[name] for name in ("state", "outcome", "fleetRunState") if event.get(name)), "")
    audit = (event.get("auditEvent") or {}).get("action") or ""
    cells = [event["cursor"], format_time(event["at"]), event["kind"], (event["actor"] or {}).get("name") or "-"]
    return "\t".join([*map(str, cells), f"{about} {named}".strip() or audit, state])
