"""Asks a server over SSH for its crontabs, its cron, its account, its time zone and its clock, by one run of `sh`."""

import base64
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.remote.api import Api, ApiRefused
from sshcast.remote.crontab.lines import Origin
from sshcast.remote.crontab.words import Cron
from sshcast.remote.following import Event, Follower
from sshcast.remote.interrupts import Interrupts
from sshcast.remote.patience import Patience
from sshcast.remote.printing import Printer
from sshcast.remote.running import CANCEL, OUTPUT, start_cancel
from sshcast.remote.starting import start_once
from sshcast.words import choose

RUN = """
mutation ReadCrontabs($input: RunCommandInput!) {
  runCommand(input: $input) { errors { code field message } execution { id } }
}
"""
ENDED = "query CrontabsRead($id: ID!) { execution(id: $id) { state reason message endTime } }"
SECONDS = 60
# It changes nothing. Each part begins with a line that no crontab can foresee. The clock is read last.
SCRIPT = r"""# sshcast crontab: reads the crontabs of this account and of the system
part() { printf '\n%s %s\n' MARK "$1"; }
part account; id -un
part zone; readlink /etc/localtime
part zone-name; [ -e /etc/localtime ] || echo UTC
[ -r /etc/timezone ] && read -r zone </etc/timezone && cmp -s /etc/localtime "/usr/share/zoneinfo/$zone" && echo "$zone"
part cron; tool=$(command -v crontab) && tool=$(readlink -f "$tool") && echo "$tool"
part package; [ -n "$tool" ] && {
  dpkg -S "$tool" || rpm -qf "$tool" || { grep -q cronie "$tool" && echo cronie; }
} 2>/dev/null
part user; crontab -l; status=$?
part user-status; echo $status
part user-said; [ $status = 0 ] || LC_ALL=C crontab -l 2>&1
part folder; [ ! -d /etc/cron.d ] || { [ -r /etc/cron.d ] && [ -x /etc/cron.d ]; } || echo closed
for file in /etc/crontab /etc/cron.d/*; do
  [ -f "$file" ] || continue
  part "file $file"; ls -ldL "$file"
  part text; cat "$file"; status=$?
  part text-status; echo $status
done
part clock; date +%s
part end
"""
# Debian's cron reads files in /etc/cron.d with these names only; cronie leaves these endings out.
DEBIAN_NAMES = re.compile(r"[A-Za-z0-9_-]+")
CRONIE_LEFT_OUT = re.compile(r"\..*|#.*|.*~|.*\.rpm(?:save|new|orig)|.*\.cfsaved")
PACKAGES = {"cron": Cron.VIXIE, "cronie": Cron.CRONIE}


@dataclass(frozen=True, slots=True)
class Table:
    """A crontab as it was read. `fault`: why it was not; `is_ignored`: cron does not read it either."""

    origin: Origin
    data: bytes
    fault: str | None = None
    is_ignored: bool = False


@dataclass(slots=True)
class Host:
    """What a server said. `timezone`: None if it could not be told; `clock_seconds`: its clock, from the epoch.

    `ended_at`: the service's clock after it was read. `tables`: the account's crontab first.
    """

    account: str
    cron: Cron
    cron_name: str
    timezone: str | None
    clock_seconds: int
    ended_at: datetime
    tables: list[Table] = field(default_factory=list)

    @property
    def clock_lead(self) -> float:
        """How many seconds the service's clock needs to come to the server's present minute; none if it is past it."""
        return self.clock_seconds // 60 * 60 - self.ended_at.timestamp()


def read_host(api: Api, printer: Printer, server: dict[str, Any]) -> Host:
    """Run the script on a server, and return what it said."""
    mark = secrets.token_hex(16)
    given = {"serverId": server["id"], "command": SCRIPT.replace("MARK", mark), "timeoutSeconds": SECONDS}
    try:
        found = start_once(api, printer.notes, RUN, {"input": given})
    except ApiRefused as error:
        raise _explain(error, server["name"]) from None
    id = str(found["runCommand"]["execution"]["id"])
    printer.tell(
        f"execution {id} reads the crontabs of {server['name']}", f"执行 {id} 读取 {server['name']} 的 crontab"
    )
    output = _collect(api, printer, id)
    ended = api.execute(ENDED, {"id": id})["execution"]
    parts = list(split_parts(output, mark))
    if ended["state"] != "SUCCESS" or not parts or parts[-1][0] != "end":
        why = ended["message"] or ended["reason"] or ended["state"]
        english = f"the crontabs of {server['name']} could not be read: {why} (execution {id})"
        raise CommandFailed(choose(english, f"无法读取 {server['name']} 的 crontab：{why}（执行 {id}）"))
    return build_host(parts, datetime.fromisoformat(ended["endTime"]))


def wait_for_clock(host: Host, printer: Printer) -> None:
    """Wait until the service's clock has come to the minute that the server is in: cron may have run that one."""
    if host.clock_lead > 90:
        raise CommandFailed(
            choose(
                f"the server's clock is {host.clock_lead:.0f} s or more ahead of the service's, "
                "so that a minute could run twice: set the clocks, then adopt",
                f"服务器的时钟比服务的时钟快 {host.clock_lead:.0f} 秒或更多，某一分钟可能运行两次：请先校准时钟再接管",
            )
        )
    if host.clock_lead > -1:
        printer.tell("waits for the clocks to be in the same minute", "等待两边的时钟进入同一分钟")
        time.sleep(host.clock_lead + 1.5)


def _explain(error: ApiRefused, name: str) -> CommandFailed:
    if error.code != "COMMAND_REFUSED":
        return error
    return CommandFailed(
        choose(
            f"the command policy does not let {name} be asked: {error}. An admin can allow what the finding names with "
            "`sshcast policy set`; or save the output of `crontab -l` there in a file, and import that with --file",
            f"命令策略不允许询问 {name}：{error}。管理员可用 sshcast policy set 允许其中指出的内容；"
            "也可在那里把 crontab -l 的输出存为文件，再用 --file 导入",
        )
    )


def _collect(api: Api, printer: Printer, id: str) -> bytes:
    """Return all of a run's standard output. Ctrl-C cancels the run."""
    pieces: list[bytes] = []

    def keep(event: Event) -> bool:
        if event["kind"] == "OutputChunk" and event["stream"].lower() == "stdout":
            pieces.append(base64.b64decode(event["base64"]))
        return bool(event["kind"] == "OutputEnd")

    interrupts = Interrupts()
    follower = Follower(
        api=api,
        patience=Patience(printer.notes),
        document=OUTPUT,
        root="executionOutput",
        advice="nothing was changed: try again",
        variables={"id": id, "text": False},
        interrupts=interrupts,
    )
    with interrupts.catch(api):
        try:
            with interrupts.allow():
                follower.follow(keep)
        except KeyboardInterrupt:
            with interrupts.allow():
                start_cancel(api, printer.notes, CANCEL, id)
            raise
    return b"".join(pieces)


def split_parts(output: bytes, mark: str) -> Iterator[tuple[str, bytes]]:
    """Yield the parts of the script's output, each with its name."""
    for part in output.split(f"\n{mark} ".encode())[1:]:
        name, _, data = part.partition(b"\n")
        yield name.decode(errors="replace"), data


def build_host(parts: list[tuple[str, bytes]], ended_at: datetime) -> Host:
    """Return what a server has said, part by part."""
    said = {name: data.decode(errors="replace").strip() for name, data in parts}
    cron, name = _find_cron(said["cron"], said["package"])
    host = Host(said["account"], cron, name, _find_zone(said), int(said["clock"]), ended_at)
    data = dict(parts)["user"]
    origin = Origin(f"crontab of {host.account}", host.account, cron)
    # Its status is 1 where there is no crontab, as it is where the account may not use cron.
    is_read = said["user-status"] == "0" or (not data and said["user-said"].startswith("no crontab for "))
    host.tables.append(Table(origin, data, None if is_read else _explain_failure(said["user-said"])))
    if said["folder"]:
        fault = choose("/etc/cron.d could not be listed: the account may not", "无法列出 /etc/cron.d：账号没有权限")
        host.tables.append(Table(Origin("/etc/cron.d"), b"", fault))
    for at, (name, data) in enumerate(parts):
        if name.startswith("file "):
            host.tables.append(_build_table(name[5:], data.decode(errors="replace"), parts[at + 1 : at + 3], cron))
    return host


def _explain_failure(said: str) -> str:
    first = said.partition("\n")[0]
    return choose(
        f"`crontab -l` failed{f' ({first})' if first else ''}", f"crontab -l 失败{f'（{first}）' if first else ''}"
    )


def _build_table(path: str, listed: str, parts: list[tuple[str, bytes]], cron: Cron) -> Table:
    (_, data), (_, status) = parts
    origin = Origin(path, None, cron)
    if status.strip() != b"0":
        fault = choose(f"{path} could not be read: the account may not", f"无法读取 {path}：账号没有权限")
        return Table(origin, b"", fault)
    ignored = _find_ignored(path, listed.split(), cron)
    return Table(origin, data, ignored, is_ignored=ignored is not None)


def _find_ignored(path: str, listed: list[str], cron: Cron) -> str | None:
    """Return why cron does not read the file; None if it does."""
    name = path.rpartition("/")[2]
    if cron not in (Cron.VIXIE, Cron.CRONIE):
        return None
    if path != "/etc/crontab":
        if cron is Cron.VIXIE and DEBIAN_NAMES.fullmatch(name) is None:
            return choose(f"{path} has a name that this cron ignores", f"这种 cron 会因名称忽略 {path}")
        if cron is Cron.CRONIE and CRONIE_LEFT_OUT.fullmatch(name):
            return choose(f"{path} has a name that this cron ignores", f"这种 cron 会因名称忽略 {path}")
    if len(listed) > 2 and (listed[2] not in ("root", "0") or listed[0][5] == "w" or listed[0][8] == "w"):
        english = f"{path} is not root's alone to write, so that cron ignores it"
        return choose(english, f"root 以外的人可写 {path}，因此 cron 会忽略它")
    return None


def _find_cron(tool: str, package: str) -> tuple[Cron, str]:
    name = package.splitlines()[0] if package else tool
    if package:
        word = re.split(r"[-:,]", name)[0]
        return PACKAGES.get(word, Cron.OTHER), word
    return (Cron.OTHER if "busybox" in tool or "toybox" in tool else Cron.UNKNOWN), name


def _find_zone(said: dict[str, str]) -> str | None:
    link = said["zone"].partition("/zoneinfo/")[2].removeprefix("posix/")
    if link and not link.startswith("right/"):
        return link
    return said["zone-name"].partition("\n")[0] or None
