"""`sshcast server add --jump`: registers a server behind another one, and fetches its keys through that."""

from pathlib import Path

from tests.support.commands import Commands
from tests.support.jump_chain import count_sign_ins, running_chain
from tests.support.targets import Target


def add(target: Target, name: str, *more: str) -> list[str]:
    where = ["--host", target.host, "--port", str(target.port), "--user", target.username]
    return ["server", "add", name, *where, "--key", str(target.folder / "user"), *more]


def add_user(commands: Commands, name: str, role: str) -> None:
    given = ["user", "add", name, "--role", role, "--password-stdin"]
    assert commands.within(*given, stdin="correct horse battery\n").returncode == 0


def test_a_server_is_scanned_added_rescanned_and_run_on_through_another(tmp_path: Path) -> None:
    commands = Commands(tmp_path / "data")
    add_user(commands, "alice", "admin")
    with running_chain(tmp_path, 1) as (outer, inner):
        assert commands.within(*add(outer, "outer", "--host-key", outer.host_key)).returncode == 0
        assert commands.within(*add(inner, "inner", "--jump", "outer", "--scan", "--yes")).returncode == 0
        assert count_sign_ins(outer) == 1
        done = commands.within("run", "inner", "--", "exit 3")
        assert (done.returncode, count_sign_ins(outer), count_sign_ins(inner)) == (3, 2, 1)
        assert b"nothing was changed" in commands.within("server", "rescan", "inner").stderr
        assert count_sign_ins(outer) == 3


def test_only_an_admin_has_a_server_scanned_through_another(tmp_path: Path) -> None:
    commands = Commands(tmp_path / "data")
    add_user(commands, "alice", "admin")
    add_user(commands, "bob", "operator")
    with running_chain(tmp_path, 1) as (outer, inner):
        assert commands.within(*add(outer, "outer", "--host-key", outer.host_key)).returncode == 0
        done = commands.within(*add(inner, "inner", "--jump", "outer", "--scan", "--yes", "--as", "bob"))
        assert done.returncode != 0
        assert "yours is operator" in done.stderr.decode()
        missing = commands.within(*add(inner, "inner", "--jump", "nowhere", "--scan", "--yes"))
        assert "there is no server nowhere" in missing.stderr.decode()
        assert count_sign_ins(outer) == 0
