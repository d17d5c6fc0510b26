"""The `sshcast` command line: its commands and where each is defined. Those read their options and call the rest."""

import importlib
import os
import sys
from typing import Annotated, Any

import typer
from typer.main import get_command

from sshcast import commands, exit_status, standard_streams
from sshcast.lazy_commands import COMPLETING, LazyCommand, LazyGroup

TABLE = (
    LazyCommand(
        "login",
        "sshcast.remote.nouns.contexts:login",
        "Sign in to a service. From then on commands speak to it, instead of this machine's database.",
    ),
    LazyCommand(
        "logout",
        "sshcast.remote.nouns.contexts:logout",
        "End the session at the service, and forget its tokens. The context stays, to sign in to again.",
    ),
    LazyCommand(
        "context",
        "sshcast.remote.nouns.contexts:app",
        "The services that you have signed in to, and which of them commands speak to.",
    ),
    LazyCommand(
        "run",
        "sshcast.cli_runs:run_command",
        "Run a command on a server, show its output, and exit with its status; or on many servers: see --tag.",
    ),
    LazyCommand(
        "tail", "sshcast.cli_runs:tail", "Show an execution's output live until it ends, and exit with its status."
    ),
    LazyCommand(
        "watch",
        "sshcast.remote.nouns.events:watch",
        "Show executions as they begin and end, one line each, until Ctrl-C (exit status 130).",
    ),
    LazyCommand(
        "events",
        "sshcast.remote.nouns.events:show_events",
        "Show every event of the service with its cursor, one line each, until Ctrl-C (exit status 130).",
    ),
    LazyCommand(
        "execution",
        "sshcast.remote.nouns.executions:app",
        "The record of what ran: list, show, search, cancel, run again.",
    ),
    LazyCommand(
        "runs",
        "sshcast.remote.nouns.executions:app",
        "The record of what ran: list, show, search, cancel, run again.",
        hidden=True,
    ),
    LazyCommand("fleet", "sshcast.remote.nouns.fleets:app", "Runs on many servers: list, show, watch, cancel, retry."),
    LazyCommand(
        "task", "sshcast.remote.nouns.tasks:app", "Named commands with a schedule: list, show, add, set, run, pause."
    ),
    LazyCommand(
        "schedule", "sshcast.remote.nouns.schedules:app", "When schedules are due, and what happened when they were."
    ),
    LazyCommand("crontab", "sshcast.remote.nouns.crontab:app", "Lines of crontabs: import, adopt, status."),
    LazyCommand("server", "sshcast.cli_servers:app", "Register, show, check and change servers, and import them."),
    LazyCommand("secret", "sshcast.remote.nouns.secrets:app", "The secrets that runs can use by their names."),
    LazyCommand(
        "policy",
        "sshcast.remote.nouns.policies:app",
        "The command policy: check a command, its rules, what admins set.",
    ),
    LazyCommand("user", "sshcast.cli_users:app", "Manage users, their roles and grants."),
    LazyCommand("grant", "sshcast.remote.nouns.grants:app", "The roles that users have on single servers and tags."),
    LazyCommand(
        "personal-token", "sshcast.remote.nouns.personal_tokens:app", "Your tokens for programs that act for you."
    ),
    LazyCommand("audit", "sshcast.cli_service:audit_app", "The audit: the record of what was done, and by whom."),
    LazyCommand(
        "export",
        "sshcast.remote.nouns.apply:export",
        "Write servers, tasks, grants and policies as YAML, without any secret. `sshcast apply` takes it.",
    ),
    LazyCommand(
        "apply",
        "sshcast.remote.nouns.apply:apply",
        "Make a service what files say. Shows what would change, and asks; deletes nothing without --prune.",
    ),
    LazyCommand(
        "doctor",
        "sshcast.cli_doctor:doctor",
        "Look for what is wrong with a service, and say what to do. Changes nothing; exits with 1 if a check failed.",
    ),
    LazyCommand(
        "completion",
        "sshcast.remote.nouns.completion:show_script",
        "Print the script that lets a shell complete commands, options and names. See docs/command-line.md.",
    ),
    LazyCommand("serve", "sshcast.cli_service:serve_command", "Serve the API and run tasks and commands."),
    LazyCommand(
        "demo",
        "sshcast.cli_service:demo_command",
        "Start the service and a demo SSH server on this machine, and run a command on it.",
    ),
    LazyCommand("migrate", "sshcast.cli_service:migrate", "Create or update the database's tables for this version."),
    LazyCommand(
        "backup",
        "sshcast.cli_backups:backup",
        "Write the SQLite database and the master key into one archive, while the service runs.",
    ),
    LazyCommand(
        "restore",
        "sshcast.cli_backups:restore",
        "Fill an empty folder from a backup. What ran or was due since is told as unknown, and not run again.",
    ),
    LazyCommand("token", "sshcast.cli_service:token", "Print an access token for a user, and nothing else."),
    LazyCommand("secrets", "sshcast.cli_service:secrets_app", "The master key that encrypts credentials and secrets."),
    LazyCommand("schema", "sshcast.cli_service:schema", "Print the GraphQL schema (SDL)."),
    LazyCommand(
        "operation", "sshcast.cli_service:operation_app", "The GraphQL operations that clients may name by id."
    ),
    LazyCommand("web", "sshcast.cli_service:web_app", "The playground's web page."),
)


class Commands(LazyGroup):
    table = TABLE


app = typer.Typer(
    cls=Commands,
    help="Run shell commands on servers over SSH, with a record you can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"sshcast {commands.version.find_version()}")
        raise typer.Exit


@app.callback()
def sshcast(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Run shell commands on servers over SSH, with a record you can trust."""


def load_commands() -> Any:
    """Return the whole command line, with every command imported, for who looks at all of them."""
    found: Any = get_command(app)
    found.load_all()
    return found


def main() -> None:
    os.umask(0o077)
    standard_streams.ensure_open()
    if COMPLETING in os.environ:
        importlib.import_module("sshcast.remote.nouns.completion").answer(load_commands())
    sys.exit(exit_status.run(app))
