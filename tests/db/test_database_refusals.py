"""A PostgreSQL that cannot be used is said to be so in one sentence, by whichever command meets it, with what to do."""

import asyncio
import socketserver
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from db.migrate import find_newest_revision
from db.server_problems import ServerFacts, find_problem
from tests.support.commands import Commands
from tests.support.ports import free_port
from tests.support.postgres import TEMPLATE, Postgres, program, running, server_command
from tests.support.strict_server import ESCAPED, StrictServer, need_tls, prepare, strict_server

READY_SECONDS = 20.0
# What follows the server's address, the user, and words of the sentence.
REFUSED = {
    "a wrong password": ("ours", "ada:hunter2", 'password authentication failed for user "ada": correct the user and'),
    "no password": ("ours", "ada", "correct the user and the password in SSHCAST_DATABASE_URL"),
    "no such database": ("nowhere", "postgres", 'database "nowhere" does not exist: make it with CREATE DATABASE'),
    "no such role": ("ours", "missing", 'role "missing" does not exist: make it with CREATE ROLE'),
    "options that it has not": ("ours?options=-cno.such%3D1%20-cwork_mem%3Dx", "postgres", "correct options in"),
    "another encoding": ("latin", "postgres", "latin has the encoding LATIN1 and must have UTF8: make another"),
    "no encoding": ("ascii", "postgres", "ascii has the encoding SQL_ASCII and must have UTF8: make another"),
    "no writes": ("readonly", "postgres", "set its default_transaction_read_only to off"),
    "no writes by option": (
        "ours?options=-cdefault_transaction_read_only%3Don",
        "postgres",
        "set its default_transaction_read_only to off",
    ),
    "no schema": ("ours?options=-csearch_path%3Dgone", "postgres", "no schema of the search_path (gone) is there for"),
    "no role of this kind": ("ours?target_session_attrs=standby", "postgres", "is not what target_session_attrs in"),
}
BY_TLS = {
    "a database that no rule is for": (
        "unruled",
        "add a line for this address, user and database to the server's pg_hba",
    ),
    "no TLS where it is wanted": ("by_tls?sslmode=disable", "it wants TLS, so add sslmode=require to"),
    "no certificate where it is wanted": ("by_certificate?sslmode=require", "add sslcert and sslkey to"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StrictServer]:
    with strict_server(tmp_path_factory.mktemp("strict")) as found:
        asyncio.run(prepare(found))
        yield found


def refusals(url: str, folder: Path, *, apart: bool = False) -> str:
    """What `migrate` and `serve` say alike: one line, without a password.

    `apart`: each in a process of its own, for TLS that a refused connection takes longer to end than they live.
    """
    commands = Commands(folder / "data", {"SSHCAST_DATABASE_URL": url, "HOME": str(folder)})
    said = set()
    for args in (("migrate",), ("serve", "--port", "0")):
        done = commands.run(*args) if apart else commands.within(*args)
        text = done.stderr.decode()
        assert done.returncode == 1, text
        assert text.startswith("sshcast: "), text
        assert text.count("\n") == 1, text
        assert "hunter2" not in text
        said.add(text.strip())
    assert len(said) == 1
    return said.pop()


@pytest.mark.parametrize("case", REFUSED)
def test_a_server_that_refuses_is_told_with_what_to_do(server: StrictServer, tmp_path: Path, case: str) -> None:
    rest, user, words = REFUSED[case]
    more = "&" if "?" in rest else "?"
    assert words in refusals(server.url(f"{rest}{more}sslmode=disable", user=user), tmp_path)


@pytest.mark.faults
@pytest.mark.parametrize("case", BY_TLS)
def test_a_server_that_wants_more_safety_is_told_with_what_to_do(
    server: StrictServer, tmp_path: Path, case: str
) -> None:
    need_tls(server)
    rest, words = BY_TLS[case]
    assert words in refusals(server.url(rest), tmp_path, apart=True)


def test_a_server_without_tls_is_told_with_what_to_do(postgres: Postgres, tmp_path: Path) -> None:
    said = refusals(f"{postgres.url(TEMPLATE)}?sslmode=require", tmp_path)
    assert "speaks no TLS, or is no PostgreSQL: turn TLS on there" in said


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("127.0.0.1:{free}", "the database is away: no connection to 127.0.0.1:"),
        ("sshcast.invalid", "the database is away: there is no host of the name in sshcast.invalid: correct the host"),
        ("a..b", "the database is away: there is no host of the name in a..b: correct the host"),
        ("%2Fnowhere", "the database is away: no socket in /nowhere that we may use: start PostgreSQL"),
    ],
)
def test_a_server_that_is_not_there_is_told_with_what_to_do(tmp_path: Path, host: str, words: str) -> None:
    said = refusals(f"postgresql://ada:hunter2@{host.format(free=free_port())}/ours", tmp_path)
    assert words in said
    assert "SSHCAST_DATABASE_URL" in said


@pytest.mark.parametrize("mode", ["prefer", "disable"])
@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_what_is_no_postgresql_is_told_with_what_to_do(tmp_path: Path, greeting: bytes, mode: str) -> None:
    with answering(greeting) as port:
        said = refusals(f"postgresql://ada:hunter2@127.0.0.1:{port}/ours?sslmode={mode}&connect_timeout=1", tmp_path)
    assert f"127.0.0.1:{port} does not answer like PostgreSQL: correct host and port in SSHCAST_DATABASE_URL" in said


@contextmanager
def answering(greeting: bytes) -> Iterator[int]:
    """Something on a port that answers whatever it is told with `greeting`, and hangs up."""

    class Greeting(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(8)
            self.request.sendall(greeting)

    with socketserver.TCPServer(("127.0.0.1", 0), Greeting) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_server_that_gives_no_further_connection_is_told_with_what_to_do(
    server: StrictServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.postgres_store.QUEUE_SECONDS", 0.4)
    url = server.url("ours", user="few")
    url += "?sslmode=disable"
    with asyncio.Runner() as runner:
        other = runner.run(asyncpg.connect(url))
        said = refusals(url, tmp_path)
        runner.run(other.close())
    assert 'too many connections for role "few": wait for others to end, raise max_connections' in said


def test_a_role_without_rights_is_told_what_to_grant(server: StrictServer, postgres: Postgres, tmp_path: Path) -> None:
    commands = Commands(tmp_path / "data", {"SSHCAST_DATABASE_URL": server.url("ours", user="nobody")})
    asyncio.run(execute(server.url("ours"), "REVOKE CREATE ON SCHEMA public FROM public"))
    said = commands.within("migrate").stderr.decode()
    assert "permission denied for schema public" in said
    assert "GRANT USAGE, CREATE ON SCHEMA" in said
    assert said.count("\n") == 1
    asyncio.run(postgres.execute("CREATE ROLE nobody LOGIN"))
    said = refusals(f"postgresql://nobody@127.0.0.1:{postgres.port}/{TEMPLATE}", tmp_path)
    assert "permission denied for table alembic_version" in said


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "UPDATE alembic_version SET version_num = '9999'",
            "the database is newer than this version (its schema is 9999",
        ),
        ("UPDATE alembic_version SET version_num = 'ae1027a6acf'", "the database is another program's (its schema is"),
        ("UPDATE alembic_version SET version_num = '0'", "the database is another program's (its schema is '0'"),
        ("DROP TABLE alembic_version", "the database has tables in it that are not from a migration"),
    ],
)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_of_a_newer_version_or_another_program_is_left_alone(
    kind: str, statement: str, words: str, postgres: Postgres, template: Path, tmp_path: Path
) -> None:
    with database(kind, postgres, template, tmp_path) as url:
        asyncio.run(execute(url, statement))
        commands = Commands(tmp_path / "data", {"SSHCAST_DATABASE_URL": url})
        for args in (("migrate",), ("serve", "--port", "0"), ("token", "ada")):
            done = commands.within(*args)
            said = done.stderr.decode()
            assert done.returncode == 1
            assert said.count("\n") == 1, said
            if statement.startswith("UPDATE") or args == ("migrate",):
                assert words in said
    assert "9999" not in words or find_newest_revision() < "9999"


@contextmanager
def database(kind: str, postgres: Postgres, template: Path, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        (folder / "copy.db").write_bytes(template.read_bytes())
        yield f"sqlite:///{folder / 'copy.db'}"
        return
    name = f"copy_{next(postgres.names)}"
    asyncio.run(postgres.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY = file_copy"))
    yield postgres.url(name)
    asyncio.run(postgres.execute(f"DROP DATABASE {name} WITH (FORCE)"))


async def execute(url: str, statement: str) -> None:
    """By the drivers themselves: what they did is not ours."""
    if url.startswith("sqlite"):
        await asyncio.to_thread(execute_in_file, url.removeprefix("sqlite:///"), statement)
        return
    conn = await asyncpg.connect(url)
    await conn.execute(statement)
    await conn.close()


def execute_in_file(path: str, statement: str) -> None:
    conn = sqlite3.connect(path)
    conn.execute(statement)
    conn.commit()
    conn.close()


@pytest.mark.faults
def test_a_standby_and_a_server_that_starts_are_told_apart(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, port=port, wal_level="replica") as primary:
        url = primary.url("postgres")
    (tmp_path / "data" / "standby.signal").touch()
    with running(tmp_path, port=port, wal_level="replica"):
        assert "the database is a standby, which takes no writes" in refusals(url, tmp_path)
        said = refusals(f"{url}?target_session_attrs=read-write", tmp_path)
        assert "is not what target_session_attrs in SSHCAST_DATABASE_URL asks for" in said
    with starting(tmp_path, port):
        said = refusals(url, tmp_path)
        assert "the database is away: " in said
        assert "try again in a moment" in said


@contextmanager
def starting(folder: Path, port: int) -> Iterator[None]:
    """A server that stays where others are for a moment: it answers, and takes nobody yet."""
    command = server_command(folder / "data", port, {"wal_level": "replica", "hot_standby": "off"})
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
    deadline = time.monotonic() + READY_SECONDS
    ready = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ready).returncode != 1:
        assert time.monotonic() < deadline, "the server answers"
    try:
        yield
    finally:
        process.communicate()


def facts(**given: object) -> ServerFacts:
    usual = {"pooler": False, "version": 14, "version_name": "14.0", "encoding": "UTF8", "standby": False}
    usual |= {"read_only": False, "schema": "public", "search_path": "public", "role": "ada", "database": "ours"}
    return ServerFacts(**(usual | given))  # type: ignore[arg-type]


def test_an_old_server_is_refused_by_its_version() -> None:
    assert find_problem(facts()) is None
    assert find_problem(facts(version=13, version_name="13.9")) == "PostgreSQL 13.9 is too old: 14 or newer is needed"


def test_a_password_with_special_characters_is_enough(server: StrictServer, tmp_path: Path) -> None:
    """So that what is refused above is refused for its own reason."""
    asyncio.run(execute(server.url("ours"), "GRANT ALL ON SCHEMA public TO ada"))
    url = server.url("ours", user=f"ada:{ESCAPED}")
    done = Commands(tmp_path / "data", {"SSHCAST_DATABASE_URL": url}).within("migrate")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"0001\n")
