"""The commands of `sshcast user …` through the API. Without a context `sshcast/cli_users.py` uses the database."""

from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.accounts import USERS, require_user
from sshcast.remote.api import Api
from sshcast.remote.enums import read_word
from sshcast.remote.new_secret import read_password
from sshcast.remote.nouns import grants
from sshcast.remote.options import with_api
from sshcast.remote.pages import read_pages
from sshcast.remote.printing import Column, Printer, Row, format_time
from sshcast.words import choose

FIELDS = "id name role disabled createdAt"
ROLES = ("NONE", "VIEWER", "OPERATOR", "ADMIN")
CREATE = f"""
mutation CreateUser($input: CreateUserInput!) {{
  createUser(input: $input) {{ errors {{ code field message }} user {{ {FIELDS} }} }}
}}
"""
UPDATE = f"""
mutation UpdateUser($input: UpdateUserInput!) {{
  updateUser(input: $input) {{ errors {{ code field message }} user {{ {FIELDS} }} }}
}}
"""
COLUMNS = (
    Column("id", "编号", lambda row: row["id"]),
    Column("name", "名称", lambda row: row["name"], lambda row: "bold"),
    Column("role", "角色", lambda row: row["role"]),
    Column("disabled", "停用", lambda row: row["disabled"], lambda row: "red" if row["disabled"] else ""),
    Column("grants", "授权", lambda row: map(_format_grant, row["grants"] or ())),
    Column("added", "添加时间", lambda row: format_time(row["createdAt"])),
)


def add_user(api: Api, printer: Printer, name: str, role: str, *, password_stdin: bool) -> None:
    """Add a user, and print the user's id."""
    wanted = {"name": name, "role": read_word("--role", role, ROLES)}
    wanted["password"] = read_password(from_stdin=password_stdin)
    made = api.execute(CREATE, {"input": wanted})["createUser"]["user"]
    if printer.as_json:
        printer.show_json(made)
    else:
        print(made["id"])
    printer.tell_change(api, f"user {name} is added", f"已添加用户 {name}")


def change_user(api: Api, printer: Printer, name: str, role: str | None, disabled: bool | None) -> None:
    """Change a user's role, or disable or enable them."""
    if role is None and disabled is None:
        raise CommandFailed(choose("give --role, --disable or --enable", "请给出 --role、--disable 或 --enable"))
    wanted: dict[str, Any] = {} if role is None else {"role": read_word("--role", role, ROLES)}
    wanted |= {} if disabled is None else {"disabled": disabled}
    _update(api, printer, name, wanted)
    printer.tell_change(api, f"user {name} is changed", f"已更改用户 {name}")


def set_password(api: Api, printer: Printer, name: str, *, password_stdin: bool) -> None:
    """Change a user's password."""
    _update(api, printer, name, {"password": read_password(from_stdin=password_stdin)})
    printer.tell_change(api, f"user {name} has a new password", f"已更改用户 {name} 的密码")


def list_users(api: Api, printer: Printer) -> None:
    """List the users with their grants."""
    printer.show_rows(list(read_pages(api, USERS, "users", {})), COLUMNS)


@with_api
def show_user(api: Api, printer: Printer, name: Annotated[str, typer.Argument(help="The user's name or id.")]) -> None:
    """Show a user and their grants."""
    printer.show_object(require_user(api, name), COLUMNS)


def grant_role(api: Api, printer: Printer, name: str, role: str, server: str | None, tag: str | None) -> None:
    """Grant a user a role on a server or a tag."""
    made = grants.grant_role(api, name, role, server, tag)
    if printer.as_json:
        printer.show_json(made)
    grants.tell_grant(api, printer, made)


def revoke_role(api: Api, printer: Printer, name: str, server: str | None, tag: str | None) -> None:
    """Revoke a role that a user was granted on a server or a tag."""
    revoked = grants.revoke_role(api, name, server, tag)
    if printer.as_json:
        printer.show_json(revoked)
    grants.tell_revocation(api, printer, revoked)


def _update(api: Api, printer: Printer, name: str, wanted: dict[str, Any]) -> None:
    found = require_user(api, name)
    changed = api.execute(UPDATE, {"input": {"id": found["id"]} | wanted})["updateUser"]["user"]
    if printer.as_json:
        printer.show_json(changed)


def _format_grant(grant: Row) -> str:
    """Return a grant as `tag:web=operator` or `server:web-1=viewer`, as `user list` has it without a context."""
    there = f"tag:{grant['tag']}" if grant["tag"] is not None else f"server:{(grant['server'] or {}).get('name')}"
    return f"{there}={grant['role'].lower()}"
