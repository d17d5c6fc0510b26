"""`sshcast user …`: each command here reads its options and calls `sshcast/commands/`."""

from typing import Annotated

import typer

from sshcast import commands
from sshcast.cli_options import Data, OnServer, OnTag, PasswordStdin, run, settings

app = typer.Typer(help="Manage users, their roles and grants.", no_args_is_help=True)


@app.command("add")
def user_add(
    name: str, role: str = typer.Option(...), password_stdin: PasswordStdin = False, data: Data = None
) -> None:
    """Add a user with the role none, viewer, operator or admin, and print the user's id."""
    password = commands.password.get(from_stdin=password_stdin)
    run(commands.accounts.add(settings(data=data), name, role, password))


@app.command("set")
def user_set(
    name: str,
    role: Annotated[str | None, typer.Option(help="The user's own role: none, viewer, operator or admin.")] = None,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Disable the user, or enable them again.")
    ] = None,
    data: Data = None,
) -> None:
    """Change a user's role, or disable or enable them. Their sessions end."""
    run(commands.accounts.change(settings(data=data), name, role, disabled))


@app.command("password")
def user_password(name: str, password_stdin: PasswordStdin = False, data: Data = None) -> None:
    """Change a user's password. Their sessions end."""
    password = commands.password.get(from_stdin=password_stdin)
    run(commands.accounts.set_password(settings(data=data), name, password))


@app.command("grant")
def user_grant(
    name: str,
    role: Annotated[str, typer.Option(help="The role to grant: viewer, operator or admin.")],
    server: OnServer = None,
    tag: OnTag = None,
    data: Data = None,
) -> None:
    """Grant a user a role on a server, or on every server with a tag, beyond their own. It takes effect at once."""
    run(commands.accounts.grant(settings(data=data), name, server, tag, role))


@app.command("ungrant")
def user_ungrant(name: str, server: OnServer = None, tag: OnTag = None, data: Data = None) -> None:
    """Revoke a role that was granted on a server or a tag. It takes effect at once."""
    run(commands.accounts.ungrant(settings(data=data), name, server, tag))


@app.command("list")
def user_list(data: Data = None) -> None:
    """List the users, a line each: id, name, role and grants."""
    run(commands.accounts.list_users(settings(data=data)))


@app.command("link")
def user_link(name: str, subject: str, data: Data = None) -> None:
    """Let the person with this subject at the identity provider sign in as this user. The user's sessions end."""
    run(commands.identities.link(settings(data=data), name, subject))


@app.command("unlink")
def user_unlink(name: str, data: Data = None) -> None:
    """Undo `link`: nobody can sign in as this user with the identity provider any more. The user's sessions end."""
    run(commands.identities.unlink(settings(data=data), name))
