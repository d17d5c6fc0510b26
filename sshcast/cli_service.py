"""The commands of a service itself: to serve, and to look after its database and keys on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from sshcast import commands
from sshcast.cli_options import BehindProxy, Data, Host, Port, TlsCert, TlsKey, run, settings
from sshcast.progress import Progress
from sshcast.remote.choice import Choice, require_local
from sshcast.remote.nouns import audit
from sshcast.remote.options import Local

secrets_app = typer.Typer(help="The master key that encrypts credentials and secrets.", no_args_is_help=True)
audit_app = typer.Typer(help="The audit: the record of what was done, and by whom.", no_args_is_help=True)
operation_app = typer.Typer(help="The GraphQL operations that clients may name by id.", no_args_is_help=True)
web_app = typer.Typer(help="The playground's web page.", no_args_is_help=True)
audit_app.command("list")(audit.list_events)


def serve_command(
    host: Host = None,
    port: Port = None,
    data: Data = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    behind_proxy: BehindProxy = None,
) -> None:
    """Serve the API and run tasks and commands."""
    given = settings(host=host, port=port, data=data, tls_cert=tls_cert, tls_key=tls_key, behind_proxy=behind_proxy)
    run(commands.serve.serve(given), commands.serve.LOOP_FACTORY)


def demo_command(
    data: Data = None,
    port: Port = None,
    once: Annotated[bool, typer.Option("--once", help="Exit after the demo run.")] = False,
    host: Host = None,
) -> None:
    """Start the service and a demo SSH server on this machine, and run a command on it."""
    progress = Progress()
    progress.say("Loading the service", "正在加载服务")
    try:
        work = commands.demo.run_demo(settings(host=host, port=port, data=data), once=once, progress=progress)
        run(work, commands.serve.LOOP_FACTORY)
    finally:
        progress.clear()


def migrate(
    data: Data = None,
    moved: Annotated[
        bool,
        typer.Option("--moved", help="Nothing ran since this PostgreSQL database was copied: it belongs here now."),
    ] = False,
) -> None:
    """Create or update the database's tables for this version."""
    run(commands.migrate.migrate(settings(data=data), moved=moved))


def token(
    name: str,
    ttl: Annotated[int, typer.Option(min=1, max=31_536_000, help="How many seconds the token is valid.")] = 3600,
    data: Data = None,
    local: Local = False,
) -> None:
    """Print an access token for a user, and nothing else."""
    require_local(Choice(local=local), "token")
    run(commands.token.print_token(settings(data=data), name, ttl))


def schema() -> None:
    """Print the GraphQL schema (SDL)."""
    commands.start.warn_of_unknown()
    typer.echo(commands.schema.format_schema(), nl=False)


@secrets_app.command("rotate")
def secrets_rotate(data: Data = None, local: Local = False) -> None:
    """Re-encrypt all credentials and secrets with a new master key, while the service runs. Repeat if interrupted."""
    require_local(Choice(local=local), "secrets rotate")
    run(commands.secrets.rotate(settings(data=data)))


@audit_app.command("verify")
def audit_verify(
    head: Annotated[
        str | None, typer.Option(help="A hash that an earlier call printed, which must be in the chain.")
    ] = None,
    data: Data = None,
    local: Local = False,
) -> None:
    """Check the audit's hash chain; print the newest event's id and hash. Exits with 1 if an event was changed."""
    require_local(Choice(local=local), "audit verify")
    run(commands.audit.verify(settings(data=data), head))


@web_app.command("fetch")
def web_fetch() -> None:
    """Download GraphiQL for the playground from npm, and check its sha512."""
    commands.start.warn_of_unknown()
    typer.echo(commands.web.fetch())


@operation_app.command("build")
def operation_build(
    folder: Path,
    typenames: Annotated[
        bool, typer.Option("--typenames", help="Add __typename to every selection, as Apollo Client and urql do.")
    ] = False,
) -> None:
    """Print the operations of a folder's .graphql files as the list for SSHCAST_OPERATIONS; check each first."""
    # Not the settings: the file that they name may be the one that is being made.
    typer.echo(commands.operation.build_list(folder, typenames=typenames))
