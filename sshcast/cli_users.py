"""`sshcast user …`: each command here reads its options and hands over to `sshcast/commands/`."""

from typing import Annotated

import typer

from sshcast import commands
from sshcast.cli_options import Data, OnServer, OnTag, PasswordStdin, run, settings

app = typer.Typer(help="Users.", no_args_is_help=True)


@app.command("add")
def user_add(
    name: str, role: str = typer.Option(...), password_stdin: PasswordStdin = False, data: Data = None
) -> None:
    """Add a user with the role none, viewer, operator or admin. Prints the id."""
    password = commands.password.get(from_stdin=password_stdin)
    run(commands.accounts.add(settings(data=data), name, role, password))


@app.command("set")
def user_set(
    name: str,
    role: Annotated[str | None, typer.Option(help="none, viewer, operator or admin.")] = None,
    disabled: Annotated[bool | None, typer.Option("--disable/--enable", help="Whether they are kept out.")] = None,
    data: Data = None,
) -> None:
    """Give a user another role, or keep them out. Their sessions end."""
    run(commands.accounts.change(settings(data=data), name, role, disabled))


@app.command("password")
def user_password(name: str, password_stdin: PasswordStdin = False, data: Data = None) -> None:
    """Give a user a new password. Their sessions end."""
    password = commands.password.get(from_stdin=password_stdin)
    run(commands.accounts.set_password(settings(data=data), name, password))


@app.command("grant")
def user_grant(
    name: str,
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")],
    server: OnServer = None,
    tag: OnTag = None,
    data: Data = None,
) -> None:
    """Give a user a role on a server, or on every server with a tag, beyond their own role. It holds at once."""
    run(commands.accounts.grant(settings(data=data), name, server, tag, role))


@app.command("ungrant")
def user_ungrant(name: str, server: OnServer = None, tag: OnTag = None, data: Data = None) -> None:
    """Take such a role away. It holds no more at once."""
    run(commands.accounts.ungrant(settings(data=data), name, server, tag))


@app.command("list")
def user_list(data: Data = None) -> None:
    """A line for each user: id, name, role, and what is granted to them."""
    run(commands.accounts.list_users(settings(data=data)))


@app.command("link")
def user_link(name: str, subject: str, data: Data = None) -> None:
    """Let whom the identity provider knows by this subject be that user. Their sessions end."""
    run(commands.identities.link(settings(data=data), name, subject))


@app.command("unlink")
def user_unlink(name: str, data: Data = None) -> None:
    """Let nobody whom the identity provider knows be that user. Their sessions end."""
    run(commands.identities.unlink(settings(data=data), name))
