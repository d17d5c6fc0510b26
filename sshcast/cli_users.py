"""`sshcast user …`: works on this machine's database without a context, and through the API with one."""

from typing import Annotated, Any

import typer

from sshcast import commands
from sshcast.cli_options import Data, OnServer, OnTag, PasswordStdin, run, settings
from sshcast.remote.api import Api
from sshcast.remote.choice import Choice, require_local
from sshcast.remote.either_way import with_api_or
from sshcast.remote.nouns import users
from sshcast.remote.options import Local
from sshcast.remote.printing import Printer

app = typer.Typer(help="Manage users, their roles and grants.", no_args_is_help=True)
app.command("show")(users.show_user)


def _add_here(choice: Choice, *, name: str, role: str, password_stdin: bool) -> None:
    password = commands.password.get(from_stdin=password_stdin)
    run(commands.accounts.add(settings(data=choice.data), name, role, password))


@app.command("add")
@with_api_or(_add_here, acts_for_users=False)
def user_add(
    api: Api, printer: Printer, name: str, role: str = typer.Option(...), password_stdin: PasswordStdin = False
) -> None:
    """Add a user with the role none, viewer, operator or admin, and print the user's id."""
    users.add_user(api, printer, name, role, password_stdin=password_stdin)


def _set_here(choice: Choice, *, name: str, role: str | None, disabled: bool | None) -> None:
    run(commands.accounts.change(settings(data=choice.data), name, role, disabled))


@app.command("set")
@with_api_or(_set_here, acts_for_users=False)
def user_set(
    api: Api,
    printer: Printer,
    name: str,
    role: Annotated[str | None, typer.Option(help="The user's own role: none, viewer, operator or admin.")] = None,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Disable the user, or enable them again.")
    ] = None,
) -> None:
    """Change a user's role, or disable or enable them. Their sessions end."""
    users.change_user(api, printer, name, role, disabled)


def _set_password_here(choice: Choice, *, name: str, password_stdin: bool) -> None:
    password = commands.password.get(from_stdin=password_stdin)
    run(commands.accounts.set_password(settings(data=choice.data), name, password))


@app.command("password")
@with_api_or(_set_password_here, acts_for_users=False)
def user_password(api: Api, printer: Printer, name: str, password_stdin: PasswordStdin = False) -> None:
    """Change a user's password. Their sessions end."""
    users.set_password(api, printer, name, password_stdin=password_stdin)


def _grant_here(choice: Choice, *, name: str, role: str, server: str | None, tag: str | None) -> None:
    run(commands.accounts.grant(settings(data=choice.data), name, server, tag, role))


@app.command("grant")
@with_api_or(_grant_here, acts_for_users=False)
def user_grant(
    api: Api,
    printer: Printer,
    name: str,
    role: Annotated[str, typer.Option(help="The role to grant: viewer, operator or admin.")],
    server: OnServer = None,
    tag: OnTag = None,
) -> None:
    """Grant a user a role on a server, or on every server with a tag, beyond their own. It takes effect at once."""
    users.grant_role(api, printer, name, role, server, tag)


def _ungrant_here(choice: Choice, *, name: str, server: str | None, tag: str | None) -> None:
    run(commands.accounts.ungrant(settings(data=choice.data), name, server, tag))


@app.command("ungrant")
@with_api_or(_ungrant_here, acts_for_users=False)
def user_ungrant(api: Api, printer: Printer, name: str, server: OnServer = None, tag: OnTag = None) -> None:
    """Revoke a role that was granted on a server or a tag. It takes effect at once."""
    users.revoke_role(api, printer, name, server, tag)


def _list_here(choice: Choice, **_: Any) -> None:
    run(commands.accounts.list_users(settings(data=choice.data)))


@app.command("list")
@with_api_or(_list_here, acts_for_users=False)
def user_list(api: Api, printer: Printer) -> None:
    """List the users: id, name, role and grants."""
    users.list_users(api, printer)


@app.command("link")
def user_link(name: str, subject: str, data: Data = None, local: Local = False) -> None:
    """Let the person with this subject at the identity provider sign in as this user. The user's sessions end."""
    require_local(Choice(local=local), "user link")
    run(commands.identities.link(settings(data=data), name, subject))


@app.command("unlink")
def user_unlink(name: str, data: Data = None, local: Local = False) -> None:
    """Undo `link`: nobody can sign in as this user with the identity provider any more. The user's sessions end."""
    require_local(Choice(local=local), "user unlink")
    run(commands.identities.unlink(settings(data=data), name))
