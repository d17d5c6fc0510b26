"""Imports the hosts of a file: reads it, shows the plan, asks, and registers them."""

import getpass
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.asking import require_consent
from sshcast.remote.host_key_scan import OfferedKeys, confirm_keys
from sshcast.remote.imports.ansible_hosts import read_inventory
from sshcast.remote.imports.carrying_out import Importer
from sshcast.remote.imports.hosts import ImportedHost
from sshcast.remote.imports.keys import Keys
from sshcast.remote.imports.known_hosts import read_known_hosts
from sshcast.remote.imports.plan import Action, Planner, Source, Step
from sshcast.remote.imports.ssh_config import read_config
from sshcast.remote.imports.ssh_hosts import SshHosts
from sshcast.remote.pages import read_pages
from sshcast.remote.printing import Column, Printer, Row
from sshcast.words import choose, translate

REGISTERED = """
query RegisteredServers($after: String) {
  servers(first: 100, after: $after) {
    nodes { id name host port username tags hostKeys hostKeyAlias jumpServer { id name } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
STYLES = {"CREATE": "green", "UPDATE": "yellow", "DIFFERS": "yellow", "NONE": "dim", "FAILED": "red"}
WORDS = {
    "CREATE": ("register", "登记"),
    "UPDATE": ("change", "更改"),
    "DIFFERS": ("differs, left as it is", "有差异，保持不变"),
    "NONE": ("there already", "已存在"),
    "FAILED": ("cannot be imported", "无法导入"),
}
KEY_WORDS = {"scan": ("scan", "待获取"), "known": ("known", "已知"), None: ("", "")}
COLUMNS = (
    Column("", "", lambda row: choose(*WORDS[row["action"]]), lambda row: STYLES[row["action"]]),
    Column("name", "名称", lambda row: row["name"], lambda row: "bold"),
    Column("address", "地址", lambda row: row["address"]),
    Column("jump server", "跳板服务器", lambda row: row["jumpServer"]),
    Column("tags", "标签", lambda row: row["tags"]),
    Column("host keys", "主机密钥", lambda row: choose(*KEY_WORDS[row["hostKeys"]])),
    Column("what", "说明", lambda row: translate(row["reason"] or "") or _format_changes(row["changes"])),
    Column("id", "编号", lambda row: row["id"]),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """The options of `server import`. `user`, `key` and `password` are for hosts that name none."""

    ssh_config: Path | None
    ansible: Path | None
    patterns: Sequence[str]
    known_hosts: Sequence[Path]
    scan: bool
    user: str | None
    key: Path | None
    passphrase: str | None
    password: str | None
    update: bool
    dry_run: bool
    yes: bool


def import_hosts(api: Api, printer: Printer, options: ImportOptions) -> int:
    """Import the hosts of a file; return the exit status, 1 if any could not be imported."""
    source, unread = _read_source(options)
    for line in unread:
        printer.notes.say(line, "yellow")
    keys = Keys(options.key, options.password, options.passphrase, can_ask=sys.stdin.isatty())
    steps = _plan(api, source, keys, options)
    rows = [_format_step(step) for step in steps]
    if options.dry_run:
        printer.show_rows(rows, COLUMNS)
        return _get_status(steps)
    is_table = sys.stdout.isatty() and not printer.as_json
    if is_table:
        printer.show_rows(rows, COLUMNS)
    elif not options.yes:
        for row in rows:
            printer.notes.say("  ".join(text for column in COLUMNS if (text := column.format(row))), "dim")
    _require_consent(api, steps, yes=options.yes)
    done = list(_carry_out(api, printer, keys, steps, yes=options.yes))
    if not is_table:
        printer.show_rows(done, COLUMNS)
    _tell_end(api, printer, steps)
    return _get_status(steps)


def _read_source(options: ImportOptions) -> tuple[Source, list[str]]:
    """Return the hosts of the file, and what in it was not read."""
    user = options.user or getpass.getuser()
    if options.ansible is not None:
        return read_inventory(options.ansible, user)
    assert options.ssh_config is not None, "one of the two is given"
    config = read_config(options.ssh_config)
    return SshHosts(config, user), config.unread


def _plan(api: Api, source: Source, keys: Keys, options: ImportOptions) -> list[Step]:
    known = read_known_hosts(options.known_hosts)

    def find_keys(host: ImportedHost) -> list[str]:
        return known.find_keys(host.host, host.port, host.alias)

    registered = {each["name"]: each for each in read_pages(api, REGISTERED, "servers", {})}
    planner = Planner(source, registered, keys.check, find_keys, scans=options.scan, updates=options.update)
    steps = planner.plan(options.patterns)
    if not steps:
        raise CommandFailed(
            choose(
                "no host is selected: see --host, and which hosts the file names",
                "没有选中任何主机：见 --host，以及文件中有哪些主机",
            )
        )
    return steps


def _require_consent(api: Api, steps: Sequence[Step], *, yes: bool) -> None:
    count = _count_changes(steps)
    if count:
        what = f"{count} server{'' if count == 1 else 's'}"
        require_consent(
            f"Register or change {what} at {api.place}?", f"在 {api.place} 登记或更改 {count} 台服务器？", yes=yes
        )


def _carry_out(api: Api, printer: Printer, keys: Keys, steps: Sequence[Step], *, yes: bool) -> Iterator[Row]:
    def confirm(name: str, offered: OfferedKeys) -> bool:
        printer.notes.say(f"{name}:")
        return confirm_keys(offered, yes=yes)

    for step in Importer(api, keys.build_credential, confirm).carry_out(steps):
        if step.action is Action.FAILED:
            printer.notes.say(f"{step.host.name} ({translate(step.host.where)}): {translate(step.fault or '')}", "red")
        yield _format_step(step)


def _tell_end(api: Api, printer: Printer, steps: Sequence[Step]) -> None:
    count = _count_changes(steps)
    if not count:
        printer.tell("nothing was changed", "未作任何更改")
        return
    what = "1 server is" if count == 1 else f"{count} servers are"
    printer.tell_change(api, f"{what} registered or changed", f"已登记或更改 {count} 台服务器")


def _count_changes(steps: Sequence[Step]) -> int:
    return sum(step.action in (Action.CREATE, Action.UPDATE) for step in steps)


def _get_status(steps: Sequence[Step]) -> int:
    return int(any(step.action is Action.FAILED for step in steps))


def _format_step(step: Step) -> Row:
    host = step.host
    keys = "scan" if step.keys is None else "known"
    return {
        "action": step.action.value,
        "name": host.name,
        "address": None if host.fault is not None else f"{host.user}@{host.host}:{host.port}",
        "jumpServer": step.jump,
        "tags": list(host.tags or ()),
        "hostKeys": keys if step.action is Action.CREATE else None,
        "changes": {name: {"from": old, "to": new} for name, (old, new) in step.changes.items()},
        "reason": step.fault,
        "id": step.server_id,
        "where": host.where,
    }


def _format_changes(changes: dict[str, Any]) -> str:
    """Return `port 22 -> 2222; username a -> b`."""
    return "; ".join(f"{name} {_show(each['from'])} -> {_show(each['to'])}" for name, each in changes.items())


def _show(value: Any) -> str:
    if value is None or value == []:
        return choose("none", "无")
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
