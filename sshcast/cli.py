"""The `sshcast` command: each command here reads its options and hands over to `sshcast/commands/`."""

import asyncio
import getpass
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from db.values import LegacyAlgorithm
from sshcast import commands

app = typer.Typer(
    help="Run shell commands on servers over SSH, with a record you can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
user_app = typer.Typer(help="Users.", no_args_is_help=True)
server_app = typer.Typer(help="Servers.", no_args_is_help=True)
secrets_app = typer.Typer(help="The keys that seal credentials.", no_args_is_help=True)
audit_app = typer.Typer(help="The record of what was done, and by whom.", no_args_is_help=True)
web_app = typer.Typer(help="The pages that browsers get.", no_args_is_help=True)
app.add_typer(user_app, name="user")
app.add_typer(server_app, name="server")
app.add_typer(secrets_app, name="secrets")
app.add_typer(web_app, name="web")
app.add_typer(audit_app, name="audit")

Data = Annotated[Path | None, typer.Option(help="The data folder (SSHCAST_DATA).")]
Port = Annotated[int | None, typer.Option(min=0, max=65_535, help="The port (SSHCAST_PORT).")]
Host = Annotated[str | None, typer.Option(help="The address to listen on (SSHCAST_HOST).")]
PasswordStdin = Annotated[bool, typer.Option(help="Read the password from standard input.")]
As = Annotated[str | None, typer.Option("--as", help="The user on whose behalf; by default the first admin.")]
OnServer = Annotated[str | None, typer.Option("--server", help="A server's name or id.")]
OnTag = Annotated[str | None, typer.Option("--tag", help="A tag: every server that has it, now or later.")]
Raw = Annotated[bool, typer.Option(help="Pass the output on byte for byte, escape sequences included.")]


def settings(**given: Any) -> "commands.start.Settings":
    return commands.start.settings(**given)


def run(work: Coroutine[Any, Any, int | None]) -> None:
    """Run it to its end, and exit with the status it returns."""
    raise typer.Exit(asyncio.run(work) or 0)


@app.command("serve")
def serve_command(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Serve the API and run what it is asked to run."""
    run(commands.serve.serve(settings(host=host, port=port, data=data)))


@app.command("demo")
def demo_command(
    data: Data = None,
    port: Port = None,
    once: Annotated[bool, typer.Option("--once", help="Exit after the demo run.")] = False,
    host: Host = None,
) -> None:
    """Start everything on this machine, a demo SSH target included, and run a command on it."""
    run(commands.demo.demo(settings(host=host, port=port, data=data), once=once))


@app.command()
def migrate(data: Data = None) -> None:
    """Bring the database to the schema of this version."""
    run(commands.migrate.migrate(settings(data=data)))


@app.command()
def token(
    name: str, ttl: Annotated[int, typer.Option(min=1, max=31_536_000, help="Seconds.")] = 3600, data: Data = None
) -> None:
    """Print an access token for a user, and nothing else."""
    run(commands.accounts.token(settings(data=data), name, ttl))


@user_app.command("add")
def user_add(
    name: str, role: str = typer.Option(...), password_stdin: PasswordStdin = False, data: Data = None
) -> None:
    """Add a user with the role none, viewer, operator or admin. Prints the id."""
    password = first_line() if password_stdin else getpass.getpass("Password: ")
    run(commands.accounts.add(settings(data=data), name, role, password))


@user_app.command("set")
def user_set(
    name: str,
    role: Annotated[str | None, typer.Option(help="none, viewer, operator or admin.")] = None,
    disabled: Annotated[bool | None, typer.Option("--disable/--enable", help="Whether they are kept out.")] = None,
    data: Data = None,
) -> None:
    """Give a user another role, or keep them out. Their sessions end."""
    run(commands.accounts.change(settings(data=data), name, role, disabled))


@user_app.command("password")
def user_password(name: str, password_stdin: PasswordStdin = False, data: Data = None) -> None:
    """Give a user a new password. Their sessions end."""
    password = first_line() if password_stdin else getpass.getpass("Password: ")
    run(commands.accounts.set_password(settings(data=data), name, password))


@user_app.command("grant")
def user_grant(
    name: str,
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")],
    server: OnServer = None,
    tag: OnTag = None,
    data: Data = None,
) -> None:
    """Give a user a role on a server, or on every server with a tag, beyond their own role. It holds at once."""
    run(commands.accounts.grant(settings(data=data), name, server, tag, role))


@user_app.command("ungrant")
def user_ungrant(name: str, server: OnServer = None, tag: OnTag = None, data: Data = None) -> None:
    """Take such a role away. It holds no more at once."""
    run(commands.accounts.ungrant(settings(data=data), name, server, tag))


@user_app.command("list")
def user_list(data: Data = None) -> None:
    """A line for each user: id, name, role, and what is granted to them."""
    run(commands.accounts.listed(settings(data=data)))


@user_app.command("link")
def user_link(name: str, subject: str, data: Data = None) -> None:
    """Let whom the identity provider knows by this subject be that user. Their sessions end."""
    run(commands.identities.link(settings(data=data), name, subject))


@user_app.command("unlink")
def user_unlink(name: str, data: Data = None) -> None:
    """Let nobody whom the identity provider knows be that user. Their sessions end."""
    run(commands.identities.unlink(settings(data=data), name))


@server_app.command("add")
def server_add(
    name: str,
    host: Annotated[str, typer.Option()],
    user: Annotated[str, typer.Option()],
    port: Annotated[int, typer.Option()] = 22,
    key: Annotated[Path | None, typer.Option(help="A private key file.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="The key's OpenSSH certificate.")] = None,
    passphrase_stdin: Annotated[bool, typer.Option(help="Read the key's passphrase from standard input.")] = False,
    password_stdin: PasswordStdin = False,
    host_key: Annotated[
        list[str] | None, typer.Option(help='A pinned key, "TYPE BASE64", or a line of known_hosts; may be repeated.')
    ] = None,
    host_key_alias: Annotated[str | None, typer.Option(help="Another name of its host certificate.")] = None,
    allow_algorithm: Annotated[
        list[LegacyAlgorithm] | None, typer.Option(help="An old algorithm to allow it; may be repeated.")
    ] = None,
    scan: Annotated[bool, typer.Option("--scan", help="Ask the server for its keys, show them, and ask you.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --scan: take the keys without asking.")] = False,
    run_as: As = None,
    data: Data = None,
) -> None:
    """Register a server. Prints its id."""
    given = commands.enrol.Enrolment(
        name=name,
        host=host,
        port=port,
        username=user,
        key=key,
        certificate=certificate,
        passphrase=first_line() if passphrase_stdin else None,
        password=first_line() if password_stdin else None,
        host_keys=tuple(host_key or ()),
        host_key_alias=host_key_alias,
        allowed=tuple(allow_algorithm or ()),
        scan=scan,
        yes=yes,
    )
    run(commands.enrol.enrol(settings(data=data), given, run_as))


@server_app.command("rescan")
def server_rescan(
    server: Annotated[str, typer.Argument(help="Its name or id.")],
    accept: Annotated[
        list[str] | None, typer.Option(help="The fingerprint of a key to pin, without asking; may be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Pin all that it offers without asking.")] = False,
    run_as: As = None,
    data: Data = None,
) -> None:
    """Ask a server for its host keys again, show them beside the pinned ones, and pin those that you accept."""
    given = commands.rescan.Rescan(server, tuple(accept or ()), yes)
    run(commands.rescan.rescan(settings(data=data), given, run_as))


@app.command("run")
def run_command(
    server: str,
    command: Annotated[list[str], typer.Argument(help="After --: the command; one word is taken as shell text.")],
    timeout: Annotated[int | None, typer.Option(help="The time limit in seconds.")] = None,
    run_as: As = None,
    raw: Raw = False,
    data: Data = None,
) -> None:
    """Run a command on a server (its name or id), show its output, and exit with its status."""
    run(commands.execute.run(settings(data=data), server, command, commands.execute.How(timeout, run_as, raw)))


@app.command()
def tail(
    execution_id: int,
    after: Annotated[str | None, typer.Option(help="A cursor: show only what came after it.")] = None,
    run_as: As = None,
    raw: Raw = False,
    data: Data = None,
) -> None:
    """Show an execution's output, live until its end; exit with its status."""
    run(commands.tail.tail(settings(data=data), execution_id, after, run_as=run_as, raw=raw))


@app.command()
def schema() -> None:
    """Print the GraphQL schema (SDL)."""
    typer.echo(commands.schema.printed(), nl=False)


@secrets_app.command("rotate")
def secrets_rotate(data: Data = None) -> None:
    """Seal every credential with a new master key, while the service runs. Run it again if it was cut off."""
    run(commands.secrets.rotate(settings(data=data)))


@audit_app.command("verify")
def audit_verify(
    head: Annotated[str | None, typer.Option(help="A hash that an earlier call printed: it must be there.")] = None,
    data: Data = None,
) -> None:
    """Walk the audit's chain; print the newest event's id and hash. Exits with 1 when something was changed."""
    run(commands.audit.verify(settings(data=data), head))


@web_app.command("fetch")
def web_fetch() -> None:
    """Bring GraphiQL for the playground from npm, and verify it by its sha512."""
    typer.echo(commands.web.fetch())


def first_line() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def main() -> None:
    os.umask(0o077)
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sys.exit(commands.failure.told(error))
