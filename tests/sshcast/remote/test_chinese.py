"""With a Chinese locale every message is in Chinese, JSON is as ever, and English is what it was."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sshcast.errors import CommandFailed
from sshcast.remote.imports.ansible_hosts import read_inventory
from sshcast.remote.imports.ssh_config import read_config
from sshcast.remote.imports.ssh_hosts import SshHosts
from sshcast.usage_errors import format_usage
from sshcast.words import Bilingual, is_chinese, translate
from tests.support.chinese import CHINESE, find_english, reading_chinese
from tests.support.commands import Commands

USAGE = {
    "server list --prot": "sshcast: No such option: --prot: see `sshcast server list --help`",
    "server add x --jsn=4": "sshcast: No such option: --jsn (Possible options: --as, --json, --scan): see `sshcast s",
    "server lst": "sshcast: No such command 'lst'. Did you mean 'list', 'set'?: see `sshcast server --help`",
    "frobnicate": "sshcast: No such command 'frobnicate': see `sshcast --help`",
    "server show": "sshcast: Missing argument 'server': see `sshcast server show --help`",
    "server add x": "sshcast: Missing option '--host': see `sshcast server add --help`",
    "apply": "sshcast: Missing argument 'FILE...': see `sshcast apply --help`",
    "server list a b": "sshcast: Got unexpected extra argument(s) (a b): see `sshcast server list --help`",
    "run --timeout": "sshcast: Option '--timeout' requires an argument",
    "server list --json=4": "sshcast: Option '--json' does not take a value",
    "serve --port 99999": "sshcast: Invalid value for '--port': Input should be less than or equal to 65535: see `ss",
    "serve --port ab": "sshcast: Invalid value for '--port': Input should be a valid integer, unable to parse string",
    "execution show x -n 0": "sshcast: Invalid value for '--lines' / '-n': Input should be greater than or equal to 1",
}
OTHER_USAGE = (
    *("Missing command.", "Missing parameter.", "Option '--a' requires 2 arguments.", "Argument 'a' takes 2 values."),
    *("Invalid value for '--a': File 'a' does not exist.", "Invalid value: Input should be a valid number"),
    *("Missing option '--a'. Choose from: b, c", "Could not open file 'a': b"),
    "Invalid value for '--a': 'x' is not one of 'b'.",
)  # fmt: skip
SSH = (
    "ProxyCommand nc -x proxy %h %p",
    "HostName %q",
    "IdentityFile ${NO_SUCH_VARIABLE}/key",
    "Port seven",
    "ProxyJump :22",
)
ANSIBLE = {
    "hosts": ("[web", "web x", "[web:stray]\nweb", "[web:vars]\nx", "w[3:1]", "w[1:b]", "w[0:99999999]", 'a "b'),
    "hosts.yml": (
        "- a",
        "all: [a]",
        "all: {a: 1}",
        "all: {hosts: [a]}",
        "all: {vars: 1}",
        "all: {hosts: {a: 1}}",
        "a: [",
    ),
}
ANSIBLE_HOSTS = ("ansible_connection=winrm", "ansible_user='{{ x }}'", "ansible_port=none", "ansible_ssh_args='\"'")


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    is_chinese.cache_clear()
    yield
    is_chinese.cache_clear()


def run(folder: Path, args: str, **variables: str) -> tuple[str, str]:
    is_chinese.cache_clear()
    usual = {"XDG_CONFIG_HOME": str(folder), "LANG": "C.UTF-8", "LANGUAGE": "", "LC_ALL": "", "LC_MESSAGES": ""}
    done = Commands(folder / "data", usual | variables).within(*args.split())
    return done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("args", USAGE)
def test_what_is_wrong_with_a_command_line_is_told_in_both_languages(args: str, tmp_path: Path) -> None:
    assert run(tmp_path, args)[1].startswith(USAGE[args])
    told = run(tmp_path, args, **CHINESE)[1]
    assert told.startswith("sshcast: ")
    assert (find_english(told), told.count("\n")) == ([], 1), told


@pytest.mark.parametrize("message", OTHER_USAGE)
def test_what_else_typer_can_say_of_one_is_chinese_too(message: str) -> None:
    assert format_usage(message, "sshcast x") == f"{message.rstrip('.')}: see `sshcast x --help`"
    with reading_chinese():
        told = format_usage(message, "sshcast x")
    assert find_english(told) == [], told
    assert not re.search("Missing|Invalid|Option|requires|takes|open", told), told


@pytest.mark.parametrize("line", SSH)
def test_what_of_an_ssh_configuration_cannot_be_imported_is_told_in_chinese(line: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(f"Host bad\n  {line}\nMatch final\n")
    with reading_chinese():
        config = read_config(path)
        hosts = SshHosts(config, "me")
        fault, other = hosts.find("bad").fault, hosts.find("other")
        assert isinstance(fault, Bilingual)
        assert fault.isascii(), "JSON has the English"
        told = [translate(fault), translate(other.where), *config.unread]
    assert [find_english(each) for each in told] == [[]] * 3, told


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in ANSIBLE.items() for text in texts])
def test_an_inventory_that_cannot_be_read_is_told_in_chinese(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    if (name, text) == ("hosts", "[web"):
        return  # a host of that name
    with reading_chinese(), pytest.raises(CommandFailed) as caught:
        read_inventory(path, "me")
    assert find_english(str(caught.value)) == [], caught.value
    is_chinese.cache_clear()
    with pytest.raises(CommandFailed) as caught:
        read_inventory(path, "me")
    assert str(caught.value).isascii()


@pytest.mark.parametrize("variables", ANSIBLE_HOSTS)
def test_what_of_an_inventory_cannot_be_imported_is_told_in_chinese(variables: str, tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text(f"bad {variables}\n")
    with reading_chinese():
        fault = read_inventory(path, "me")[0].find("bad").fault
        assert isinstance(fault, Bilingual)
        assert fault.isascii()
        assert find_english(translate(fault)) == [], translate(fault)


def test_doctor_speaks_chinese_and_its_json_does_not(tmp_path: Path) -> None:
    variables = {"SSHCAST_HOST": "192.0.2.1", "SSHCAST_POLICY_MODE": "audit", "SSHCAST_TRUSTED_PROXIES": "192.0.2.1"}
    lines = run(tmp_path, "doctor", **variables, **CHINESE)[0].splitlines()
    assert len(lines) >= 8
    assert [find_english(line) for line in lines] == [[]] * len(lines), lines
    found = [json.loads(run(tmp_path, "doctor --json", **variables, **each)[0]) for each in ({}, CHINESE)]
    free = [each for rows in found for each in rows if each["check"] == "disk"]
    free[0]["found"] = free[1]["found"]  # other programs write to the disk
    assert found[0] == found[1]
    assert json.dumps(found[0], ensure_ascii=False).isascii()
