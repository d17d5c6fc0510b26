"""`sshcast grant …`: the roles that users have on single servers and tags, beside their own."""

from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.accounts import USERS, require_user
from sshcast.remote.api import Api
from sshcast.remote.enums import read_word
from sshcast.remote.names import find_server_id
from sshcast.remote.options import with_api
from sshcast.remote.pages import read_pages
from sshcast.remote.printing import Column, Printer, Row, format_time
from sshcast.words import choose

ROLES = ("VIEWER", "OPERATOR", "ADMIN")
app = typer.Typer(help="The roles that users have on single servers and tags.", no_args_is_help=True)

FIELDS = "id role tag serverId server { id name } user { id name } createdAt createdBy { name }"
GRANT = f"""
mutation GrantRole($input: GrantRoleInput!) {{
  grantRole(input: $input) {{ errors {{ code field message }} grant {{ {FIELDS} }} }}
}}
"""
REVOKE = f"""
mutation RevokeGrant($id: ID!) {{
  revokeGrant(input: {{id: $id}}) {{ errors {{ code field message }} grant {{ {FIELDS} }} }}
}}
"""
COLUMNS = (
    Column("id", "编号", lambda row: row["id"]),
    Column("user", "用户", lambda row: row["user"]["name"], lambda row: "bold"),
    Column("role", "角色", lambda row: row["role"]),
    Column("server", "服务器", lambda row: (row["server"] or {}).get("name") or row["serverId"]),
    Column("tag", "标签", lambda row: row["tag"]),
    Column("given", "授予时间", lambda row: format_time(row["createdAt"])),
    Column("by", "授予者", lambda row: (row["createdBy"] or {}).get("name")),
)
User = Annotated[str, typer.Argument(help="The user's name or id.")]
OnServer = Annotated[str | None, typer.Option("--server", help="A server's name or id.")]
OnTag = Annotated[str | None, typer.Option("--tag", help="A tag, for every server that has it now or later.")]


@app.command("list")
@with_api
def list_grants(
    api: Api,
    printer: Printer,
    user: Annotated[str | None, typer.Option(help="Only those of this user.")] = None,
    server: OnServer = None,
    tag: OnTag = None,
) -> None:
    """List the grants. For admins; others see their own."""
    server_id = None if server is None else find_server_id(api, server)
    every = [require_user(api, user)] if user is not None else list(read_pages(api, USERS, "users", {}))
    rows = [
        {**grant, "user": {"id": each["id"], "name": each["name"]}}
        for each in every
        for grant in each["grants"] or ()
        if server_id in (None, str(grant["serverId"])) and tag in (None, grant["tag"])
    ]
    printer.show_rows(rows, COLUMNS)


@app.command("add")
@with_api
def add_grant(
    api: Api,
    printer: Printer,
    user: User,
    role: Annotated[str, typer.Option(help="The role to grant: viewer, operator or admin.")],
    server: OnServer = None,
    tag: OnTag = None,
) -> None:
    """Grant a user a role on a server, or on every server with a tag. It takes effect at once."""
    made = grant_role(api, user, role, server, tag)
    if printer.as_json:
        printer.show_json(made)
    else:
        print(made["id"])
    tell_grant(api, printer, made)


@app.command("rm")
@with_api
def remove_grant(
    api: Api,
    printer: Printer,
    user: Annotated[str, typer.Argument(help="The user's name or id; or, without --server and --tag, a grant's id.")],
    server: OnServer = None,
    tag: OnTag = None,
) -> None:
    """Revoke a grant: a user's on a server or a tag, or the one with an id. It takes effect at once."""
    if server is None and tag is None:
        if not (user.isascii() and user.isdigit()):
            raise CommandFailed(
                choose(
                    "give --server or --tag beside a user's name, or the id of a grant",
                    "请在用户名之外给出 --server 或 --tag，或给出授权的编号",
                )
            )
        revoked: Row = api.execute(REVOKE, {"id": user})["revokeGrant"]["grant"]
    else:
        revoked = revoke_role(api, user, server, tag)
    if printer.as_json:
        printer.show_json(revoked)
    tell_revocation(api, printer, revoked)


def grant_role(api: Api, user: str, role: str, server: str | None, tag: str | None) -> Row:
    """Grant a role, and return the grant."""
    if (server is None) == (tag is None):
        raise CommandFailed(choose("give either --server or --tag", "--server 与 --tag 须给出其中一个"))
    wanted: dict[str, Any] = {"role": read_word("--role", role, ROLES), "userId": require_user(api, user)["id"]}
    wanted |= {"tag": tag} if server is None else {"serverId": find_server_id(api, server)}
    made: Row = api.execute(GRANT, {"input": wanted})["grantRole"]["grant"]
    return made


def revoke_role(api: Api, user: str, server: str | None, tag: str | None) -> Row:
    """Revoke the grant that a user has on a server or a tag, and return it as it was."""
    if (server is None) == (tag is None):
        raise CommandFailed(choose("give either --server or --tag", "--server 与 --tag 须给出其中一个"))
    server_id = None if server is None else find_server_id(api, server)
    for grant in require_user(api, user)["grants"] or ():
        if (grant["tag"], None if grant["serverId"] is None else str(grant["serverId"])) == (tag, server_id):
            revoked: Row = api.execute(REVOKE, {"id": grant["id"]})["revokeGrant"]["grant"]
            return revoked
    raise CommandFailed(
        choose(f"{user} has no such grant: see `sshcast grant list`", f"{user} 没有这项授权：见 `sshcast grant list`")
    )


def tell_grant(api: Api, printer: Printer, grant: Row) -> None:
    name, there = grant["user"]["name"], _name_place(grant)
    role = grant["role"].lower()
    printer.tell_change(api, f"{name} is {role} on {there} now", f"{name} 现在是 {there} 上的 {role}")


def tell_revocation(api: Api, printer: Printer, grant: Row) -> None:
    name, there = grant["user"]["name"], _name_place(grant)
    role = grant["role"].lower()
    printer.tell_change(api, f"{name} is no longer {role} on {there}", f"{name} 不再是 {there} 上的 {role}")


def _name_place(grant: Row) -> str:
    if grant["tag"] is not None:
        return f"tag {grant['tag']}"
    return f"server {(grant['server'] or {}).get('name') or grant['serverId']}"
