"""`sshcast fleet …`: the runs on many servers, which `sshcast run --tag …` and fleet tasks start."""

import importlib
from typing import Annotated, Any

import typer

from sshcast.remote.api import Api
from sshcast.remote.names import find_task_id
from sshcast.remote.options import with_api
from sshcast.remote.pages import read_pages
from sshcast.remote.printing import Column, Printer, Row, format_time
from sshcast.remote.states import choose_style

app = typer.Typer(help="Runs on many servers: list, show, watch, cancel, retry.", no_args_is_help=True)

LIST = """
query FleetRuns($first: Int!, $after: String, $filter: FleetRunFilter) {
  fleetRuns(first: $first, after: $after, filter: $filter) {
    nodes {
      id state reason trigger command createdAt endTime createdBy { name } task { id name }
      counts { size waiting pending running success failed timeout cancelled refused notStarted removed }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
RETRY = """
mutation RetryFleetRun($input: RetryFleetRunInput!) {
  retryFleetRun(input: $input) { errors { code field message } fleetRun { id state counts { size } } }
}
"""
# What a repeated command certainly has not done part of; the others are repeated only where they are named.
SAFE_REASONS = (
    "AUTH_FAILED",
    "CANCELLED",
    "DEADLINE",
    "EXIT_STATUS",
    "HOST_KEY_CHANGED",
    "HOST_KEY_UNKNOWN",
    "NOT_ALLOWED",
    "OUTPUT_LIMIT",
    "REFUSED_BY_POLICY",
    "START_FAILED",
    "UNREACHABLE",
)


def _count(*names: str) -> Any:
    return lambda row: sum(row["counts"][name] for name in names)


COLUMNS = (
    Column("id", "编号", lambda row: row["id"]),
    Column("state", "状态", lambda row: row["state"], lambda row: choose_style(row["state"])),
    Column("servers", "服务器", _count("size")),
    Column("succeeded", "成功", _count("success")),
    Column("failed", "失败", _count("failed", "timeout")),
    Column("not run", "未执行", _count("refused", "notStarted", "cancelled")),
    Column("task", "任务", lambda row: (row["task"] or {}).get("name")),
    Column("by", "用户", lambda row: (row["createdBy"] or {}).get("name")),
    Column("started", "开始", lambda row: format_time(row["createdAt"])),
    Column("command", "命令", lambda row: row["command"].split("\n")[0]),
)
FACTS = (
    *COLUMNS[:2],
    Column("reason", "原因", lambda row: row["reason"]),
    *COLUMNS[2:9],
    Column("ended", "结束", lambda row: format_time(row["endTime"])),
    Column("retry of", "重试自", lambda row: (row["retryOf"] or {}).get("id")),
    Column("command", "命令", lambda row: row["command"]),
)
MEMBERS = (
    Column("server", "服务器", lambda row: (row["server"] or {}).get("name") or row["serverId"]),
    Column("state", "状态", lambda row: _get_state(row), lambda row: choose_style(_get_state(row))),
    Column("execution", "执行", lambda row: row["executionId"]),
    Column("exit status", "退出状态", lambda row: (row["execution"] or {}).get("exitCode")),
    Column("reason", "原因", lambda row: row["message"] or row["refusal"] or (row["execution"] or {}).get("reason")),
)


def _get_state(member: Row) -> str:
    return str((member["execution"] or member)["state"])


@app.command("list")
@with_api
def list_fleet_runs(
    api: Api,
    printer: Printer,
    state: Annotated[list[str] | None, typer.Option(help="Only in this state; may be repeated.")] = None,
    task: Annotated[str | None, typer.Option(help="Only of this task, by name or id.")] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many to list, the newest first.")] = 20,
) -> None:
    """List fleet runs, the newest first."""
    filter: dict[str, Any] = {"states": [each.upper() for each in state]} if state else {}
    if task is not None:
        filter["taskId"] = find_task_id(api, task)
    variables = {"first": min(number, 100), "filter": filter}
    printer.show_rows(list(read_pages(api, LIST, "fleetRuns", variables, most=number)), COLUMNS)


@app.command("show")
@with_api
def show_fleet_run(
    api: Api,
    printer: Printer,
    fleet_run_id: str,
    groups: Annotated[bool, typer.Option("--groups/--no-groups", help="Show the answers, equal ones together.")] = True,
) -> None:
    """Show a fleet run: each server with its state, and the answers, equal ones together and the rarest first."""
    answers = importlib.import_module("sshcast.remote.fleet_answers")
    found = answers.read_fleet_run(api, fleet_run_id)
    members = list(answers.read_members(api, fleet_run_id))
    if printer.as_json:
        more = {"groups": list(answers.read_groups(api, fleet_run_id))} if groups else {}
        return printer.show_json({**found, "members": members, **more})
    printer.show_object(found, FACTS)
    print()
    printer.show_rows(members, MEMBERS)
    if groups:
        print()
        answers.show_groups(api, fleet_run_id)
    return None


@app.command("watch")
@with_api
def watch_fleet_run(api: Api, printer: Printer, fleet_run_id: str) -> int:
    """Follow a fleet run to its end and show its answers; exits with 0 if all succeeded, else with 1."""
    status: int = _load_running().watch(api, printer, fleet_run_id)
    return status


@app.command("cancel")
@with_api
def cancel_fleet_run(api: Api, printer: Printer, fleet_run_id: str) -> None:
    """Cancel a fleet run: nothing more starts, and what runs is asked to stop."""
    found = api.execute(_load_running().CANCEL, {"id": fleet_run_id})["cancelFleetRun"]
    if printer.as_json:
        printer.show_json(found["fleetRun"])
    printer.tell_change(api, f"fleet run {fleet_run_id} is asked to stop", f"已请求停止批量执行 {fleet_run_id}")


@app.command("retry")
@with_api
def retry_fleet_run(
    api: Api,
    printer: Printer,
    fleet_run_id: str,
    reason: Annotated[
        list[str] | None,
        typer.Option(help="Where it ended for this reason; may be repeated. Else all but LOST, SIGNAL and TIMEOUT."),
    ] = None,
    not_started: Annotated[
        bool, typer.Option("--not-started/--only-started", help="Also where it was refused or not started.")
    ] = True,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the new fleet run to its end.")] = True,
) -> int:
    """Start a new fleet run where one did not succeed, and follow it as `sshcast run` does."""
    reasons = [each.upper() for each in reason] if reason else list(SAFE_REASONS)
    # A service that is not there is not waited for; from the start on it is, as its answer may be lost.
    importlib.import_module("sshcast.remote.fleet_answers").read_fleet_run(api, fleet_run_id)
    wanted = {"id": fleet_run_id, "reasons": reasons, "notStarted": not_started}
    status: int = _load_running().retry(api, printer, RETRY, wanted, waits=wait)
    return status


def _load_running() -> Any:
    return importlib.import_module("sshcast.remote.fleet_running")
