"""What a command says of a data folder or a database file that cannot be used: one sentence, and nothing is left."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from db import sqlite_engine
from tests.support.commands import ROOT, Commands
from tests.support.faults.disk import fill, free, small_disk

PASSWORD = "correct horse battery"
FILE = "sshcast.db"
SOMEBODY = 54_321

Harm = Callable[[Path], None]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a database in it."""
    made = Commands(tmp_path_factory.mktemp("used") / "data")
    assert made.within("user", "add", "alice", "--role", "admin", "--password-stdin", stdin=PASSWORD).returncode == 0
    return made.data


@pytest.fixture
def data(used: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(used, tmp_path / "data", symlinks=True))


def sentence(done: "subprocess.CompletedProcess[bytes]") -> str:
    """The one line on stderr of a command that failed so."""
    told = done.stderr.decode()
    assert (done.returncode, done.stdout) == (1, b""), told
    assert told.startswith("sshcast: ")
    assert told.count("\n") == 1, told
    return told


def garbage(data: Path) -> None:
    (data / FILE).write_bytes(bytes(range(256)) * 40)


def short_garbage(data: Path) -> None:
    (data / FILE).write_text("a poem")


def cut_off(data: Path) -> None:
    with (data / FILE).open("r+b") as file:
        file.truncate(50_000)


def scribbled_on(data: Path) -> None:
    with (data / FILE).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096 * 20)


def of_another_program(data: Path) -> None:
    (data / FILE).unlink()
    with closing(sqlite3.connect(data / FILE)) as other:
        other.execute("CREATE TABLE photos (id)")
        other.commit()


def of_another_program_with_revisions(data: Path) -> None:
    of_another_program(data)
    with closing(sqlite3.connect(data / FILE)) as other:
        other.execute("CREATE TABLE alembic_version (version_num)")
        other.execute("INSERT INTO alembic_version VALUES ('8f2a0c')")
        other.commit()


def a_folder(data: Path) -> None:
    (data / FILE).unlink()
    (data / FILE).mkdir()


def a_dangling_link(data: Path) -> None:
    (data / FILE).unlink()
    (data / FILE).symlink_to("/nowhere/sshcast.db")


def a_link_to_itself(data: Path) -> None:
    (data / FILE).unlink()
    (data / FILE).symlink_to(FILE)


def a_log_that_is_a_folder(data: Path) -> None:
    (data / f"{FILE}-wal").mkdir()


def a_lock_that_is_a_folder(data: Path) -> None:
    (data / "runner.lock").mkdir()


def a_key_that_is_a_folder(data: Path) -> None:
    (data / "signing.key").unlink()
    (data / "signing.key").mkdir(mode=0o700)


def a_key_of_noise(data: Path) -> None:
    (data / "secret.key").write_bytes(b"\xff" * 64)


HARMS: dict[Harm, str] = {
    garbage: "is not a database of sshcast",
    short_garbage: "is not a database of sshcast",
    cut_off: "is damaged",
    scribbled_on: "is damaged",
    of_another_program: "is the database of another program (it has photos)",
    of_another_program_with_revisions: "is the database of another program (it has photos)",
    a_folder: "is a folder, where sshcast keeps its database",
    a_dangling_link: "is a link to /nowhere/sshcast.db, which is not there",
    a_link_to_itself: "which is not there",
    a_log_that_is_a_folder: "is a folder, where sshcast keeps its database",
    a_lock_that_is_a_folder: "runner.lock cannot be used (Is a directory)",
    a_key_that_is_a_folder: "signing.key cannot be used (Is a directory)",
    a_key_of_noise: "secret.key must hold 64 hexadecimal digits",
}


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_broken_file_is_told_by_its_path_and_left_as_it_is(harm: Harm, data: Path) -> None:
    harm(data)
    before = sorted((path.name, path.lstat().st_size) for path in data.iterdir() if path.name == FILE)
    told = sentence(Commands(data).within("serve", "--port", "0"))
    assert HARMS[harm] in told
    assert str(data) in told
    assert sorted((path.name, path.lstat().st_size) for path in data.iterdir() if path.name == FILE) == before


@pytest.mark.parametrize(
    "args",
    [
        ["migrate"],
        ["token", "alice"],
        ["user", "add", "bob", "--role", "viewer", "--password-stdin"],
        ["user", "list"],
        ["run", "--as", "alice", "web", "--", "true"],
        ["tail", "--as", "alice", "1"],
        ["secrets", "rotate"],
        ["audit", "verify"],
    ],
    ids=lambda args: args[0] if len(args) < 3 else " ".join(args[:2]),
)
def test_every_command_says_so(args: list[str], data: Path) -> None:
    garbage(data)
    assert f"{data / FILE} is not a database" in sentence(Commands(data).within(*args, stdin=f"{PASSWORD}\n"))


def below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "data"


def a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file"


def too_long(folder: Path) -> Path:
    return folder / ("a" * 300)


def below_a_dangling_link(folder: Path) -> Path:
    (folder / "link").symlink_to("/nowhere/at/all")
    return folder / "link"


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (below_a_file, "is a file: choose another --data"),
        (a_file, "is a file: choose another --data"),
        (too_long, "is too long"),
        (below_a_dangling_link, "choose another --data"),
    ],
)
def test_a_folder_that_cannot_be_made_is_told(place: Callable[[Path], Path], says: str, tmp_path: Path) -> None:
    assert says in sentence(Commands(place(tmp_path)).within("user", "list"))


def test_a_file_that_another_program_keeps_locked_is_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_engine, "BUSY_MS", 50)
    monkeypatch.setattr(sqlite_engine, "PRAGMAS", ("PRAGMA busy_timeout=50",))
    with closing(sqlite3.connect(data / FILE, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        told = sentence(Commands(data).within("user", "list"))
    assert f"another program keeps {data / FILE} locked" in told


# A name, what is given to somebody else in a folder that has been used, with which mode, and what is said then.
THEIRS = {
    "folder": ("", 0o700, "may not write {data}, which belongs to the user 54321 (mode 0700)"),
    "open folder": ("", 0o777, "{data} belongs to another user, so it cannot be closed to all others"),
    "database": (FILE, 0o644, "may not write {data}/sshcast.db, which belongs to the user 54321 (mode 0644)"),
    "closed database": (FILE, 0o000, "may not write {data}/sshcast.db, which belongs to the user 54321 (mode 0000)"),
    "log": (f"{FILE}-wal", 0o600, "may not write {data}/sshcast.db-wal, which belongs to the user 54321"),
    "key": ("signing.key", 0o600, "may not write {data}/signing.key, which belongs to the user 54321"),
    "parent": ("..", 0o755, "may not write {parent}, which belongs to the user 54321 (mode 0755)"),
}
LIST_EACH = """
import sys
from pathlib import Path
from tests.support.commands import Commands
for folder in sys.argv[1:]:
    done = Commands(Path(folder)).within("user", "set", "alice", "--role", "viewer")
    print(done.returncode, done.stderr.decode().rstrip())
"""


@pytest.fixture(scope="module")
def folders(used: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for name, (given, mode, _) in THEIRS.items():
        data = found[name] = tmp_path_factory.mktemp("theirs") / "data"
        if given != "..":
            shutil.copytree(used, data)
            (data / f"{FILE}-wal").touch()
        path = data.parent if given == ".." else data / given
        shutil.chown(path, SOMEBODY, SOMEBODY)
        path.chmod(mode)
    return found


@pytest.fixture(scope="module")
def told(folders: dict[str, Path]) -> dict[str, str]:
    """What a command says of each: root's, without its power over the files of others, as any other user would be."""
    powers = "-dac_override,-dac_read_search,-fowner,-chown"
    prefix = ["setpriv", "--bounding-set", powers, "--inh-caps", powers, sys.executable, "-c", LIST_EACH]
    command = [*prefix, *map(str, folders.values())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return dict(zip(folders, done.stdout.splitlines(), strict=True))


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, and setpriv")
@pytest.mark.parametrize("name", THEIRS)
def test_what_belongs_to_another_user_is_told_with_both(
    name: str, folders: dict[str, Path], told: dict[str, str]
) -> None:
    assert told[name].startswith("1 sshcast: ")
    assert THEIRS[name][2].format(data=folders[name], parent=folders[name].parent) in told[name]


def test_a_file_system_that_is_read_only_is_told(used: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        shutil.copytree(used, disk / "data")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        told = sentence(Commands(disk / "data").within("serve", "--port", "0"))
        assert f"the file system that {disk / 'data'} is on is read-only" in told
        told = sentence(Commands(disk / "other").within("user", "list"))
        assert "is read-only: mount it for writing, or choose another --data" in told


def test_a_full_disk_is_told_nothing_half_made_is_left_and_it_works_once_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        commands = Commands(disk / "data")
        commands.data.mkdir(mode=0o700)
        fill(disk)
        add = ("user", "add", "alice", "--role", "admin", "--password-stdin")
        told = sentence(commands.within(*add, stdin=f"{PASSWORD}\n"))
        assert "is on is full: make room there" in told
        assert [path.name for path in commands.data.iterdir() if path.stat().st_size or path.name != FILE] == []
        free(disk)
        assert commands.within(*add, stdin=f"{PASSWORD}\n").returncode == 0
        fill(disk)
        told = sentence(commands.within("user", "add", "bob", "--role", "admin", "--password-stdin", stdin=PASSWORD))
        assert "is on is full: make room there" in told
