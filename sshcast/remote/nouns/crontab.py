"""`sshcast crontab …`: brings lines of crontabs as tasks in shadow, and takes them over one by one."""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.options import with_api
from sshcast.remote.printing import Printer
from sshcast.words import choose

app = typer.Typer(help="Lines of crontabs: import, adopt, status.", no_args_is_help=True)
Server = Annotated[str, typer.Argument(help="The server, by name or id.")]


@app.command("import")
@with_api
def import_lines(
    api: Api,
    printer: Printer,
    server: Server,
    user_crontab: Annotated[
        bool, typer.Option("--user-crontab", help="The crontab of the server's account. This is the default.")
    ] = False,
    system: Annotated[
        bool, typer.Option("--system", help="/etc/crontab and /etc/cron.d, whose lines name their users.")
    ] = False,
    file: Annotated[Path | None, typer.Option(help="Read this file instead of asking the server; - is stdin.")] = None,
    cron_user: Annotated[
        str | None, typer.Option(help="Only lines that cron runs as this user; with --file: whose it is.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="The time zone of the server's cron; else as the server says.")
    ] = None,
    prefix: Annotated[str | None, typer.Option(help="What the tasks' names begin with; else SERVER:")] = None,
    timeout: Annotated[int, typer.Option(min=1, help="The time limit of each run in seconds.")] = 86_400,
    update: Annotated[bool, typer.Option("--update", help="Change tasks in shadow whose lines have changed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Make tasks in shadow of a crontab's lines: cron still runs them. Exits with 1 if a line was not imported."""
    if user_crontab and system:
        raise CommandFailed(choose("give either --user-crontab or --system", "--user-crontab 与 --system 只能给出一个"))
    importing = importlib.import_module("sshcast.remote.crontab.importing")
    options = importing.CrontabOptions(
        server=server,
        is_system=system,
        file=file,
        cron_user=cron_user,
        timezone=timezone,
        prefix=prefix,
        timeout=timeout,
        update=update,
        dry_run=dry_run,
        yes=yes,
    )
    status: int = importing.import_crontab(api, printer, options)
    return status


@app.command("adopt")
@with_api
def adopt_tasks(
    api: Api,
    printer: Printer,
    tasks: Annotated[list[str] | None, typer.Argument(metavar="TASK...", help="Tasks, by name or id.")] = None,
    server: Annotated[str | None, typer.Option(help="With --all: the server, by name or id.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All of the server's imported tasks that are in shadow.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="A line without a task and with the task's schedule is another line.")
    ] = False,
) -> int:
    """Run tasks by our schedule from now on, if their lines are out of the crontab. Exits with 1 if one was refused."""
    adopting = importlib.import_module("sshcast.remote.crontab.adopting")
    status: int = adopting.adopt(api, printer, adopting.Selection(tasks or (), server, every), forces=force)
    return status


@app.command("status")
@with_api
def show_status(api: Api, printer: Printer, server: Server) -> int:
    """Show of each line and each imported task who runs it. Exits with 1 if both cron and the service do."""
    status = importlib.import_module("sshcast.remote.crontab.status")
    found: int = status.show_status(api, printer, server)
    return found
