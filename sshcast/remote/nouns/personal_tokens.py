"""`sshcast personal-token …`: your tokens for programs that act for you."""

from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.asking import require_consent
from sshcast.remote.enums import read_word
from sshcast.remote.options import with_api
from sshcast.remote.printing import Column, Printer, format_time
from sshcast.words import choose

app = typer.Typer(help="Your tokens for programs that act for you.", no_args_is_help=True)

FIELDS = "id name scope createdAt expiresAt"
LIST = f"query PersonalTokens {{ personalTokens {{ {FIELDS} }} }}"
CREATE = f"""
mutation CreatePersonalToken($input: CreatePersonalTokenInput!) {{
  createPersonalToken(input: $input) {{ errors {{ code field message }} token personalToken {{ {FIELDS} }} }}
}}
"""
REVOKE = f"""
mutation RevokePersonalToken($id: ID!) {{
  revokePersonalToken(input: {{id: $id}}) {{ errors {{ code field message }} personalToken {{ {FIELDS} }} }}
}}
"""
SCOPES = ("READ", "RUN", "ADMIN")
COLUMNS = (
    Column("id", "编号", lambda row: row["id"]),
    Column("name", "名称", lambda row: row["name"], lambda row: "bold"),
    Column("may", "权限", lambda row: row["scope"]),
    Column("created", "创建时间", lambda row: format_time(row["createdAt"])),
    Column("expires", "到期时间", lambda row: format_time(row["expiresAt"])),
)


@app.command("list")
@with_api
def list_tokens(api: Api, printer: Printer) -> None:
    """List your tokens. The tokens themselves are never shown again."""
    printer.show_rows(api.execute(LIST)["personalTokens"], COLUMNS)


@app.command("add")
@with_api
def add_token(
    api: Api,
    printer: Printer,
    name: str,
    scope: Annotated[str, typer.Option(help="The most that it may do: read, run or admin.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="In how many days it stops working.")] = 90,
) -> None:
    """Create a token, and print it: this is the only time that it is shown."""
    wanted = {"name": name, "scope": read_word("--scope", scope, SCOPES), "expiresInDays": days}
    made = api.execute(CREATE, {"input": wanted})["createPersonalToken"]
    if printer.as_json:
        printer.show_json(made["personalToken"] | {"token": made["token"]})
    else:
        print(made["token"])
    until = format_time(made["personalToken"]["expiresAt"])
    printer.tell_change(api, f"token {name} is created; it works until {until}", f"已创建令牌 {name}，有效期至 {until}")


@app.command("rm")
@with_api
def revoke_token(
    api: Api,
    printer: Printer,
    name: Annotated[str, typer.Argument(help="The token's name or id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Revoke a token. It stops working at once."""
    found = _require_token(api, name)
    require_consent(
        f"Revoke token {name} at {api.place}? What uses it stops working at once.",
        f"吊销 {api.place} 上的令牌 {name}？使用它的程序将立即失效。",
        yes=yes,
    )
    revoked = api.execute(REVOKE, {"id": found["id"]})["revokePersonalToken"]["personalToken"]
    if printer.as_json:
        printer.show_json(revoked)
    printer.tell_change(api, f"token {name} is revoked", f"已吊销令牌 {name}")


def _require_token(api: Api, name: str) -> dict[str, Any]:
    """Return the one token with this name, else the one with this id: names may be given twice."""
    every: list[dict[str, Any]] = api.execute(LIST)["personalTokens"]
    named = [each for each in every if each["name"] == name] or [each for each in every if str(each["id"]) == name]
    if len(named) > 1:
        ids = ", ".join(str(each["id"]) for each in named)
        raise CommandFailed(
            choose(
                f"{len(named)} tokens are called {name}: give the id of one of them, {ids}",
                f"有 {len(named)} 个名为 {name} 的令牌：请给出其中一个的编号：{ids}",
            )
        )
    if not named:
        raise CommandFailed(
            choose(
                f"you have no token {name}: see `sshcast personal-token list`",
                f"您没有令牌 {name}：见 `sshcast personal-token list`",
            )
        )
    return named[0]
