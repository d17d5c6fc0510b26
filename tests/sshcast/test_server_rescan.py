"""`sshcast server rescan` shows what a server offers beside what is pinned, and pins what a person accepted."""

from pathlib import Path

import pytest

from runner.ssh.keys import fingerprint
from tests.support.commands import Commands
from tests.support.new_host_key import give_new_host_key
from tests.support.new_host_key import two_keyed_sshd as sshd
from tests.support.targets import Target, public_line

__all__ = ["sshd"]


@pytest.fixture
def commands(tmp_path: Path, sshd: Target) -> Commands:
    """With the server `web`, of which both keys are pinned."""
    found = Commands(tmp_path / "data")
    add = ["user", "add", "alice", "--role", "admin", "--password-stdin"]
    assert found.within(*add, stdin="correct horse battery\n").returncode == 0
    where = ["--host", sshd.host, "--port", str(sshd.port), "--user", sshd.username, "--key", str(sshd.folder / "user")]
    keys = ["--host-key", sshd.host_key, "--host-key", public_line(sshd.folder / "rsa")]
    done = found.within("server", "add", "web", *where, *keys)
    assert done.returncode == 0, done.stderr.decode()
    return found


def rows(shown: bytes) -> list[list[str]]:
    """The cells of a table's rows, without its head."""
    lines = [line for line in shown.decode().splitlines() if "SHA256:" in line]
    return [[cell.strip() for cell in line.strip("│┃ ").split("│")] for line in lines]


def named(line: str) -> str:
    return f"{line.split()[0]} {fingerprint(line)}"


def runs(commands: Commands) -> bool:
    return commands.within("run", "web", "--", "true").returncode == 0


def test_what_is_pinned_already_is_shown_and_nothing_is_asked(commands: Commands, sshd: Target) -> None:
    done = commands.within("server", "rescan", "web")
    assert done.returncode == 0, done.stderr.decode()
    every = [sshd.host_key, public_line(sshd.folder / "rsa")]
    assert rows(done.stdout) == [[named(line), "yes", "yes, pinned"] for line in every]
    assert b"nothing was changed" in done.stderr


def test_a_changed_key_is_shown_beside_the_pinned_one_and_pinned_when_it_is_agreed_to(
    commands: Commands, sshd: Target
) -> None:
    new, rsa = give_new_host_key(sshd), public_line(sshd.folder / "rsa")
    assert not runs(commands)
    declined = commands.within("server", "rescan", "web", stdin="\n")
    assert declined.returncode == 1
    assert b"nothing was changed" in declined.stderr
    assert rows(declined.stdout) == [
        [named(new), "no", "yes, changed"],
        [named(rsa), "yes", "yes, pinned"],
        [named(sshd.host_key), "yes", "no"],
    ]
    assert not runs(commands)
    done = commands.within("server", "rescan", "web", stdin="y\n")
    assert done.returncode == 0, done.stderr.decode()
    assert b"pinned 2 host keys of web" in done.stderr
    assert runs(commands)
    assert b"nothing was changed" in commands.within("server", "rescan", "1").stderr


def test_a_fingerprint_on_the_command_line_pins_that_key_alone_without_asking(commands: Commands, sshd: Target) -> None:
    new = give_new_host_key(sshd)
    done = commands.within("server", "rescan", "web", "--accept", fingerprint(new))
    assert done.returncode == 0, done.stderr.decode()
    again = rows(commands.within("server", "rescan", "web", stdin="n\n").stdout)
    assert [row[1:] for row in again] == [["yes", "yes, pinned"], ["no", "yes, new"]]


def test_a_fingerprint_that_is_not_on_offer_is_refused_with_what_is(commands: Commands, sshd: Target) -> None:
    new = give_new_host_key(sshd)
    done = commands.within("server", "rescan", "web", "--accept", fingerprint(sshd.host_key))
    assert done.returncode == 2
    assert f"It offers {named(new)}" in done.stderr.decode()
    assert not runs(commands)


def test_yes_pins_all_that_it_offers(commands: Commands, sshd: Target) -> None:
    give_new_host_key(sshd)
    assert commands.within("server", "rescan", "web", "--yes").returncode == 0
    assert runs(commands)


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["nowhere"], {}, "there is no server nowhere"),
        (["web", "--yes", "--accept", "SHA256:x"], {}, "either --accept FINGERPRINT or --yes"),
        (["web"], {"SSHCAST_DENIED_NETWORKS": '["127.0.0.0/8"]'}, "SSHCAST_ALLOWED_NETWORKS"),
        (["web", "--as", "bob"], {}, "This needs the role admin"),
    ],
)
def test_what_cannot_be_is_told(commands: Commands, arguments: list[str], variables: dict[str, str], says: str) -> None:
    commands.within("user", "add", "bob", "--role", "operator", "--password-stdin", stdin="correct horse battery\n")
    commands.variables.update(variables)
    done = commands.within("server", "rescan", *arguments)
    assert done.returncode in (1, 2)
    assert says in done.stderr.decode()


def test_a_dead_server_is_told_as_a_run_would_tell_it(commands: Commands, sshd: Target, tmp_path: Path) -> None:
    where = ["--host", "127.0.0.1", "--port", "1", "--user", "me", "--key", str(sshd.folder / "user")]
    assert commands.within("server", "add", "dead", *where, "--host-key", sshd.host_key).returncode == 0
    done = commands.within("server", "rescan", "dead")
    assert done.returncode == 2
    assert b"refused the connection on port 1" in done.stderr
