"""`sshcast server list|show|check|rm`: the servers that are registered."""

from typing import Annotated, Any

import typer

from sshcast.remote.absence import build_absence
from sshcast.remote.api import Api
from sshcast.remote.asking import require_consent
from sshcast.remote.fingerprints import format_key
from sshcast.remote.names import find_server_id
from sshcast.remote.options import with_api
from sshcast.remote.pages import read_pages
from sshcast.remote.printing import Column, Printer, Row, format_duration, format_time
from sshcast.words import choose

FIELDS = "id name host port username tags enabled jumpServer { id name } viewerRole"
LIST = f"""
query Servers($first: Int!, $after: String, $filter: ServerFilter) {{
  servers(first: $first, after: $after, filter: $filter, orderBy: {{field: NAME, direction: ASC}}) {{
    nodes {{ {FIELDS} }} pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
SHOW = f"""
query Server($id: ID!) {{
  server(id: $id) {{
    {FIELDS} hostKeys hostKeyAlias legacyAlgorithms credentialKind runMode maxParallel outputEncoding
    blackouts {{ days start end timezone from until reason }}
    policy {{ id mode allow commands extra }} createdAt updatedAt createdBy {{ id name }}
  }}
}}
"""
CHECK = """
mutation CheckServer($id: ID!) {
  checkServer(input: {id: $id}) {
    errors { code field message }
    check {
      ready roundTripMs clockDifferenceSeconds server { id name } hostKey { type fingerprint pinned }
      steps { step status found message durationMs }
    }
  }
}
"""
DELETE = """
mutation DeleteServer($id: ID!) {
  deleteServer(input: {id: $id}) { errors { code field message } server { id name } }
}
"""
COLUMNS = (
    Column("id", "编号", lambda row: row["id"]),
    Column("name", "名称", lambda row: row["name"], lambda row: "bold"),
    Column("address", "地址", lambda row: f"{row['username']}@{row['host']}:{row['port']}"),
    Column("jump server", "跳板机", lambda row: (row["jumpServer"] or {}).get("name")),
    Column("tags", "标签", lambda row: row["tags"]),
    Column("enabled", "启用", lambda row: row["enabled"], lambda row: "" if row["enabled"] else "red"),
    Column("your role", "您的角色", lambda row: row["viewerRole"]),
)
FACTS = (
    *COLUMNS,
    Column("signs in with", "登录方式", lambda row: row["credentialKind"]),
    Column("host keys", "主机密钥", lambda row: map(format_key, row["hostKeys"])),
    Column("host key alias", "主机密钥别名", lambda row: row["hostKeyAlias"]),
    Column("old algorithms", "旧算法", lambda row: row["legacyAlgorithms"]),
    Column("run mode", "运行方式", lambda row: row["runMode"]),
    Column("runs at a time", "同时运行数", lambda row: row["maxParallel"]),
    Column("output encoding", "输出编码", lambda row: row["outputEncoding"]),
    Column("blackouts", "禁止时段", lambda row: map(_format_blackout, row["blackouts"])),
    Column("policy mode", "策略模式", lambda row: (row["policy"] or {}).get("mode")),
    Column("policy allows", "策略允许", lambda row: (row["policy"] or {}).get("allow")),
    Column("allowed commands", "允许的命令", lambda row: (row["policy"] or {}).get("commands")),
    Column("registered", "登记时间", lambda row: format_time(row["createdAt"])),
    Column("by", "用户", lambda row: (row["createdBy"] or {}).get("name")),
    Column("changed", "更改时间", lambda row: format_time(row["updatedAt"])),
)
STATUSES = {"OK": ("✓", "green"), "LIMITED": ("!", "yellow"), "FAILED": ("✗", "red"), "SKIPPED": ("-", "dim")}
STEPS = {
    "REACH": ("connection", "连接"),
    "HOST_KEY": ("host key", "主机密钥"),
    "SIGN_IN": ("sign-in", "登录"),
    "LOGIN_SHELL": ("login shell", "登录 shell"),
    "ROUND_TRIP": ("round trip", "往返时间"),
    "FOLDER": ("folder for output", "输出目录"),
    "PROGRAMS": ("programs", "所需程序"),
    "SETSID": ("setsid", "setsid"),
    "PROC": ("/proc", "/proc"),
    "CLOCK": ("clock", "时钟"),
}
STEP_COLUMNS = (
    Column("", "", lambda row: STATUSES.get(row["status"], ("?", ""))[0], lambda row: _choose_colour(row)),
    Column("step", "步骤", lambda row: choose(*STEPS.get(row["step"], (row["step"], row["step"])))),
    Column("took", "用时", lambda row: None if row["durationMs"] is None else format_duration(int(row["durationMs"]))),
    Column("found", "结果", lambda row: row["found"]),
    Column("what to do", "处理办法", lambda row: row["message"], lambda row: _choose_colour(row)),
)
Server = Annotated[str, typer.Argument(help="The server's name or id.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to those of `sshcast server`."""
    for name, command in (
        ("list", list_servers),
        ("show", show_server),
        ("check", check_server),
        ("rm", delete_server),
    ):
        app.command(name)(command)


@with_api
def list_servers(
    api: Api,
    printer: Printer,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only with this tag; may be repeated: with all of them.")
    ] = None,
    disabled: Annotated[
        bool | None, typer.Option("--disabled/--enabled", help="Only those that are disabled, or enabled.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Only those whose name contains this text.")] = None,
) -> None:
    """List the servers by name."""
    filter: dict[str, Any] = {"tagsAll": tag or None, "nameContains": name}
    filter["enabled"] = None if disabled is None else not disabled
    filter = {key: value for key, value in filter.items() if value is not None}
    printer.show_rows(list(read_pages(api, LIST, "servers", {"first": 100, "filter": filter})), COLUMNS)


@with_api
def show_server(api: Api, printer: Printer, server: Server) -> None:
    """Show what is known of a server."""
    found: Row | None = api.execute(SHOW, {"id": find_server_id(api, server)})["server"]
    if found is None:
        raise build_absence("server", server, noun="server")
    printer.show_object(found, FACTS)


@with_api
def check_server(api: Api, printer: Printer, server: Server) -> int:
    """Connect to a server and check what runs need there, step by step. Exits with 1 if a step failed."""
    check = api.execute(CHECK, {"id": find_server_id(api, server)})["checkServer"]["check"]
    if printer.as_json:
        printer.show_json(check)
    else:
        printer.show_rows(check["steps"], STEP_COLUMNS)
    name = check["server"]["name"]
    if check["ready"]:
        printer.tell(f"{name} is ready for runs", f"{name} 已可运行命令", "green")
        return 0
    printer.tell(f"{name} is not ready for runs", f"{name} 尚不能运行命令", "red")
    return 1


@with_api
def delete_server(api: Api, printer: Printer, server: Server, yes: Yes = False) -> None:
    """Delete a server. Its tasks and its history stay; its tasks no longer run."""
    found = find_server_id(api, server)
    require_consent(
        f"Delete server {server} at {api.place}? Its tasks no longer run.",
        f"删除 {api.place} 上的服务器 {server}？其任务将不再运行。",
        yes=yes,
    )
    deleted = api.execute(DELETE, {"id": found})["deleteServer"]["server"]
    if printer.as_json:
        printer.show_json(deleted)
    printer.tell_change(api, f"server {server} is deleted", f"已删除服务器 {server}")


def _choose_colour(row: Row) -> str:
    return STATUSES.get(row["status"], ("", ""))[1]


def _format_blackout(window: Row) -> str:
    """Return a window as one text: `22:00-06:00 MON, TUE UTC (backups)`, or its two moments."""
    if window["from"] is not None:
        span = f"{format_time(window['from'])} - {format_time(window['until'])}"
    else:
        days = " ".join(window["days"] or ())
        span = " ".join(filter(None, (f"{window['start']}-{window['end']}", days, window["timezone"])))
    return f"{span} ({window['reason']})" if window["reason"] else span
