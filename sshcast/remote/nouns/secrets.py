"""`sshcast secret …`: the registered secrets, which runs get by their names and which nobody reads back."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sshcast.remote.absence import build_absence
from sshcast.remote.api import Api
from sshcast.remote.asking import require_consent
from sshcast.remote.names import find_server_id
from sshcast.remote.new_secret import read_value
from sshcast.remote.options import with_api
from sshcast.remote.pages import read_pages
from sshcast.remote.printing import Column, Printer, format_time

app = typer.Typer(help="The secrets that runs can use by their names.", no_args_is_help=True)

FIELDS = "id name serverId server { id name } createdAt updatedAt createdBy { id name }"
LIST = f"""
query Secrets($after: String, $serverId: ID) {{
  secrets(first: 100, after: $after, serverId: $serverId) {{
    nodes {{ {FIELDS} }} pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
CREATE = f"""
mutation CreateSecret($input: CreateSecretInput!) {{
  createSecret(input: $input) {{ errors {{ code field message }} secret {{ {FIELDS} }} }}
}}
"""
UPDATE = f"""
mutation UpdateSecret($input: UpdateSecretInput!) {{
  updateSecret(input: $input) {{ errors {{ code field message }} secret {{ {FIELDS} }} }}
}}
"""
DELETE = f"""
mutation DeleteSecret($id: ID!) {{
  deleteSecret(input: {{id: $id}}) {{ errors {{ code field message }} secret {{ {FIELDS} }} }}
}}
"""
COLUMNS = (
    Column("id", "编号", lambda row: row["id"]),
    Column("name", "名称", lambda row: row["name"], lambda row: "bold"),
    Column("only on", "仅用于", lambda row: (row["server"] or {}).get("name") or row["serverId"]),
    Column("registered", "登记时间", lambda row: format_time(row["createdAt"])),
    Column("replaced", "替换时间", lambda row: format_time(row["updatedAt"])),
    Column("by", "用户", lambda row: (row["createdBy"] or {}).get("name")),
)
FirstLine = Annotated[bool, typer.Option("--stdin", help="Read the value from the first line of standard input.")]
Everything = Annotated[bool, typer.Option("--all-stdin", help="Read the value from all of standard input.")]
File = Annotated[Path | None, typer.Option("--file", help="Read the value from this file, all of it.")]


@app.command("list")
@with_api
def list_secrets(
    api: Api,
    printer: Printer,
    server: Annotated[str | None, typer.Option(help="Only those that runs on this server may use.")] = None,
) -> None:
    """List the secrets by name. Their values are never shown."""
    variables = {} if server is None else {"serverId": find_server_id(api, server)}
    printer.show_rows(list(read_pages(api, LIST, "secrets", variables)), COLUMNS)


@app.command("add")
@with_api
def add_secret(
    api: Api,
    printer: Printer,
    name: str,
    server: Annotated[str | None, typer.Option(help="The only server whose runs may use it.")] = None,
    stdin: FirstLine = False,
    all_stdin: Everything = False,
    file: File = None,
) -> None:
    """Register a secret, and print its id. The value is asked for, or read; it is never an argument."""
    wanted: dict[str, Any] = {"name": name}
    if server is not None:
        wanted["serverId"] = find_server_id(api, server)
    wanted["value"] = read_value(first_line=stdin, everything=all_stdin, file=file)
    made = api.execute(CREATE, {"input": wanted})["createSecret"]["secret"]
    if printer.as_json:
        printer.show_json(made)
    else:
        print(made["id"])
    printer.tell_change(api, f"secret {name} is registered", f"已登记机密 {name}")


@app.command("set")
@with_api
def set_secret(
    api: Api,
    printer: Printer,
    name: Annotated[str, typer.Argument(help="The secret's name or id.")],
    stdin: FirstLine = False,
    all_stdin: Everything = False,
    file: File = None,
) -> None:
    """Replace a secret's value, for runs that start from now on."""
    found = _require_secret(api, name)
    value = read_value(first_line=stdin, everything=all_stdin, file=file)
    changed = api.execute(UPDATE, {"input": {"id": found["id"], "value": value}})["updateSecret"]["secret"]
    if printer.as_json:
        printer.show_json(changed)
    printer.tell_change(api, f"secret {name} has a new value", f"已替换机密 {name} 的值")


@app.command("rm")
@with_api
def delete_secret(
    api: Api,
    printer: Printer,
    name: Annotated[str, typer.Argument(help="The secret's name or id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a secret. Runs that use it fail from now on, before anything is started."""
    found = _require_secret(api, name)
    require_consent(
        f"Delete secret {name} at {api.place}? Runs that use it will fail.",
        f"删除 {api.place} 上的机密 {name}？使用它的运行将会失败。",
        yes=yes,
    )
    deleted = api.execute(DELETE, {"id": found["id"]})["deleteSecret"]["secret"]
    if printer.as_json:
        printer.show_json(deleted)
    printer.tell_change(api, f"secret {name} is deleted", f"已删除机密 {name}")


def _require_secret(api: Api, name: str) -> dict[str, Any]:
    every = list(read_pages(api, LIST, "secrets", {}))
    for key in ("name", "id"):
        for each in every:
            if str(each[key]) == name:
                return each
    raise build_absence("secret", name, noun="secret")
