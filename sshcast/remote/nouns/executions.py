"""`sshcast execution …`: the record of what ran."""

import sys
from typing import Annotated, Any

import typer

from sshcast.notes import Notes
from sshcast.remote.absence import build_absence
from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.interrupts import Interrupts
from sshcast.remote.nouns.execution_columns import COLUMNS, FACTS, FIELDS, MORE_FIELDS
from sshcast.remote.nouns.execution_options import ExecutionOptions, build_filter
from sshcast.remote.nouns.execution_retry import repeat_run
from sshcast.remote.nouns.execution_search import SearchOptions, search
from sshcast.remote.option_groups import with_options
from sshcast.remote.options import with_api
from sshcast.remote.pages import read_pages
from sshcast.remote.printing import Printer, Row
from sshcast.remote.run_ends import show_to_end, wait_for_end, wait_quietly
from sshcast.terminal import Sanitiser, takes_colours

app = typer.Typer(help="The record of what ran: list, show, search, cancel, run again.", no_args_is_help=True)

LIST = f"""
query Executions($first: Int!, $after: String, $filter: TaskExecutionFilter) {{
  executions(first: $first, after: $after, filter: $filter, orderBy: {{field: CREATED_AT, direction: DESC}}) {{
    nodes {{ {FIELDS} }} pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
SHOW = f"""
query Execution($id: ID!, $lines: Int, $withOutput: Boolean!) {{
  execution(id: $id) {{
    {FIELDS} {MORE_FIELDS}
    output(lastLines: $lines) @include(if: $withOutput) {{ text hasBefore }}
  }}
}}
"""
CANCEL = """
mutation CancelExecution($id: ID!) {
  cancelExecution(input: {id: $id}) { errors { code field message } execution { id state cancelRequestedAt } }
}
"""
LINES = 20


@app.command("list")
@with_api
@with_options
def list_executions(
    api: Api,
    printer: Printer,
    which: ExecutionOptions,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many to list, the newest first.")] = 20,
) -> None:
    """List executions, the newest first."""
    variables = {"first": min(number, 100), "filter": build_filter(api, which)}
    printer.show_rows(list(read_pages(api, LIST, "executions", variables, most=number)), COLUMNS)


@app.command("show")
@with_api
def show_execution(
    api: Api,
    printer: Printer,
    execution_id: str,
    output: Annotated[bool, typer.Option("--output", help=f"Show the last {LINES} lines of its output too.")] = False,
    lines: Annotated[
        int | None, typer.Option("--lines", "-n", min=1, max=1000, help="Show so many of its last lines.")
    ] = None,
) -> None:
    """Show what is known of an execution."""
    wanted = lines or (LINES if output else None)
    found = api.execute(SHOW, {"id": execution_id, "lines": wanted, "withOutput": wanted is not None})["execution"]
    if found is None:
        raise build_absence("execution", execution_id)
    printer.show_object(found, FACTS)
    if wanted is not None and not printer.as_json:
        _print_output(found["output"])


@app.command("search")
@with_api
@with_options
def search_outputs(api: Api, printer: Printer, pattern: str, how: SearchOptions, which: ExecutionOptions) -> int:
    """Search outputs for lines with PATTERN. Exits with 1 if there is none."""
    return search(api, printer, pattern, how, which)


@app.command("cancel")
@with_api
def cancel_executions(
    api: Api,
    printer: Printer,
    execution_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Their ids.")],
    wait: Annotated[bool, typer.Option("--wait", help="Return when they have ended, and say how.")] = False,
) -> int:
    """Cancel executions. Without --wait the command returns before they have stopped."""
    done = []
    refused: list[ApiRefused] = []
    for id in execution_ids:
        try:
            done.append(_cancel(api, printer, id))
        except ApiRefused as error:
            refused.append(error)
    if wait:
        done = [each | _wait(api, printer, str(each["id"])) for each in done]
    if printer.as_json:
        printer.show_json(done)
    return _tell_refusals(refused)


@app.command("retry")
@with_api
def retry_execution(
    api: Api,
    printer: Printer,
    execution_id: str,
    wait: Annotated[bool, typer.Option("--wait", help="Show its output to its end, and exit with its status.")] = False,
) -> int:
    """Run a command again on the same server, or a task, as it is now, with the same parameters."""
    interrupts = Interrupts()
    with interrupts.catch(api):
        found = repeat_run(api, printer.notes, execution_id, interrupts)
        printer.tell_change(
            api, f"execution {found['id']} repeats {execution_id}", f"执行 {found['id']} 重复执行 {execution_id}"
        )
        return show_started(api, printer, found, interrupts, wait=wait)


def show_started(api: Api, printer: Printer, execution: Row, interrupts: Interrupts, *, wait: bool) -> int:
    """Print a new execution's id, or its object; with `wait` its output to its end. Return the exit status.

    It is in `Interrupts.catch`, as the start was: an interrupt that came since then does what one does while waiting.
    """
    id = str(execution["id"])
    waits = wait or interrupts.has_come
    if printer.as_json:
        status = wait_quietly(api, printer.notes, id, interrupts) if waits else 0
        printer.show_json(api.execute(SHOW, {"id": id, "withOutput": False})["execution"] if waits else execution)
        return status
    if waits:
        return show_to_end(api, printer.notes, id, interrupts)
    print(id)
    return 0


def _cancel(api: Api, printer: Printer, id: str) -> dict[str, Any]:
    found = api.execute(CANCEL, {"id": id})["cancelExecution"]["execution"]
    printer.tell_change(api, f"execution {id} is asked to stop", f"已请求停止执行 {id}")
    return dict(found)


def _wait(api: Api, printer: Printer, id: str) -> dict[str, Any]:
    ending = wait_for_end(api, printer.notes, id)
    printer.tell(f"execution {id}: {ending.format()}", f"执行 {id}：{ending.format()}")
    return {"state": ending.state, "exitCode": ending.exit_code, "message": ending.message}


def _tell_refusals(refused: list[ApiRefused]) -> int:
    """Say all refusals but the last, which is raised."""
    if not refused:
        return 0
    for error in refused[:-1]:
        Notes().say(f"sshcast: {error}", "red")
    raise refused[-1]


def _print_output(output: Row) -> None:
    """Print the end of an output: as it is on a pipe, made safe on a terminal."""
    print()
    if output["hasBefore"]:
        print("…")
    text = output["text"]
    if sys.stdout.isatty():
        text = Sanitiser(colours=takes_colours(sys.stdout)).feed(text, final=True)
    sys.stdout.write(text if text.endswith("\n") or not text else f"{text}\n")
