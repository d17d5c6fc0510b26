"""PgBouncer before PostgreSQL: in session mode all works, in the others a start is refused with what to do."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from db.postgres_store import PostgresStore
from db.store import Store, open_store
from tests.support import rows
from tests.support.commands import Commands
from tests.support.ports import free_port
from tests.support.postgres import TEMPLATE, Postgres, program, unavailable, unprivileged
from tests.support.rows import list_user_names

READY_SECONDS = 20.0
CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
server_round_robin = {round_robin}
default_pool_size = {size}
"""


@contextmanager
def pgbouncer(folder: Path, server: Postgres, mode: str, *, size: int = 20, round_robin: int = 0) -> Iterator[int]:
    """A real one before the server, on the port that it gives, until the block ends."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        unavailable("there is no PgBouncer: apt-get install pgbouncer")
    port = free_port()
    (folder / "users").write_text('"postgres" ""\n')
    given = {"server": server.port, "port": port, "folder": folder, "mode": mode}
    (folder / "ini").write_text(CONFIGURATION.format(**given, size=size, round_robin=round_robin))
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([*unprivileged(), str(found), str(folder / "ini")], stdout=log, stderr=log)
    try:
        wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_SECONDS
    while subprocess.run([program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode != 0:
        assert process.poll() is None, "PgBouncer runs"
        assert time.monotonic() < deadline, "PgBouncer answers"


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The name of a new database of today's schema."""
    name = f"pooled_{next(postgres.names)}"
    asyncio.run(postgres.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY = file_copy"))
    yield name
    asyncio.run(postgres.execute(f"DROP DATABASE {name} WITH (FORCE)"))


def commands(folder: Path, port: int, database: str) -> Commands:
    url = f"postgresql://postgres@127.0.0.1:{port}/{database}"
    return Commands(folder / "data", {"SSHCAST_DATABASE_URL": url})


@pytest.mark.parametrize("round_robin", [0, 1])
@pytest.mark.parametrize("size", [1, 20])
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_mode_in_which_sessions_are_shared_is_refused_with_what_to_do(
    postgres: Postgres, tmp_path: Path, mode: str, size: int, round_robin: int
) -> None:
    with pgbouncer(tmp_path, postgres, mode, size=size, round_robin=round_robin) as port:
        for args in (("migrate",), ("serve", "--port", "0"), ("migrate",)):
            done = commands(tmp_path, port, "postgres").within(*args)
            said = done.stderr.decode()
            assert done.returncode == 1, said
            assert "set pool_mode = session for this database, or let SSHCAST_DATABASE_URL name PostgreSQL" in said
            assert said.count("\n") == 1


@pytest.mark.parametrize("round_robin", [0, 1])
def test_in_session_mode_commands_work_again_and_again(
    postgres: Postgres, database: str, tmp_path: Path, round_robin: int
) -> None:
    with pgbouncer(tmp_path, postgres, "session", round_robin=round_robin) as port:
        sshcast = commands(tmp_path, port, database)
        for _ in range(2):
            assert sshcast.within("migrate").returncode == 0
        added = sshcast.within("user", "add", "ada", "--role", "admin", "--password-stdin", stdin="correct horse 7\n")
        assert added.returncode == 0, added.stderr
        assert sshcast.within("token", "ada").returncode == 0


def test_in_session_mode_units_and_the_lock_of_a_runner_hold(postgres: Postgres, database: str, tmp_path: Path) -> None:
    with pgbouncer(tmp_path, postgres, "session") as port:
        asyncio.run(work(f"postgresql://postgres@127.0.0.1:{port}/{database}"))


async def work(url: str) -> None:
    store: Store = await open_store(url, connections=4)
    assert isinstance(store, PostgresStore)
    lock = store.session_lock("a runner")
    await lock.hold()
    wanted = [f"user {number}" for number in range(20)]
    await asyncio.gather(*(store.run(rows.user, name) for name in wanted))
    assert sorted(await store.read(list_user_names)) == sorted(wanted)
    await lock.hold()
    await lock.close()
    await store.close()


def test_a_pool_of_two_is_enough_for_a_command(postgres: Postgres, database: str, tmp_path: Path) -> None:
    with pgbouncer(tmp_path, postgres, "session", size=2) as port:
        assert commands(tmp_path, port, database).within("migrate").returncode == 0


def test_a_pool_of_one_is_refused_with_what_to_do(
    postgres: Postgres, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.pooler_probe.PROBE_SECONDS", 1.0)
    with pgbouncer(tmp_path, postgres, "session", size=1) as port:
        done = commands(tmp_path, port, database).within("migrate")
        assert b"default_pool_size in PgBouncer" in done.stderr


def test_what_pgbouncer_takes_from_no_client_is_told_with_what_to_do(
    postgres: Postgres, database: str, tmp_path: Path
) -> None:
    with pgbouncer(tmp_path, postgres, "session") as port:
        done = commands(tmp_path, port, f"{database}?options=-csearch_path%3Dpublic").within("migrate")
        assert b"unsupported startup parameter" in done.stderr
        assert b"ignore_startup_parameters" in done.stderr
