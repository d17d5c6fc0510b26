"""The data folder: for its owner only, keys made once, one process at a time."""

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sshcast import data_folder
from sshcast.data_folder import FolderBusy, FolderUnsafe, FolderUnusable


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_its_owners_only_even_when_it_was_open_before(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    data_folder.prepare(folder)
    assert mode(folder) == 0o700


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = data_folder.load_or_make_key(tmp_path, "signing.key")
    assert len(first) == 32
    assert data_folder.load_or_make_key(tmp_path, "signing.key") == first
    assert mode(tmp_path / "signing.key") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["signing.key"]


def test_what_a_killed_process_of_the_same_number_left_behind_is_in_nobodys_way(tmp_path: Path) -> None:
    """In a container each start has the same process number."""
    (tmp_path / f".signing.key.{os.getpid()}").write_bytes(b"half a")
    assert len(data_folder.load_or_make_key(tmp_path, "signing.key")) == 32


def test_a_key_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    try:
        with pytest.raises(FolderUnusable, match=r"signing\.key.* cannot be used \(File too large\)"):
            data_folder.load_or_make_key(tmp_path, "signing.key")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_closed_already_is_not_touched(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    before = tmp_path.stat().st_ctime_ns
    data_folder.prepare(tmp_path)
    assert tmp_path.stat().st_ctime_ns == before


def test_of_many_starters_one_makes_the_key_and_all_take_it(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from sshcast import data_folder as d; "
    script += "print(d.load_or_make_key(Path(sys.argv[1]), 'signing.key').hex())"
    command = [sys.executable, "-c", script, str(tmp_path)]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({starter.communicate()[0] for starter in starters}) == 1


def test_a_key_that_others_can_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    data_folder.load_or_make_key(tmp_path, "secret.key")
    (tmp_path / "secret.key").chmod(0o640)
    with pytest.raises(FolderUnsafe, match="chmod 600"):
        data_folder.load_or_make_key(tmp_path, "secret.key")


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 31])
def test_a_short_or_foreign_key_is_refused_and_never_shown(text: str) -> None:
    with pytest.raises(FolderUnsafe, match="64 hexadecimal digits") as failed:
        data_folder.parse_key(text, "SSHCAST_SECRET_KEY")
    assert text == "" or text not in str(failed.value).replace("secret.key", "")


def test_one_process_at_a_time_holds_the_folder(tmp_path: Path) -> None:
    with (
        data_folder.lock_folder(tmp_path),
        pytest.raises(FolderBusy, match=str(tmp_path)),
        data_folder.lock_folder(tmp_path),
    ):
        raise AssertionError("held twice")
    with data_folder.lock_folder(tmp_path):
        pass


def test_the_death_of_the_holder_frees_the_folder(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from sshcast import data_folder as d\n"
    script += "with d.lock_folder(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(FolderBusy), data_folder.lock_folder(tmp_path):
            raise AssertionError("held twice")
        holder.kill()
        holder.wait()
    with data_folder.lock_folder(tmp_path):
        assert (tmp_path / "runner.lock").exists()
