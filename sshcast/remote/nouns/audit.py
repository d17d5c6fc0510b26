"""`sshcast audit list`: the record of what was done, and by whom."""

import json
from typing import Annotated, Any

import typer

from sshcast.errors import CommandFailed
from sshcast.remote.accounts import require_user
from sshcast.remote.api import Api
from sshcast.remote.moments import parse_past
from sshcast.remote.options import with_api
from sshcast.remote.pages import read_pages
from sshcast.remote.printing import Column, Printer, Row, format_time
from sshcast.words import choose

LIST = """
query AuditEvents($first: Int!, $after: String, $filter: AuditEventFilter) {
  auditEvents(first: $first, after: $after, filter: $filter) {
    nodes { id at kind actor actorId address objectKind objectId before after hash previous }
    pageInfo { hasNextPage endCursor }
  }
}
"""
COLUMNS = (
    Column("id", "编号", lambda row: row["id"]),
    Column("at", "时间", lambda row: format_time(row["at"])),
    Column("by", "用户", lambda row: row["actor"], lambda row: "bold"),
    Column("from", "来自", lambda row: row["address"]),
    Column("what", "操作", lambda row: row["kind"]),
    Column("object", "对象", lambda row: _name_object(row)),
    Column("before", "之前", lambda row: _format_state(row["before"])),
    Column("after", "之后", lambda row: _format_state(row["after"])),
)
OBJECTS = ("execution", "fleet_run", "secret", "server", "task", "user")


@with_api
def list_events(
    api: Api,
    printer: Printer,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only events of this kind, such as server_created; may be repeated.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Only what this user did, by name or id.")] = None,
    object: Annotated[
        str | None, typer.Option("--object", help="Only about this object: server, or server:ID.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only from then on: 2h, 3d, 2026-11-30 or a full time.")] = None,
    until: Annotated[str | None, typer.Option(help="Only until then.")] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many to list, the newest first.")] = 20,
) -> None:
    """List the events of the audit, the newest first. For admins."""
    filter: dict[str, Any] = {}
    if kind:
        filter["kinds"] = [each.upper().replace("-", "_") for each in kind]
    if user is not None:
        filter["actorId"] = require_user(api, user)["id"]
    if object is not None:
        filter |= _read_object(object)
    if since is not None:
        filter["atFrom"] = parse_past("--since", since)
    if until is not None:
        filter["atTo"] = parse_past("--until", until)
    variables = {"first": min(number, 100), "filter": filter}
    printer.show_rows(list(read_pages(api, LIST, "auditEvents", variables, most=number)), COLUMNS)


def _read_object(text: str) -> dict[str, Any]:
    kind, _, id = text.partition(":")
    if kind.lower().replace("-", "_") not in OBJECTS:
        raise CommandFailed(
            choose(
                f"--object is one of {', '.join(OBJECTS)}, alone or with an id as in server:12",
                f"--object 是以下之一：{', '.join(OBJECTS)}，单独给出或带编号，如 server:12",
            )
        )
    found: dict[str, Any] = {"objectKind": kind.upper().replace("-", "_")}
    return found | ({"objectId": id} if id else {})


def _name_object(row: Row) -> str:
    return ":".join(str(each).lower() for each in (row["objectKind"], row["objectId"]) if each is not None)


def _format_state(text: str | None) -> str:
    """Return `name=web-1 port=22` of an object's JSON."""
    try:
        state = json.loads(text or "{}")
    except ValueError:
        return str(text)
    if not isinstance(state, dict):
        return str(text)
    return " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in state.items())
