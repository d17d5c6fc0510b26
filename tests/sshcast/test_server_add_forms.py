"""`sshcast server add` and `run` read what people paste, or say what is wrong before anything is asked of the host."""

import sys
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.targets import Target, openssh
from tests.support.terminal import on_terminal

__all__ = ["openssh"]


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    found = Commands(tmp_path_factory.mktemp("cli") / "data")
    found.output("user", "add", "alice", "--role", "admin", "--password-stdin", stdin="correct horse battery\n")
    return found


def adding(target: Target, name: str, host: str, key: Path, *more: str) -> list[str]:
    where = ["--host", host, "--port", str(target.port), "--user", f" {target.username} "]
    return ["server", "add", name, *where, "--key", str(key), *more]


def test_a_key_and_a_host_that_were_pasted_badly_are_read_and_the_run_keeps_its_lines(
    commands: Commands, openssh: Target, tmp_path: Path
) -> None:
    pasted = tmp_path / "pasted"
    pasted.write_text("\ufeff" + (openssh.folder / "user").read_text().replace("\n", "\r\n    "))
    add = adding(openssh, "web", f" {openssh.host} ", pasted, "--host-key", openssh.host_key)
    assert commands.within(*add).returncode == 0
    done = commands.within("run", "web", "--", "printf 'a|'\r\nprintf 'b|'\r\n")
    assert (done.returncode, done.stdout) == (0, b"a|b|")


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("web.example:2222", "put 2222 in `port`"),
        ("me@web.example", "put what is before the @ in `username`"),
        ("169.254.169.254", "169.254.169.254"),
    ],
)
def test_a_host_that_is_none_is_told_before_it_is_scanned(
    commands: Commands, openssh: Target, host: str, says: str
) -> None:
    done = commands.within(*adding(openssh, "bad", host, openssh.folder / "user", "--scan"))
    assert done.returncode in (1, 2)
    assert says in done.stderr.decode()


def test_a_server_in_a_network_that_is_denied_is_refused_without_a_scan_too(
    commands: Commands, openssh: Target
) -> None:
    key = openssh.folder / "user"
    done = commands.within(*adding(openssh, "bad", "169.254.169.254", key, "--host-key", openssh.host_key))
    assert done.returncode == 2
    assert b"SSHCAST_ALLOWED_NETWORKS" in done.stderr


def test_a_first_line_that_is_no_shell_is_told(commands: Commands) -> None:
    done = commands.within("run", "1", "--", "#!/usr/bin/python3\nprint(1)")
    assert done.returncode == 2
    assert b"only shells are run here" in done.stderr


def test_a_server_is_added_with_its_encoding_and_a_pipe_gets_its_bytes(commands: Commands, openssh: Target) -> None:
    key = openssh.folder / "user"
    add = adding(openssh, "gbk", openssh.host, key, "--host-key", openssh.host_key, "--output-encoding")
    refused = commands.within(*add, "utf-16")
    assert refused.returncode == 2
    assert b"gb18030" in refused.stderr
    assert commands.within(*add, "GBK").returncode == 0
    done = commands.within("run", "gbk", "--", "printf '\\326\\320\\316\\304'")
    assert (done.returncode, done.stdout) == (0, "中文".encode("gbk"))


def test_a_terminal_shows_output_in_its_own_encoding(commands: Commands, openssh: Target) -> None:
    given = ("--host-key", openssh.host_key, "--output-encoding", "shift_jis")
    assert commands.within(*adding(openssh, "sjis", openssh.host, openssh.folder / "user", *given)).returncode == 0
    command = "printf '\\223\\372\\226'; sleep 0.3; printf '\\173\\n'"
    with on_terminal(commands, sys.executable, "-m", "sshcast", "run", "sjis", "--", command) as shown:
        assert shown.end() == 0
    assert "日本\r\n".encode() in shown.shown
