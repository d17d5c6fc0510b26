"""`sshcast server add` and `server rescan` through the API: the service's own runner fetches the host keys."""

from collections.abc import Sequence
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.remote.absence import build_absence
from sshcast.remote.api import Api
from sshcast.remote.asking import ask
from sshcast.remote.credentials import build_credential
from sshcast.remote.fingerprints import format_key
from sshcast.remote.host_key_scan import OfferedKeys, confirm_keys, scan_keys
from sshcast.remote.names import find_server_id
from sshcast.remote.printing import Column, Printer
from sshcast.server_options import ServerOptions
from sshcast.words import choose

CREATE = """
mutation CreateServer($input: CreateServerInput!) {
  createServer(input: $input) { errors { code field message } server { id name } }
}
"""
PINS = """
query ServerPins($id: ID!) {
  server(id: $id) { id name host port hostKeys legacyAlgorithms jumpServer { id } }
}
"""
ACCEPT = """
mutation AcceptHostKeys($id: ID!, $fingerprints: [String!]!) {
  updateServer(input: {id: $id, acceptFingerprints: $fingerprints}) {
    errors { code field message } server { id name hostKeys }
  }
}
"""
KEYS = (
    Column("host key", "主机密钥", lambda row: f"{row['type']} {row['fingerprint']}"),
    Column("pinned", "已固定", lambda row: row["pinned"]),
    Column("offered", "提供", lambda row: row["status"] or False),
)
UNCHANGED = ("the host keys were not accepted, so nothing was changed", "主机密钥未被接受，因此未作更改")
NOT_ADDED = ("the host keys were not accepted, so nothing was added", "主机密钥未被接受，因此未添加")


def add_server(api: Api, printer: Printer, given: ServerOptions) -> None:
    """Register a server, and print its id."""
    given.check()
    credential = build_credential(
        key=given.key, certificate=given.certificate, passphrase=given.passphrase, password=given.password
    )
    address: dict[str, Any] = {"host": given.host, "port": given.port}
    if given.allowed:
        address["legacyAlgorithms"] = [_name_algorithm(each) for each in given.allowed]
    if given.jump is not None:
        address["jumpServerId"] = find_server_id(api, given.jump)
    keys = _scan_and_confirm(api, address, yes=given.yes) if given.scan else list(given.host_keys)
    wanted = address | {
        "name": given.name,
        "username": given.username,
        "hostKeys": keys,
        "hostKeyAlias": given.host_key_alias,
        "outputEncoding": given.output_encoding,
        "credential": credential,
    }
    server = api.execute(CREATE, {"input": wanted})["createServer"]["server"]
    if printer.as_json:
        printer.show_json(server)
    else:
        print(server["id"])
    printer.tell_change(api, f"server {given.name} is registered", f"已登记服务器 {given.name}")


def rescan_server(api: Api, printer: Printer, server: str, accept: Sequence[str], *, yes: bool) -> None:
    """Show the keys that a server offers beside the pinned ones, and pin those that are accepted."""
    if accept and yes:
        raise CommandFailed(
            choose("give either --accept FINGERPRINT or --yes", "--accept FINGERPRINT 与 --yes 只能给出一个")
        )
    found = api.execute(PINS, {"id": find_server_id(api, server)})["server"]
    if found is None:
        raise build_absence("server", server, noun="server")
    address = {"host": found["host"], "port": found["port"], "legacyAlgorithms": found["legacyAlgorithms"]}
    if found["jumpServer"] is not None:
        address["jumpServerId"] = found["jumpServer"]["id"]
    rows = _compare(scan_keys(api, address), found["hostKeys"])
    printer.show_rows(rows, KEYS)
    offered = [row for row in rows if row["status"] is not None]
    if not accept and all(row["pinned"] for row in offered):
        printer.tell("all that it offers is pinned: nothing was changed", "它提供的密钥均已固定：未作任何更改")
        return
    question = (
        "Compare what it offers with its own keys (ssh-keygen -lf on it). Pin these in place of the old? [y/N] ",
        "请将其提供的密钥与它自身的密钥比对（在其上运行 ssh-keygen -lf）。用这些替换旧的吗？[y/N] ",
    )
    if not accept and not yes and not ask(*question):
        raise CommandFailed(choose(*UNCHANGED))
    accepted = list(accept) or [row["fingerprint"] for row in offered]
    api.execute(ACCEPT, {"id": found["id"], "fingerprints": accepted})
    count = f"{len(accepted)} host key{'s' if len(accepted) > 1 else ''} of {found['name']}"
    printer.tell_change(api, f"pinned {count}", f"已固定 {found['name']} 的 {len(accepted)} 个主机密钥")


def _name_algorithm(word: str) -> str:
    """Return an old algorithm's name in GraphQL, such as SSH_RSA_SHA1 for ssh-rsa-sha1."""
    return word.upper().replace("-", "_")


def _scan_and_confirm(api: Api, address: dict[str, Any], *, yes: bool) -> list[str]:
    keys = scan_keys(api, address)
    if not confirm_keys(keys, yes=yes):
        raise CommandFailed(choose(*NOT_ADDED))
    return [key["line"] for key in keys]


def _compare(offered: OfferedKeys, pins: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each key: the offered ones with their status, then those that are only pinned.

    This server's pins alone decide the status: other servers may be at the same address.
    """
    pinned = [format_key(line) for line in pins]
    rows: list[dict[str, Any]] = []
    for key in offered:
        text = f"{key['type']} {key['fingerprint']}"
        rows.append({**key, "status": _decide_status(text, pinned), "pinned": text in pinned})
    shown = {f"{row['type']} {row['fingerprint']}" for row in rows}
    for text in pinned:
        if text not in shown:
            kind, _, mark = text.rpartition(" ")
            rows.append({"line": None, "type": kind, "fingerprint": mark, "status": None, "pinned": True})
    return rows


def _decide_status(text: str, pinned: Sequence[str]) -> str:
    """Return the status of an offered key, `TYPE FINGERPRINT`, by the API's names."""
    if f"@revoked {text}" in pinned:
        return "REVOKED"
    if text in pinned:
        return "PINNED"
    return "CHANGED" if text.split()[0] in {each.split()[0] for each in pinned} else "NEW"
