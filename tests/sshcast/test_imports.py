"""What a command imports decides how long it takes to start: these are counts of packages, and not times."""

import contextlib
import io
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ROOT, Commands
from tests.support.ports import free_port

PASSWORD = "correct horse battery\n"
# Everything that is large and that a short command does not need.
LARGE = {
    "alembic",
    "asyncpg",
    "asyncssh",
    "authlib",
    "croniter",
    "graphql",
    "httpx2",
    "rich",
    "schema",
    "starlette",
    "strawberry",
    "structlog",
    "uvicorn",
    "websockets",
}
MODELS = {"pydantic", "sqlalchemy", "sqlmodel"}
UNNEEDED_FOR_WORDS = {"asyncio", "cryptography", "joserfc", "sqlite3"}
SHOW = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=open({path!r}, 'w')))\n"
MAIN = "from sshcast.cli import main; main()"


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """Commands on a database that is there already: the first one on it brings Alembic."""
    found = Commands(tmp_path_factory.mktemp("imports") / "data")
    found.output("user", "add", "alice", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    return found


def imported_by(commands: Commands, *args: str) -> set[str]:
    """The names of all modules that a command has imported when its process ends."""
    path = commands.data.parent / "modules"
    script = SHOW.format(path=str(path)) + MAIN
    done = subprocess.run(
        [sys.executable, "-c", script, *args], cwd=ROOT, env=commands.environment(), capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return set(path.read_text().split())


@pytest.mark.parametrize("args", [["--help"], ["--version"]])
def test_help_and_version_import_no_library_but_that_of_the_command_line(commands: Commands, args: list[str]) -> None:
    found = imported_by(commands, *args)
    assert "typer" in found
    assert found & (LARGE | MODELS | UNNEEDED_FOR_WORDS) == set()


@pytest.mark.parametrize("args", [["user", "--help"], ["token", "--help"], ["run", "--help"]])
def test_the_help_of_a_command_does_not_import_the_command(commands: Commands, args: list[str]) -> None:
    """Nor Pydantic, which typer brings for the values of options where nobody reads those (`sshcast.plain_values`)."""
    found = imported_by(commands, *args)
    assert found & (LARGE | MODELS | UNNEEDED_FOR_WORDS) == set()


def test_token_opens_the_database_without_models_policy_or_the_other_parts_of_the_service(commands: Commands) -> None:
    found = imported_by(commands, "token", "alice")
    assert {"sqlalchemy", "joserfc.jws", "sshcast.data_store"} <= found
    unneeded = {"sqlmodel", "sqlalchemy.orm", "sqlalchemy.ext.asyncio", "pydantic_settings", "db.models"}
    assert found & (LARGE | unneeded | {"sshcast.app", "resolvers.context", "runner.policy"}) == set()


@pytest.mark.parametrize("args", [["user", "list"], ["user", "set", "alice", "--enable"], ["audit", "verify"]])
def test_what_reads_and_writes_the_database_imports_neither_face_nor_ssh(commands: Commands, args: list[str]) -> None:
    found = imported_by(commands, *args)
    assert "sqlmodel" in found
    assert found & LARGE == set()


@pytest.fixture(scope="module")
def imported_by_serve(commands: Commands) -> set[str]:
    """The names of all modules of a service on SQLite, without an identity provider, that has answered and ended."""
    path = commands.data.parent / "modules of serve"
    command = [sys.executable, "-c", SHOW.format(path=str(path)) + MAIN, "serve", "--port", str(free_port())]
    serving = subprocess.Popen(
        command, cwd=ROOT, env=commands.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with serving, contextlib.closing(serving.stderr or io.StringIO()) as lines:
        started = next((line for line in lines if '"serving"' in line), None)
        serving.send_signal(signal.SIGTERM)
        assert started is not None
        lines.read()
    assert serving.returncode == 0
    return set(path.read_text().split())


def test_serve_on_sqlite_imports_no_driver_of_postgresql(imported_by_serve: set[str]) -> None:
    assert {"asyncssh", "schema.build", "db.sqlite_store"} <= imported_by_serve
    assert imported_by_serve & {"alembic", "asyncpg", "db.postgres_store", "db.server_check"} == set()


def test_serve_without_an_identity_provider_does_not_import_its_client(imported_by_serve: set[str]) -> None:
    assert "sshcast.oidc.routes" in imported_by_serve
    assert imported_by_serve & {"authlib", "httpcore2", "httpx2", "sshcast.oidc.client"} == set()


def test_serve_logs_without_the_library_for_coloured_tracebacks(imported_by_serve: set[str]) -> None:
    assert "structlog" in imported_by_serve
    assert imported_by_serve & {"rich", "pygments"} == set()


def test_a_database_of_this_version_is_found_so_without_alembic(commands: Commands) -> None:
    assert "alembic" not in imported_by(commands, "migrate")
    assert "alembic" in imported_by(Commands(commands.data.parent / "new"), "migrate")


def test_a_file_at_the_top_of_the_package_imports_no_command(tmp_path: Path) -> None:
    """`sshcast.commands` hands its modules out when they are asked for."""
    script = "import sys, sshcast.cli; print(*(name for name in sys.modules if name.startswith('sshcast.commands.')))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "\n")


@pytest.mark.parametrize(("before", "after"), [("gc.enable()", True), ("gc.disable()", False)])
def test_no_garbage_is_collected_while_a_command_is_imported(before: str, after: bool) -> None:
    """At most one is, at once after it, which calls back at its start and at its end. Else there are dozens."""
    script = (
        "import gc, sshcast.commands; collections = []; gc.callbacks.append(lambda *_: collections.append(1));"
        f" {before}; collections.clear(); sshcast.commands.accounts; print(len(collections) <= 2, gc.isenabled())"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"True {after}\n"), done.stderr
