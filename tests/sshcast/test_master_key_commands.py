"""Every command says in one sentence that the master key is not the database's, and ends; `migrate` needs none."""

from pathlib import Path

import pytest

from sshcast import data_folder
from sshcast.commands import migrate
from sshcast.settings import Settings
from tests.support.commands import Commands
from tests.support.empty_database import empty
from tests.support.postgres import postgres

__all__ = ["empty", "postgres"]

B = "0b" * 32
VALUE = "correct horse battery"


@pytest.fixture
def foreign(tmp_path: Path) -> Commands:
    """Commands on a data folder whose key is not the one of its database."""
    commands = Commands(tmp_path / "data")
    assert commands.within("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=VALUE).returncode == 0
    data_folder.replace(commands.data / "secret.key", B.encode())
    return commands


ADDING = ["server", "add", "web", "--host", "192.0.2.1", "--user", "u", "--password-stdin", "--host-key"]
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKdSjcs6sVR9p3ymTwHbXPIlbv2SjUsOumnY3lVUnI6A"


@pytest.mark.parametrize(
    "command",
    [
        [*ADDING, HOST_KEY],
        ["user", "add", "grace", "--role", "viewer", "--password-stdin"],
        ["run", "web", "--", "df"],
        ["secrets", "rotate"],
        ["serve", "--port", "0"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_command_with_the_wrong_key_says_so_and_changes_nothing(foreign: Commands, command: list[str]) -> None:
    done = foreign.within(*command, stdin=VALUE)
    assert done.returncode == 1
    (told,) = done.stderr.decode().splitlines()
    origin = foreign.data / "secret.key"
    assert told.startswith(f"sshcast: the database is sealed with another master key than that in {origin}: copy ")
    assert done.stdout == b""
    assert (foreign.data / "secret.key").read_text() == B


def test_serve_with_the_wrong_key_ends_and_never_says_ready(foreign: Commands) -> None:
    done = foreign.run("serve", "--port", "0")
    assert done.returncode == 1
    assert b"sealed with another master key" in done.stderr
    assert b"serving" not in done.stderr + done.stdout


def test_the_demo_with_the_wrong_key_says_so(tmp_path: Path) -> None:
    commands = Commands(tmp_path / "data")
    assert Commands(commands.data / "demo").within("user", "list").returncode == 0
    data_folder.replace(commands.data / "demo" / "secret.key", B.encode())
    done = commands.within("demo", "--once")
    assert (done.returncode, b"another master key" in done.stderr) == (1, True)


@pytest.mark.anyio
async def test_migrate_needs_no_key_and_makes_none(empty: str, tmp_path: Path) -> None:
    assert await migrate.migrate(Settings(data=tmp_path / "data", database_url=empty)) == 0
    assert not list((tmp_path / "data").glob("*.key"))
