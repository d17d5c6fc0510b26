"""`sshcast execution …`: the record of what ran."""

from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.names import find_server_id, find_task_id
from sshcast.remote.options import with_api
from sshcast.remote.pages import read_pages
from sshcast.remote.printing import Column, Printer, Row, format_duration, format_time
from sshcast.remote.states import choose_style

app = typer.Typer(help="The record of what ran: list, show, cancel.", no_args_is_help=True)

FIELDS = """
id state reason exitCode exitSignal message trigger command createdAt startTime endTime durationMs
server { id name } task { id name } createdBy { name }
"""
LIST = f"""
query Executions($first: Int!, $after: String, $filter: TaskExecutionFilter) {{
  executions(first: $first, after: $after, filter: $filter, orderBy: {{field: CREATED_AT, direction: DESC}}) {{
    nodes {{ {FIELDS} }} pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
SHOW = f"""
query Execution($id: ID!) {{
  execution(id: $id) {{
    {FIELDS} mode timeoutSeconds outputLimitBytes stdoutBytes stderrBytes truncated verifiedGone attempt slot
    workingDir envNames
  }}
}}
"""
CANCEL = """
mutation CancelExecution($id: ID!) {
  cancelExecution(input: {id: $id}) { errors { code field message } execution { id state cancelRequestedAt } }
}
"""
COLUMNS = (
    Column("id", "编号", lambda row: row["id"]),
    Column("state", "状态", lambda row: row["state"], lambda row: choose_style(row["state"])),
    Column("server", "服务器", lambda row: (row["server"] or {}).get("name")),
    Column("task", "任务", lambda row: (row["task"] or {}).get("name")),
    Column("by", "用户", lambda row: (row["createdBy"] or {}).get("name")),
    Column("started", "开始", lambda row: format_time(row["startTime"] or row["createdAt"])),
    Column("took", "用时", lambda row: format_duration(row["durationMs"])),
    Column("command", "命令", lambda row: row["command"].split("\n")[0]),
)
FACTS = (
    *COLUMNS[:5],
    Column("reason", "原因", lambda row: row["reason"]),
    Column("message", "说明", lambda row: row["message"]),
    Column("exit status", "退出状态", lambda row: row["exitCode"]),
    Column("signal", "信号", lambda row: row["exitSignal"]),
    Column("trigger", "触发方式", lambda row: row["trigger"]),
    Column("requested", "请求时间", lambda row: format_time(row["createdAt"])),
    Column("started", "开始", lambda row: format_time(row["startTime"])),
    Column("ended", "结束", lambda row: format_time(row["endTime"])),
    Column("took", "用时", lambda row: format_duration(row["durationMs"])),
    Column("stdout bytes", "stdout 字节", lambda row: row["stdoutBytes"]),
    Column("stderr bytes", "stderr 字节", lambda row: row["stderrBytes"]),
    Column("command", "命令", lambda row: row["command"]),
)


@app.command("list")
@with_api
def list_executions(
    api: Api,
    printer: Printer,
    state: Annotated[list[str] | None, typer.Option(help="Only in this state; may be repeated.")] = None,
    server: Annotated[str | None, typer.Option(help="Only on this server, by name or id.")] = None,
    task: Annotated[str | None, typer.Option(help="Only of this task, by name or id.")] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many to list, the newest first.")] = 20,
) -> None:
    """List executions, the newest first."""
    filter: dict[str, Any] = {}
    if state:
        filter["states"] = [each.upper() for each in state]
    if server is not None:
        filter["serverId"] = find_server_id(api, server)
    if task is not None:
        filter["taskId"] = find_task_id(api, task)
    variables = {"first": min(number, 100), "filter": filter}
    printer.show_rows(list(read_pages(api, LIST, "executions", variables, most=number)), COLUMNS)


@app.command("show")
@with_api
def show_execution(api: Api, printer: Printer, execution_id: str) -> None:
    """Show what is known of an execution."""
    printer.show_object(_require_execution(api, execution_id), FACTS)


@app.command("cancel")
@with_api
def cancel_execution(api: Api, printer: Printer, execution_id: str) -> None:
    """Cancel an execution. The command returns before it has stopped: `sshcast tail ID` shows how it ends."""
    found = api.execute(CANCEL, {"id": execution_id})["cancelExecution"]["execution"]
    if printer.as_json:
        printer.show_json(found)
    printer.tell_change(api, f"execution {execution_id} is asked to stop", f"已请求停止执行 {execution_id}")


def _require_execution(api: Api, execution_id: str) -> Row:
    found: Row | None = api.execute(SHOW, {"id": execution_id})["execution"]
    if found is None:
        raise CommandFailed(f"there is no execution {execution_id}, or you may not see it")
    return found
