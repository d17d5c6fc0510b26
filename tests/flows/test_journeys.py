"""Journeys of strangers: what the README tells them to type is typed into bash on a terminal, against a real sshd.

Only addresses, ports and the name of an account are those of the test; `python3 run.py` installs nothing.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.commands import ROOT, Commands
from tests.support.pages import read_blocks
from tests.support.ports import free_port
from tests.support.remote import Remote, serving_remotely
from tests.support.targets import Target, openssh
from tests.support.typist import PASSWORD, Typist, split_commands, typing_in_bash, wait_until_served

__all__ = ["openssh"]

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(600)]

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh.md"
TESTS, DEMO, LOGIN = "python3 run.py test", "python3 run.py", "sshcast login"
# What a person may get wrong, each by another way of saying so; the names have no Chinese in them.
WRONG = (
    "sshcast task show nothing",
    "sshcast execution show 999",
    "sshcast server show nothing",
    "sshcast schedule next --cron '61 * * * *'",
    "sshcast task add bad --server web-1 --cron '@daily' -- sudo reboot",
    "sshcast task list --context nowhere",
)
ANSWERS: Mapping[str, tuple[tuple[bytes, str], ...]] = {
    "sshcast user add": ((b"Password: ", PASSWORD), (b"again: ", PASSWORD)),
    "sshcast server add": ((b"[y/N] ", "y"),),
}


@contextmanager
def at_a_desk(folder: Path, target: Target, **variables: str) -> Iterator[tuple[Typist, int]]:
    """A stranger at a terminal, with a home of their own in which the key of the server is."""
    home, port = folder / "home", free_port()
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    (home / ".ssh" / "id_ed25519").write_text(target.private_key)
    (home / ".ssh" / "id_ed25519").chmod(0o600)
    given = {"HOME": str(home), "XDG_CONFIG_HOME": "", "SSHCAST_AS": "", "SSHCAST_PORT": str(port)}
    changes = {
        "--host 192.0.2.10": f"--host {target.host} --port {target.port}",
        "--user deploy": f"--user {target.username}",
        "127.0.0.1:8000": f"127.0.0.1:{port}",
    }
    commands = Commands(folder / "data", given | variables)
    with typing_in_bash(commands, folder, changes=changes, answers=ANSWERS) as typist:
        yield typist, port


def follow(page: Path, typist: Typist, port: int) -> dict[str, str]:
    """Type every command of a page, but for the tests and the sign-in to another machine; what each showed."""
    for block in read_blocks(page):
        if block.startswith(LOGIN):
            continue
        for command in split_commands(block):
            if command != TESTS:
                typist.type(f"{command} --once" if command == DEMO else command)
            if command.endswith(" &"):
                wait_until_served(port)
    return typist.shown


def find(shown: Mapping[str, str], begin: str) -> str:
    (found,) = (text for command, text in shown.items() if command.startswith(begin))
    return found


def test_operations_from_a_clone_to_the_ledger(openssh: Target, tmp_path: Path) -> None:
    with at_a_desk(tmp_path, openssh, LANG="C.UTF-8") as (typist, port):
        shown = follow(ENGLISH, typist, port)
        assert "SUCCESS" in find(shown, "python3 run.py --once")
        assert openssh.host_key.split()[0] in find(shown, "sshcast server add")
        assert re.search(r"\[SUCCESS; exit status 0\] cursor o\d+", find(shown, "sshcast run web-1"))
        assert find(shown, "sshcast schedule next").count("08:30") == 3
        assert "Filesystem" in find(shown, "sshcast task run")
        assert "Filesystem" in find(shown, "sshcast tail 1")
        assert "/dev" in find(shown, "sshcast execution search").partition("\n")[2]
        assert "web-1" in find(shown, "sshcast run --tag web --plan")
        assert "load average" in find(shown, "sshcast run --tag web --batch")
        assert '"state":"SUCCESS"' in shown_by_curl(shown, "mutation").replace(" ", "")
        assert '"exitCode":0' in shown_by_curl(shown, "subscription").replace(" ", "")
        typist.type("sshcast task add soon --server web-1 --cron '@once' -- true")
        assert re.search(r"fired|FIRED", typist.type("sshcast schedule ledger --task soon"))


def shown_by_curl(shown: Mapping[str, str], kind: str) -> str:
    (found,) = (text for command, text in shown.items() if command.startswith("curl") and kind in command)
    return found.rpartition("}'")[2]


def test_an_operator_who_reads_chinese(openssh: Target, tmp_path: Path) -> None:
    with at_a_desk(tmp_path, openssh, LANG="zh_CN.UTF-8", LC_ALL="") as (typist, port):
        shown = follow(CHINESE, typist, port)
        assert "早间检查" in find(shown, "sshcast task add")
        assert "任务" in find(shown, "sshcast task run")
        assert find(shown, "sshcast schedule next").count("08:30") == 3
        for wrong in WRONG:
            told = typist.type(f"{wrong} 2>&1 | cat").partition("\n")[2]
            assert re.search("[\u4e00-\u9fff]", told), told


def test_the_block_for_a_service_elsewhere_works_from_another_machine(tmp_path: Path) -> None:
    """Its address, user and server are those of a demo behind TLS, whose authority the machine trusts."""
    with serving_remotely(tmp_path) as remote:
        (block,) = (each for each in read_blocks(ENGLISH) if each.startswith(LOGIN))
        login, run = split_commands(block)
        assert sign_in_and_run(remote, login, run, tmp_path) != ""


def sign_in_and_run(remote: Remote, login: str, run: str, folder: Path) -> str:
    given = {"SSL_CERT_FILE": str(remote.ca_file), "XDG_CONFIG_HOME": str(folder / "mine"), "SSHCAST_AS": ""}
    changes = {"https://sshcast.example.com": remote.url, "--user alice": "--user admin", "web-1": "demo"}
    answers = {LOGIN: ((b"Password: ", remote.password),)}
    commands = Commands(remote.commands.data, remote.commands.variables | given)
    with typing_in_bash(commands, folder, changes=changes, answers=answers) as typist:
        typist.type(f'alias sshcast="python3 {ROOT}/run.py"')
        assert "signed in to" in typist.type(login)
        shown = typist.type(run)
        assert "load average" in shown
        return shown
