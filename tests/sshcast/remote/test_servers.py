"""Servers through the API of a service elsewhere: its own runner fetches keys and checks, files are read here."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.remote import Remote


@pytest.fixture(scope="module")
def demo(remote: Remote) -> dict[str, Any]:
    """The demo's own server, as the service shows it."""
    found: dict[str, Any] = json.loads(remote.output("server", "show", "demo", "--json"))
    return found


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@pytest.fixture
def added(remote: Remote, demo: dict[str, Any], key: Path) -> Iterator[str]:
    """A second server at the demo's address, with a key that is not accepted there. Its id."""
    where = ("--host", demo["host"], "--port", str(demo["port"]), "--user", "nobody", "--key", str(key))
    id = remote.output("server", "add", "second", *where, "--host-key", demo["hostKeys"][0])
    yield id
    remote.within("server", "rm", id, "--yes")


def test_servers_are_listed_and_shown_with_their_fingerprints(remote: Remote, demo: dict[str, Any], key: Path) -> None:
    lines = [line.split("\t") for line in remote.output("server", "list").splitlines()]
    assert [line[1] for line in lines] == ["demo"]
    assert [each["name"] for each in json.loads(remote.output("server", "list", "--json", "--enabled"))] == ["demo"]
    assert remote.output("server", "list", "--disabled") == ""
    assert remote.output("server", "list", "--tag", "nothing-has-it") == ""
    shown = remote.output("server", "show", demo["id"])
    file = key.with_name("host.pub")
    file.write_text(demo["hostKeys"][0])
    printed = subprocess.run(["ssh-keygen", "-lf", str(file)], capture_output=True, text=True, check=True).stdout
    assert printed.split()[1] in shown


def test_a_server_that_is_not_there_is_said_to_be_so(remote: Remote) -> None:
    assert remote.refusal("server", "show", "nowhere").endswith("see `sshcast server list`")
    assert "there is no server 999" in remote.refusal("server", "show", "999")


def test_a_check_shows_each_step_and_what_to_do_about_one_that_fails(remote: Remote, added: str) -> None:
    good = remote.within("server", "check", "demo")
    lines = good.stdout.decode().splitlines()
    assert (good.returncode, lines[0].split("\t")[:2]) == (0, ["✓", "connection"])
    assert not any(line.startswith("✗") for line in lines)
    bad = remote.within("server", "check", added)
    failed = [line.split("\t") for line in bad.stdout.decode().splitlines() if line.startswith("✗")]
    assert (bad.returncode, [line[1] for line in failed]) == (1, ["sign-in"])
    assert failed[0][4]
    assert "second is not ready" in bad.stderr.decode()
    done = remote.within("server", "check", added, "--json")
    assert (done.returncode, json.loads(done.stdout)["ready"]) == (1, False)


def test_keys_that_the_service_fetched_are_shown_and_pinned_only_when_accepted(
    remote: Remote, demo: dict[str, Any], key: Path
) -> None:
    where = ("--host", demo["host"], "--port", str(demo["port"]), "--user", "root", "--key", str(key), "--scan")
    refused = remote.within("server", "add", "third", *where, stdin="n\n")
    assert (refused.returncode, b"SHA256:" in refused.stderr) == (1, True)
    assert refused.stderr.decode().rstrip().endswith("the host keys were not accepted, so nothing was added")
    done = remote.within("server", "add", "third", *where, stdin="y\n")
    assert done.returncode == 0, done.stderr
    assert f"server third is registered [{remote.url}]" in done.stderr.decode()
    id = done.stdout.decode().strip()
    shown = json.loads(remote.output("server", "show", "third", "--json"))
    assert (shown["id"], shown["hostKeys"][0], shown["credentialKind"]) == (id, demo["hostKeys"][0], "KEY")
    assert remote.output("server", "rm", "third", "--yes") == ""


def test_a_rescan_shows_what_is_offered_beside_what_is_pinned(remote: Remote, added: str, key: Path) -> None:
    same = remote.within("server", "rescan", "second")
    assert b"nothing was changed" in same.stderr
    remote.output("server", "set", "second", "--host-key", key.with_suffix(".pub").read_text().strip())
    rows = json.loads(remote.within("server", "rescan", "second", "--json", stdin="n\n").stdout)
    assert {(row["status"], row["pinned"]) for row in rows} == {("CHANGED", False), (None, True)}
    offered = next(row["fingerprint"] for row in rows if row["status"])
    remote.output("server", "rescan", "second", "--accept", offered)
    assert b"nothing was changed" in remote.within("server", "rescan", "second").stderr


def test_a_wrong_fingerprint_is_refused_by_the_service(remote: Remote, added: str) -> None:
    wrong = ("server", "rescan", "second", "--accept", f"SHA256:{'A' * 43}")
    deadline = time.monotonic() + 60
    while "Too many scans" in (said := remote.refusal(*wrong, status=2)):  # the tests before this one scanned, too
        assert time.monotonic() < deadline
        time.sleep(1)
    assert said.startswith("sshcast: acceptFingerprints: ")


def test_what_is_set_is_what_is_shown(remote: Remote, added: str) -> None:
    options = ("--name", "renamed", "--tag", "a", "--tag", "b", "--max-parallel", "3", "--disable", "--jump", "demo")
    more = ("--run-mode", "attached", "--output-encoding", "gb18030", "--host-key-alias", "other", "--allow-algorithm",
            "ssh-rsa-sha1", "--blackouts", '[{"start": "22:00", "end": "06:00", "reason": "night"}]')  # fmt: skip
    remote.output("server", "set", added, *options, *more)
    remote.output("server", "set", "renamed", "--add-tag", "c", "--remove-tag", "a", "--user", "me")
    shown = json.loads(remote.output("server", "show", "renamed", "--json"))
    assert (shown["tags"], shown["maxParallel"], shown["enabled"], shown["username"]) == (["b", "c"], 3, False, "me")
    assert (shown["jumpServer"]["name"], shown["runMode"], shown["outputEncoding"]) == ("demo", "ATTACHED", "gb18030")
    assert (shown["hostKeyAlias"], shown["legacyAlgorithms"]) == ("other", ["SSH_RSA_SHA1"])
    assert "22:00-06:00" in remote.output("server", "show", "renamed")
    cleared = ("--jump", "", "--host-key-alias", "", "--allow-algorithm", "", "--tag", "", "--blackouts", "[]")
    remote.output("server", "set", "renamed", *cleared, "--enable")
    shown = json.loads(remote.output("server", "show", "renamed", "--json"))
    assert [shown[name] for name in ("jumpServer", "hostKeyAlias", "legacyAlgorithms", "tags", "blackouts")] == [
        *(None, None, [], [], [])
    ]


def test_a_wrong_change_is_refused_with_a_sentence(remote: Remote, added: str) -> None:
    assert "at least one thing to change" in remote.refusal("server", "set", added)
    assert "this is none of durable, attached" in remote.refusal("server", "set", added, "--run-mode", "fast")
    assert "port" in remote.refusal("server", "set", added, "--port", "0", status=2)
    assert "--blackouts is no JSON" in remote.refusal("server", "set", added, "--blackouts", "{")


def test_nothing_is_deleted_without_a_word(remote: Remote, added: str) -> None:
    said = remote.refusal("server", "rm", "second")
    assert said == "sshcast: there is no terminal to ask on, so nothing was changed: add --yes"
    assert "second" in remote.output("server", "list")


def test_without_a_context_server_add_keeps_its_options_and_works_on_the_database(remote: Remote, key: Path) -> None:
    said = remote.refusal("server", "add", "x", "--host", "h", "--user", "u", "--data", "/tmp/data")
    assert said.endswith("--data is for the database of this machine, and you use a context: add --local")
    assert not remote.commands.data.exists()
