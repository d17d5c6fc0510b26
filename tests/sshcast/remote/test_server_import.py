"""Importing servers into a service elsewhere, from ssh's configuration and from Ansible's inventories."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.remote import Remote


@dataclass(frozen=True, slots=True)
class Ground:
    """A folder with a configuration, a key and known hosts, and the service to import into."""

    remote: Remote
    folder: Path
    host: str
    port: int

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text.format(folder=self.folder, host=self.host, port=self.port))
        return str(path)

    def run(self, *args: str, stdin: str = "", keys: bool = True) -> tuple[int, list[dict[str, Any]], str]:
        """Import; return the exit status, what was done with each host, and what was said."""
        known = ("--known-hosts", str(self.folder / "known_hosts")) if keys else ()
        done = self.remote.within("server", "import", *args, *known, "--json", stdin=stdin)
        rows = json.loads(done.stdout) if done.stdout else []
        return done.returncode, rows, done.stderr.decode()

    def show(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.remote.output("server", "show", name, "--json"))
        return found

    def list_names(self) -> set[str]:
        return {each["name"] for each in json.loads(self.remote.output("server", "list", "--json"))} - {"demo"}


@pytest.fixture
def ground(remote: Remote, tmp_path: Path) -> Iterator[Ground]:
    demo = json.loads(remote.output("server", "show", "demo", "--json"))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "id")], check=True)
    found = Ground(remote, tmp_path, demo["host"], demo["port"])
    lines = [f"[{demo['host']}]:{demo['port']} {key}\nbehind.example {key}\n" for key in demo["hostKeys"]]
    (tmp_path / "known_hosts").write_text("".join(lines))
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(tmp_path / "known_hosts")], check=True, capture_output=True)
    yield found
    left = [each for each in json.loads(remote.output("server", "list", "--json")) if each["name"] != "demo"]
    for each in sorted(left, key=lambda server: server["jumpServer"] is None):  # those behind a jump server first
        remote.output("server", "rm", each["id"], "--yes")


CONFIG = """
Host behind
  HostName behind.example
  ProxyJump front
Host front
  HostName {host}
  Port {port}
  User jumper
Host *
  User deploy
  IdentityFile {folder}/id
"""


def pick(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_a_dry_run_shows_the_plan_and_does_nothing(ground: Ground) -> None:
    config = ground.write("config", CONFIG)
    status, rows, _ = ground.run("--ssh-config", config, "--dry-run")
    assert status == 0
    assert pick(rows, "name", "action", "jumpServer", "id") == [
        ("front", "CREATE", None, None),
        ("behind", "CREATE", "front", None),
    ]
    assert ground.list_names() == set()


def test_nothing_is_imported_without_a_word_where_there_is_nobody_to_ask(ground: Ground) -> None:
    status, rows, said = ground.run("--ssh-config", ground.write("config", CONFIG))
    assert (status, rows) == (1, [])
    assert "add --yes" in said
    assert f"jumper@{ground.host}:{ground.port}" in said
    assert ground.list_names() == set()


def test_hosts_are_registered_with_their_jump_servers_first_and_a_second_import_changes_nothing(ground: Ground) -> None:
    config = ground.write("config", CONFIG)
    status, rows, said = ground.run("--ssh-config", config, "--yes")
    assert (status, pick(rows, "name", "action")) == (0, [("front", "CREATE"), ("behind", "CREATE")])
    assert f"2 servers are registered or changed [{ground.remote.url}]" in said
    front, behind = ground.show("front"), ground.show("behind")
    assert (front["username"], front["port"], front["credentialKind"]) == ("jumper", ground.port, "KEY")
    assert (behind["host"], behind["username"], behind["jumpServer"]["name"]) == ("behind.example", "deploy", "front")
    assert front["hostKeys"] == ground.show("demo")["hostKeys"]
    before = json.loads(ground.remote.output("audit", "list", "-n", "1", "--json"))[0]["id"]
    status, rows, said = ground.run("--ssh-config", config, "--yes")
    assert (status, pick(rows, "name", "action")) == (0, [("front", "NONE"), ("behind", "NONE")])
    assert "nothing was changed" in said
    assert json.loads(ground.remote.output("audit", "list", "-n", "1", "--json"))[0]["id"] == before


def test_a_server_that_is_registered_otherwise_is_changed_only_on_a_word(ground: Ground) -> None:
    ground.run("--ssh-config", ground.write("config", CONFIG), "--yes")
    changed = ground.write("config", CONFIG.replace("User jumper", "User other").replace("ProxyJump front\n", "\n"))
    status, rows, _ = ground.run("--ssh-config", changed, "--yes")
    assert (status, pick(rows, "name", "action")) == (0, [("behind", "DIFFERS"), ("front", "DIFFERS")])
    assert rows[1]["changes"] == {"username": {"from": "jumper", "to": "other"}}
    assert ground.show("front")["username"] == "jumper"
    status, rows, _ = ground.run("--ssh-config", changed, "--yes", "--update")
    assert (status, pick(rows, "action")) == (0, [("UPDATE",), ("UPDATE",)])
    assert (ground.show("front")["username"], ground.show("behind")["jumpServer"]) == ("other", None)


def test_a_host_that_cannot_be_imported_is_named_with_the_reason_and_stops_no_other(ground: Ground) -> None:
    config = ground.write(
        "config",
        "Host nokey\n  HostName {host}\n  Port {port}\n  IdentityFile {folder}/none\n"
        "Host lost\n  HostName behind.example\n  ProxyJump nokey\n"
        "Host unknown\n  HostName elsewhere.example\n"
        f"Host refused\n  HostName behind.example\n  User {'x' * 300}\n"
        "Host ring-1\n  ProxyJump ring-2\nHost ring-2\n  ProxyJump ring-1\n"
        "Host command\n  ProxyCommand nc %h %p\n"
        "Match user root\n  Port 1\n" + CONFIG.replace("Host *", "Host * !nokey"),
    )
    status, rows, said = ground.run("--ssh-config", config, "--yes")
    reasons = {row["name"]: row["reason"] for row in rows}
    assert status == 1
    assert reasons["front"] is None
    assert reasons["behind"] is None
    assert reasons["nokey"] == f"its key is not on this machine: {ground.folder}/none"
    assert reasons["lost"] == "its jump server nokey cannot be imported"
    assert "no key of it is in the known hosts: add --scan" in reasons["unknown"]
    assert "username: " in reasons["refused"]
    assert "its jump servers lead back to it" in reasons["ring-1"]
    assert "ProxyCommand nc %h %p" in reasons["command"]
    assert f"{config}:19: Match user root is not read, nor the lines under it" in said
    assert f"nokey ({config}:1): its key is not on this machine" in said
    assert ground.list_names() == {"front", "behind"}


def test_only_the_hosts_that_match_are_imported_with_the_jump_servers_that_they_need(ground: Ground) -> None:
    config = ground.write("config", CONFIG + "Host third\n  HostName third.example\n")
    status, rows, _ = ground.run("--ssh-config", config, "--host", "beh*", "--yes")
    assert (status, pick(rows, "name")) == (0, [("front",), ("behind",)])
    assert "no host is selected" in ground.run("--ssh-config", config, "--host", "x*", "--yes")[2]


def test_the_service_fetches_the_keys_that_are_not_known(ground: Ground) -> None:
    config = ground.write("config", CONFIG)
    args = ("--ssh-config", config, "--host", "front", "--scan", "--yes")
    status, rows, said = ground.run(*args, keys=False)
    assert (status, pick(rows, "name", "action")) == (0, [("front", "CREATE")])
    assert "front:\nssh-ed25519 SHA256:" in said
    assert ground.show("front")["hostKeys"] == ground.show("demo")["hostKeys"]


def test_a_key_with_a_passphrase_needs_the_passphrase(ground: Ground) -> None:
    (ground.folder / "id").unlink()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", str(ground.folder / "id")], check=True
    )
    config = ground.write("config", CONFIG)
    status, rows, _ = ground.run("--ssh-config", config, "--host", "front", "--yes")
    assert status == 1
    assert "has a passphrase" in rows[0]["reason"]
    args = ("--ssh-config", config, "--host", "front", "--yes", "--passphrase-stdin")
    status, rows, _ = ground.run(*args, stdin="wrong\n")
    assert status == 1
    assert "passphrase" in rows[0]["reason"]
    assert ground.run(*args, stdin="open sesame\n")[0] == 0


def test_an_inventory_s_groups_become_tags_and_its_tags_are_only_added(ground: Ground) -> None:
    inventory = ground.write(
        "hosts",
        "[web]\nfront ansible_host={host} ansible_port={port} ansible_ssh_private_key_file={folder}/id\n"
        "[db]\nbehind ansible_host=behind.example ansible_password=secret-word\n"
        "[all:vars]\nansible_user=deploy\n[db:vars]\nansible_ssh_common_args='-J front'\n[site:children]\nweb\ndb\n",
    )
    status, rows, _ = ground.run("--ansible", inventory, "--yes")
    assert (status, pick(rows, "name", "action")) == (0, [("front", "CREATE"), ("behind", "CREATE")])
    behind = ground.show("behind")
    assert (behind["tags"], behind["jumpServer"]["name"], behind["credentialKind"]) == (
        *(["db", "site"], "front", "PASSWORD"),
    )
    ground.remote.output("server", "set", "front", "--tag", "mine", "--tag", "web")
    status, rows, _ = ground.run("--ansible", inventory, "--yes", "--update")
    assert (status, pick(rows, "name", "action")) == (0, [("front", "UPDATE"), ("behind", "NONE")])
    assert sorted(ground.show("front")["tags"]) == ["mine", "site", "web"]


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["--scan"], "give either --ssh-config FILE or --ansible FILE"),
        (["--ssh-config", "/nowhere"], "give --known-hosts FILE, --scan, or both"),
        (["--ssh-config", "/nowhere", "--scan"], "cannot read /nowhere"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(remote: Remote, args: list[str], word: str) -> None:
    assert word in remote.refusal("server", "import", *args)
