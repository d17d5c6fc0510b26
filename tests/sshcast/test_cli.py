"""The command line, as a person meets it, against a real SSH server.

Each thing that a command does has one test with a process of its own; what it refuses, and variants, are asked of the
same `main` within this process.
"""

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sshcast import commands as modules
from tests.support.commands import Commands
from tests.support.ports import free_port
from tests.support.targets import Target, make_key, openssh, running_sshd

__all__ = ["openssh"]

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    found = Commands(tmp_path_factory.mktemp("cli") / "data")
    found.output("user", "add", "alice", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    return found


@pytest.fixture(scope="module")
def server(commands: Commands, openssh: Target) -> str:
    """The id of a registered server."""
    return commands.output(*adding("web", openssh, "--host-key", openssh.host_key))


def adding(name: str, target: Target, *more: str) -> list[str]:
    where = ["--host", target.host, "--port", str(target.port), "--user", target.username]
    return ["server", "add", name, *where, "--key", str(target.folder / "user"), *more]


def test_the_first_user_is_added_on_the_machine_and_gets_an_id(commands: Commands) -> None:
    added = commands.output("user", "add", "bob", "--role", "viewer", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert re.fullmatch(r"\d+", added)


@pytest.mark.parametrize(
    ("args", "stdin", "says"),
    [
        (["alice", "--role", "admin"], PASSWORD, "name: There is a user alice already"),
        (["carol", "--role", "boss"], PASSWORD, "role must be one of none, viewer, operator, admin"),
        (["car ol", "--role", "viewer"], PASSWORD, "name must be 1 to 64"),
        (["carol", "--role", "viewer"], "short", "password must be 8 to 1024"),
    ],
)
def test_a_bad_user_is_refused_by_the_field(commands: Commands, args: list[str], stdin: str, says: str) -> None:
    done = commands.within("user", "add", *args, "--password-stdin", stdin=f"{stdin}\n")
    assert done.returncode == 2
    assert says in done.stderr.decode()
    assert done.stdout == b""


def test_a_user_who_is_kept_out_gets_no_token(commands: Commands) -> None:
    commands.within("user", "add", "dora", "--role", "viewer", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert commands.within("user", "set", "dora", "--disable").returncode == 0
    assert b"there is no enabled user dora" in commands.within("token", "dora").stderr


def test_token_prints_an_access_token_and_nothing_else(commands: Commands) -> None:
    done = commands.run("token", "alice", "--ttl", "60")
    assert re.fullmatch(rb"[\w-]+\.[\w-]+\.[\w-]+\n", done.stdout)
    assert done.stderr == b""


def test_a_command_imports_only_the_libraries_that_it_needs(commands: Commands) -> None:
    timed = Commands(commands.data, {"PYTHONPROFILEIMPORTTIME": "1"})
    imported = {line.rpartition("|")[2].strip() for line in timed.run("token", "alice").stderr.decode().splitlines()}
    assert "sqlalchemy" in imported
    unneeded = {"strawberry", "graphql", "starlette", "uvicorn", "asyncssh", "croniter", "alembic", "structlog"}
    assert imported & unneeded == set()


def test_every_module_of_the_commands_can_be_asked_for() -> None:
    folder = Path(modules.__file__ or "").parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "local"}
    assert files == set(modules.__all__)
    assert all(getattr(modules, name).__name__ == f"sshcast.commands.{name}" for name in files)


def test_token_for_nobody_says_so(commands: Commands) -> None:
    done = commands.within("token", "nobody")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"there is no enabled user nobody" in done.stderr


def test_scan_shows_the_fingerprint_and_adds_only_what_a_person_accepts(commands: Commands, openssh: Target) -> None:
    known = subprocess.run(
        ["ssh-keygen", "-lf", str(openssh.folder / "host.pub")], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    refused = commands.within(*adding("scanned", openssh, "--scan"), stdin="n\n")
    assert refused.returncode == 1
    assert known in refused.stderr.decode()
    assert b"nothing was added" in refused.stderr
    accepted = commands.run(*adding("scanned", openssh, "--scan"), stdin="y\n")
    assert accepted.returncode == 0
    assert re.fullmatch(rb"\d+\n", accepted.stdout)


def test_a_scan_tells_a_server_with_old_algorithms_only_and_takes_it_when_they_are_allowed(
    commands: Commands, tmp_path: Path
) -> None:
    with running_sshd(tmp_path, "Ciphers aes128-cbc") as old:
        refused = commands.within(*adding("old", old, "--scan", "--yes"))
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert b"Cipher: it offers aes128-cbc; sshcast accepts aes128-gcm@openssh.com," in refused.stderr
        assert b"an admin may allow it aes-cbc (AES_CBC)" in refused.stderr
        unknown = commands.within(*adding("old", old, "--scan", "--yes", "--allow-algorithm", "3des-cbc"))
        assert unknown.returncode == 2
        allowed = commands.within(*adding("old", old, "--scan", "--yes", "--allow-algorithm", "aes-cbc"))
        assert allowed.returncode == 0
        assert commands.within("run", "old", "--", "exit 7").returncode == 7


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ([], "give either --host-key"),
        (["--host-key", "elsewhere ssh-ed25519 AAAA"], "not a key in base64"),
        (["--host-key", "# nothing"], "needs 1 to 16"),
        (["--scan", "--host-key", "ssh-ed25519 AAAA"], "give either --host-key"),
        (["--host-key", "ssh-dss AAAA"], "not an accepted host key type"),
        (["--password-stdin", "--scan"], "give either --key FILE or --password-stdin"),
    ],
)
def test_a_bad_server_is_refused_with_what_to_do(
    commands: Commands, openssh: Target, more: list[str], says: str
) -> None:
    done = commands.within(*adding("bad", openssh, *more), stdin="x\n")
    assert done.returncode in (1, 2)
    assert says in done.stderr.decode()


def test_a_key_that_needs_a_passphrase_is_taken_with_it(commands: Commands, openssh: Target, tmp_path: Path) -> None:
    make_key(tmp_path / "locked", passphrase="open sesame")
    where = ["--host", openssh.host, "--port", str(openssh.port), "--user", openssh.username]
    add = ["server", "add", "locked", *where, "--key", str(tmp_path / "locked"), "--host-key", openssh.host_key]
    without = commands.within(*add)
    assert without.returncode == 2
    assert b"passphrase" in without.stderr
    assert commands.within(*add, "--passphrase-stdin", stdin="open sesame\n").returncode == 0


def test_run_shows_both_streams_and_exits_with_the_commands_status(commands: Commands, server: str) -> None:
    done = commands.run("run", "web", "--", "echo out; echo err >&2; exit 7")
    assert done.returncode == 7
    assert done.stdout == b"out\n"
    assert b"err\n" in done.stderr
    assert b"FAILED; exit status 7" in done.stderr


def test_run_can_leave_out_the_middle_of_a_long_output_and_merge_the_streams(commands: Commands, server: str) -> None:
    limited = ("--output-limit", "20", "--on-output-limit", "truncate", "--merge-streams")
    done = commands.run("run", "web", *limited, "--", "printf 'beginning%050d' 1; echo the end >&2; exit 3")
    assert (done.returncode, done.stdout) == (3, b"beginning001the end\n")
    assert b"[47 bytes over the output limit were left out here]" in done.stderr


def test_run_takes_an_id_and_words_as_separate_arguments(commands: Commands, server: str) -> None:
    done = commands.within("run", server, "--", "printf", "%s|", "a b", "$HOME")
    assert (done.returncode, done.stdout) == (0, b"a b|$HOME|")


def test_run_on_an_unknown_server_says_what_to_do(commands: Commands) -> None:
    done = commands.within("run", "nowhere", "--", "true")
    assert done.returncode == 1
    assert b"there is no server nowhere: see `sshcast server add`" in done.stderr


def test_a_time_limit_ends_the_run_and_the_exit_status_is_255(commands: Commands, server: str) -> None:
    done = commands.within("run", "web", "--timeout", "1", "--", "echo begun; sleep 60")
    assert done.returncode == 255
    assert done.stdout == b"begun\n"
    assert b"TIMEOUT" in done.stderr
    assert b"verified gone" in done.stderr


def test_an_interrupt_cancels_the_run_and_tells_how_it_went(commands: Commands, server: str) -> None:
    process = commands.start("run", "web", "--", "echo begun; sleep 60", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 255
    assert b"CANCELLED" in err


def test_tail_shows_a_run_again_from_the_start_or_from_a_cursor(commands: Commands, server: str) -> None:
    ran = commands.within("run", "web", "--", "printf 0123456789")
    found = re.search(rb"execution (\d+)", ran.stderr)
    assert found is not None
    id = found[1].decode()
    whole = commands.run("tail", id)
    assert (whole.returncode, whole.stdout) == (0, b"0123456789")
    assert commands.within("tail", id, "--after", "o4").stdout == b"456789"
    assert commands.within("tail", id, "--lines", "1").stdout == whole.stdout
    assert commands.within("tail", id, "-n", "0").stdout == b""
    assert b"is not an output cursor" in commands.within("tail", id, "--after", "x4").stderr
    assert b"cannot be given together" in commands.within("tail", id, "--after", "o4", "--lines", "1").stderr
    assert b"There is no execution 99999" in commands.within("tail", "99999").stderr


def test_run_beside_a_service_leaves_the_work_to_it(commands: Commands, server: str) -> None:
    with commands.serving():
        done = commands.within("run", "web", "--", "echo served; exit 3")
        assert (done.returncode, done.stdout) == (3, b"served\n")


def test_a_second_service_on_the_folder_is_refused(commands: Commands) -> None:
    with commands.serving():
        second = commands.within("serve", "--port", "0")
        assert second.returncode == 1
        assert b"another sshcast serves" in second.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_serve_refuses_an_open_address_without_a_proxy(commands: Commands, host: str) -> None:
    done = commands.within("serve", "--host", host)
    assert done.returncode == 1
    assert b"SSHCAST_BEHIND_PROXY=true" in done.stderr


def test_schema_prints_the_committed_sdl(commands: Commands) -> None:
    committed = Path(__file__).parent.parent.parent / "schema" / "schema.graphql"
    assert commands.within("schema").stdout == committed.read_bytes()


def test_migrate_applies_once(tmp_path: Path) -> None:
    fresh = Commands(tmp_path / "data")
    assert fresh.within("migrate").stdout != b""
    assert fresh.within("migrate").stdout == b""


def test_the_data_folder_and_its_keys_are_for_their_owner_only(commands: Commands) -> None:
    commands.within("token", "alice")
    assert commands.data.stat().st_mode & 0o077 == 0
    for name in ("signing.key", "secret.key"):
        assert (commands.data / name).stat().st_mode & 0o777 == 0o600


@pytest.fixture
def short_key(commands: Commands) -> Iterator[None]:
    path = commands.data / "signing.key"
    kept = path.read_text()
    path.write_text("00" * 32)
    yield
    path.write_text(kept)


def test_a_weak_signing_key_stops_every_command(commands: Commands, short_key: None) -> None:
    done = commands.within("token", "alice")
    assert done.returncode == 1
    assert b"32 bytes of random data" in done.stderr


def test_a_database_that_is_away_is_said_to_be_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://sshcast:hunter2@127.0.0.1:{free_port()}/sshcast"
    failed = Commands(tmp_path / "data", {"SSHCAST_DATABASE_URL": url}).run("migrate")
    assert failed.returncode == 1
    assert failed.stderr.decode().startswith("sshcast: the database is away: ")
    assert b"hunter2" not in failed.stderr
    assert b"Traceback" not in failed.stderr
