"""`sshcast doctor` on this machine: each thing that is wrong is one line with what to do, and nothing is changed."""

import json
import os
import socket
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Commands
from tests.support.ports import free_port

PASSWORD = "correct horse battery\n"


@pytest.fixture
def service(tmp_path: Path) -> Commands:
    commands = Commands(
        tmp_path / "data", {"SSHCAST_PORT": str(free_port()), "XDG_CONFIG_HOME": str(tmp_path / "none")}
    )
    done = commands.within("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    assert done.returncode == 0, done.stderr
    return commands


def examine(service: Commands, **variables: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status, and each finding by the name of its check."""
    done = Commands(service.data, service.variables | variables).within("doctor", "--json")
    found = json.loads(done.stdout)
    return done.returncode, {each["check"]: each for each in found}


def test_a_sound_service_has_no_failed_check_and_every_line_a_mark(service: Commands) -> None:
    done = service.within("doctor")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0, lines
    assert {line[0] for line in lines} <= {"✓", "!"}
    wanted = "settings", "data folder", "disk", "open files", "port", "command policy", "playground"
    assert [line[2:].split(":")[0] for line in lines] == [
        *wanted,
        *("database", "writing", "clock", "key files", "master key"),
    ]


def test_it_changes_nothing_and_prints_no_secret(service: Commands) -> None:
    def read_state() -> dict[str, tuple[str, int]]:
        files = (path for path in service.data.iterdir() if not path.name.endswith(("-wal", "-shm")))
        return {path.name: (sha256(path.read_bytes()).hexdigest(), path.stat().st_mode) for path in files}

    before = read_state()
    done = service.within("doctor", "--json")
    assert read_state() == before
    for name in ("secret.key", "signing.key"):
        if (service.data / name).exists():
            assert (service.data / name).read_text().strip().encode() not in done.stdout + done.stderr


def test_nothing_is_made_where_there_is_no_service(tmp_path: Path) -> None:
    done = Commands(tmp_path / "nowhere", {"XDG_CONFIG_HOME": str(tmp_path)}).within("doctor")
    assert done.returncode == 0, done.stdout
    assert "! database: there is none yet" in done.stdout.decode()
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_and_a_lost_master_key_fail(service: Commands) -> None:
    key = service.data / "secret.key"
    key.write_text("ab" * 32)
    status, found = examine(service)
    assert (status, found["master key"]["status"]) == (1, "failed")
    assert found["master key"]["found"].endswith("is not the key of this database")
    key.unlink()
    status, found = examine(service)
    assert (status, found["master key"]["advice"]) == (1, "bring it back from the backup")
    assert not key.exists()


def test_a_key_that_others_may_read_fails(service: Commands) -> None:
    (service.data / "secret.key").chmod(0o644)
    status, found = examine(service)
    assert (status, found["key files"]["status"]) == (1, "failed")
    assert "chmod 600" in found["key files"]["found"]
    assert found["data folder"]["status"] == "warning"


def test_an_old_a_newer_and_a_damaged_database_fail(service: Commands) -> None:
    path = service.data / "sshcast.db"
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
        conn.commit()
    status, found = examine(service)
    assert (status, found["database"]["status"]) == (1, "failed")
    assert "newer than this version" in found["database"]["found"]
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    path.write_bytes(b"no database at all" * 1000)
    status, found = examine(service)
    assert (status, "is not a database of sshcast" in found["database"]["advice"]) == (1, True)


def test_a_database_that_is_away_fails_in_time(service: Commands) -> None:
    url = f"postgresql://u:geheim@127.0.0.1:{free_port()}/x"
    status, found = examine(service, SSHCAST_DATABASE_URL=url)
    assert (status, found["database"]["status"]) == (1, "failed")
    assert "geheim" not in json.dumps(found)


def test_settings_that_are_wrong_unknown_or_at_odds_are_named(service: Commands) -> None:
    status, found = examine(service, SSHCAST_PORT="many")
    assert (status, list(found), "SSHCAST_PORT" in found["settings"]["found"]) == (1, ["settings"], True)
    status, found = examine(service, SSHCAST_PROT="1")
    assert (status, found["settings"]["status"]) == (0, "warning")
    assert "SSHCAST_PROT is not a setting: did you mean SSHCAST_PORT?" in found["settings"]["found"]
    status, found = examine(service, SSHCAST_HOST="0.0.0.0")
    assert (status, found["address"]["status"]) == (1, "failed")
    status, found = examine(service, SSHCAST_POLICY_MODE="audit")
    assert (status, found["command policy"]["status"]) == (0, "warning")


def test_a_proxy_that_is_trusted_needs_a_host_name_and_nothing_else(service: Commands) -> None:
    """As docs/deploy.md sets it: on loopback SSHCAST_BEHIND_PROXY would change nothing."""
    found = examine(service, SSHCAST_TRUSTED_PROXIES="127.0.0.1")[1]
    assert found["proxy"]["advice"] == "set SSHCAST_PUBLIC_URL"
    given = {"SSHCAST_TRUSTED_PROXIES": "127.0.0.1", "SSHCAST_PUBLIC_URL": "https://sshcast.example.com"}
    assert "proxy" not in examine(service, **given)[1]


def test_a_port_in_use_is_said(service: Commands) -> None:
    with socket.create_server(("127.0.0.1", int(service.variables["SSHCAST_PORT"]))):
        status, found = examine(service)
    assert (status, found["port"]["status"]) == (0, "warning")


def test_a_folder_of_another_user_fails(service: Commands) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    service.data.chmod(0o500)
    assert examine(service)[1]["data folder"]["status"] == "failed"
