"""Backups and restores by the commands: whole or not at all, nothing overwritten, and every fault named."""

import io
import json
import os
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.commands import Commands

PASSWORD = "correct horse battery\n"


@pytest.fixture
def service(tmp_path: Path) -> Commands:
    """A data folder with an admin and a server with a password."""
    commands = Commands(tmp_path / "data", {"SSHCAST_AS": "ada"})
    assert commands.within("user", "add", "ada", "--role", "admin", "--password-stdin", stdin=PASSWORD).returncode == 0
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKdSjcs6sVR9p3ymTwHbXPIlbv2SjUsOumnY3lVUnI6A"
    where = ["--host", "192.0.2.1", "--user", "deploy", "--host-key", key, "--password-stdin"]
    done = commands.within("server", "add", "web", *where, stdin="sesame\n")
    assert done.returncode == 0, done.stderr
    return commands


@pytest.fixture
def archive(service: Commands, tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar"
    done = service.within("backup", str(path))
    assert (done.returncode, done.stdout.decode().strip()) == (0, str(path)), done.stderr
    return path


def restored(archive: Path, folder: Path, *options: str, **variables: str) -> tuple[int, str]:
    """The exit status and what it says."""
    done = Commands(folder, variables).within("restore", str(archive), "--data", str(folder), *options)
    return done.returncode, done.stderr.decode()


def rewritten(archive: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other files: `change` may take, add and alter them."""
    with tarfile.open(archive) as found:
        files = {each.name: found.extractfile(each).read() for each in found}  # type: ignore[union-attr]
    change(files)
    path = archive.with_name("other.tar")
    with tarfile.open(path, "w") as made:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            made.addfile(entry, io.BytesIO(data))
    return path


def test_an_archive_is_its_owners_and_holds_database_and_key_with_their_digests(archive: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    with tarfile.open(archive) as found:
        assert found.getnames() == ["manifest.json", "sshcast.db", "secret.key"]
    assert [path.name for path in archive.parent.iterdir()] == ["data", "backup.tar"] or {
        path.name for path in archive.parent.iterdir()
    } == {"data", "backup.tar"}


def test_what_was_restored_opens_its_credentials_and_has_everybody(
    service: Commands, archive: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "there" / "new"
    status, said = restored(archive, folder)
    assert status == 0, said
    assert "1 users, 1 servers, 0 tasks, 0 executions" in said
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} == {"sshcast.db", "secret.key"}
    done = Commands(folder, {"SSHCAST_AS": "ada"}).within("server", "list")
    assert done.stdout.decode().split("\t")[1] == "web", done.stderr
    assert Commands(folder).within("secrets", "rotate").returncode == 0


def test_a_backup_overwrites_nothing(service: Commands, archive: Path) -> None:
    before = archive.read_bytes()
    done = service.within("backup", str(archive))
    assert (done.returncode, b"overwrites nothing" in done.stderr) == (1, True)
    assert archive.read_bytes() == before


def test_a_restore_fills_an_empty_folder_that_is_there_and_no_other(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    assert restored(archive, folder)[0] == 0
    assert {path.name for path in folder.iterdir()} == {"sshcast.db", "secret.key"}
    status, said = restored(archive, folder)
    assert (status, "is not empty, and a restore overwrites nothing" in said) == (1, True)


def test_without_keys_the_key_is_asked_for_and_another_is_refused(service: Commands, tmp_path: Path) -> None:
    path, folder = tmp_path / "bare.tar", tmp_path / "new"
    done = service.within("backup", str(path), "--without-keys")
    assert b"the master key is not in it" in done.stderr
    status, said = restored(path, folder, SSHCAST_SECRET_KEY="ab" * 32)
    assert (status, "sealed with another master key" in said) == (1, True)
    assert not folder.exists()
    status, said = restored(path, folder)
    assert (status, "put secret.key into the folder" in said) == (0, True)
    key = (service.data / "secret.key").read_text()
    assert Commands(folder, {"SSHCAST_SECRET_KEY": key.strip(), "SSHCAST_AS": "ada"}).within("server", "list").stdout


def test_a_flipped_bit_is_found_and_nothing_is_left(archive: Path, tmp_path: Path) -> None:
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    status, said = restored(archive, tmp_path / "new")
    assert (status, "sshcast.db in it is damaged (its digest is another)" in said) == (1, True)
    assert {path.name for path in tmp_path.iterdir()} == {"data", "backup.tar"}


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.9])
def test_an_archive_that_is_cut_off_is_refused(archive: Path, tmp_path: Path, kept: float) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * kept)])
    status, said = restored(archive, tmp_path / "new")
    assert status == 1, said
    assert "was not restored: " in said
    assert "Traceback" not in said
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped-by-restore", "more"])
def test_a_file_that_the_manifest_does_not_name_is_not_written(archive: Path, tmp_path: Path, name: str) -> None:
    other = rewritten(archive, lambda files: files.update({name: b"x"}))
    status, said = restored(other, tmp_path / "new")
    assert (status, "which its manifest does not name" in said) == (1, True)
    assert not (tmp_path / "escaped").exists()
    assert not Path("/tmp/escaped-by-restore").exists()


def test_the_backup_of_a_newer_version_says_which(archive: Path, tmp_path: Path) -> None:
    def renew(files: dict[str, bytes]) -> None:
        files["manifest.json"] = json.dumps(json.loads(files["manifest.json"]) | {"schema": "9999"}).encode()

    status, said = restored(rewritten(archive, renew), tmp_path / "new")
    assert (status, "(schema 9999), which is newer than this version" in said) == (1, True)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b'{"format": 2}', b'{"format": 1, "files": 3}'])
def test_a_manifest_of_nonsense_is_refused_in_a_sentence(archive: Path, tmp_path: Path, text: bytes) -> None:
    other = rewritten(archive, lambda files: files.update({"manifest.json": text}))
    status, said = restored(other, tmp_path / "new")
    assert (status, "Traceback" in said) == (1, False), said


def test_the_data_folder_of_postgresql_is_sent_to_pg_dump(service: Commands, tmp_path: Path) -> None:
    other = Commands(service.data, {"SSHCAST_DATABASE_URL": "postgresql://u@127.0.0.1:1/x"})
    done = other.within("backup", str(tmp_path / "x.tar"))
    assert (done.returncode, b"pg_dump --format=custom" in done.stderr) == (1, True)
    done = other.within("restore", "x.tar", "--data", str(tmp_path / "new"))
    assert (done.returncode, b"SSHCAST_DATABASE_URL is set" in done.stderr) == (1, True)


def test_what_is_no_data_folder_is_said_to_be_none(tmp_path: Path) -> None:
    done = Commands(tmp_path / "nowhere").within("backup", str(tmp_path / "x.tar"))
    assert (done.returncode, b"there is no database in" in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_program_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    with closing(sqlite3.connect(tmp_path / "data" / "sshcast.db")) as conn:
        conn.execute("CREATE TABLE other (id INTEGER)")
    done = Commands(tmp_path / "data").within("backup", str(tmp_path / "x.tar"), "--without-keys")
    assert (done.returncode, b"is not a database of sshcast" in done.stderr) == (1, True)
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


def test_a_full_disk_leaves_no_archive(service: Commands, tmp_path: Path) -> None:
    if os.geteuid() != 0 or not Path("/dev/full").exists():
        pytest.skip("needs a file system of its own")
    small = tmp_path / "small"
    small.mkdir()
    if os.system(f"mount -t tmpfs -o size=300k tmpfs {small} 2>/dev/null") != 0:
        pytest.skip("no file system can be mounted here")
    try:
        done = service.within("backup", str(small / "x.tar"))
        assert (done.returncode, b"free where" in done.stderr) == (1, True), done.stderr
        assert list(small.iterdir()) == []
    finally:
        os.system(f"umount {small}")
