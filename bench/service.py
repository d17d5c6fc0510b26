"""The real `sshcast serve` in a process of its own, for benchmarks that load it over HTTP.

Its data folder is new and on a real disk, its settings are the defaults; what it uses is read from /proc.
"""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson

from bench.http_client import HttpClient
from bench.processes import sum_cpu_seconds, sum_rss_bytes
from db import users
from db.migrate import migrate
from db.store import open_store
from db.values import Role
from sshcast.app import open_service
from sshcast.settings import Settings
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.postgres import running as running_server
from tests.support.targets import Target

ROOT = Path(__file__).parent.parent
SERVE = (sys.executable, "-m", "sshcast")
START_SECONDS = 60.0
TOKEN_SECONDS = 86_400
ADD_SERVER = """mutation ($server: CreateServerInput!) {
  createServer(input: $server) { server { id } errors { code message field } }
}"""


class GraphQLFailed(Exception):
    """The service answered with errors; the message has them."""


@dataclass(slots=True)
class BenchService:
    """A running service; `stop` is SIGTERM, `kill` is SIGKILL, and `start` begins it again on the same data."""

    url: str
    token: str
    """An access token of the user `operator`."""
    admin_token: str
    environment: dict[str, str]
    folder: Path
    command: Sequence[str] = SERVE
    process: "subprocess.Popen[bytes] | None" = None
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    @property
    def pid(self) -> int:
        assert self.process is not None, "the service is not running"
        return self.process.pid

    def start(self) -> float:
        """Seconds from starting the process to its first good answer of /readyz."""
        begun, port = time.perf_counter(), self.url.rpartition(":")[2]
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "serve", "--port", port], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self._wait_until_ready()
        return time.perf_counter() - begun

    def stop(self) -> None:
        """Return once the service has drained and ended."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def cpu_seconds(self) -> float:
        """User and system time of the process and all its descendants so far; the difference of two calls counts."""
        return sum_cpu_seconds(self.pid)

    def rss_bytes(self) -> int:
        return sum_rss_bytes(self.pid)

    def client(self) -> HttpClient:
        return HttpClient.to(self.url)

    async def graphql(self, client: HttpClient, query: str, **variables: Any) -> Any:
        """The data of the answer, as the operator; GraphQLFailed if it has errors."""
        return await self._ask(client, self.token, query, variables)

    async def add_server(
        self, client: HttpClient, target: Target, *, run_mode: str | None = None, max_parallel: int = 50
    ) -> str:
        """The id of a new server: the target with its key, its host key pinned. `run_mode`: DURABLE or ATTACHED."""
        server = {
            "name": f"server {next(self.numbers)}",
            "host": target.host,
            "port": target.port,
            "username": target.username,
            "hostKeys": [target.host_key],
            "credential": {"privateKey": target.private_key},
            "maxParallel": max_parallel,
        }
        given = server if run_mode is None else server | {"runMode": run_mode}
        payload = (await self._ask(client, self.admin_token, ADD_SERVER, {"server": given}))["createServer"]
        if payload["errors"]:
            raise GraphQLFailed(str(payload["errors"]))
        return str(payload["server"]["id"])

    async def _ask(self, client: HttpClient, token: str, query: str, variables: dict[str, Any]) -> Any:
        body = orjson.dumps({"query": query, "variables": variables})
        headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
        answer = await client.request("POST", "/graphql", body, **headers)
        found = orjson.loads(answer.body)
        if "errors" in found or answer.status != 200:
            raise GraphQLFailed(str(found))
        return found["data"]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with httpx2.Client(trust_env=False, verify=False) as client:
            while time.monotonic() < deadline and self.process is not None and self.process.poll() is None:
                try:
                    if client.get(f"{self.url}/readyz").status_code == 200:
                        return
                except httpx2.TransportError:
                    time.sleep(0.01)
        raise RuntimeError(f"the service did not start: {(self.folder / 'serve.log').read_text()}")

    def _end(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None


@contextmanager
def running_service(
    folder: Path,
    *,
    database: str | None = None,
    settings: Mapping[str, str] | None = None,
    command: Sequence[str] = SERVE,
) -> Iterator[BenchService]:
    """The service on `folder/data`, or on the empty PostgreSQL at the URL `database`, until the block ends.

    `settings` go by their names: {"runner_slots": "50"}. `command` is what `serve` is an argument of. May be used
    within a running event loop, which waits meanwhile.
    """
    given = dict(settings or {}) | ({} if database is None else {"database_url": database})
    with ThreadPoolExecutor(1) as thread:
        tokens = thread.submit(asyncio.run, _prepare(folder / "data", given)).result()
    service = BenchService(
        url=f"http://127.0.0.1:{free_port()}",
        token=tokens[Role.OPERATOR],
        admin_token=tokens[Role.ADMIN],
        environment=_build_environment(folder / "data", given),
        folder=folder,
        command=command,
    )
    try:
        service.start()
        yield service
    finally:
        service.stop()


@contextmanager
def running_postgres(folder: Path) -> Iterator[Postgres]:
    """A server that syncs each commit to disk, in an empty folder; `url("postgres")` is an empty database of it."""
    os.chmod(folder, 0o755)
    with running_server(folder, fsync="on", synchronous_commit="on", full_page_writes="on") as server:
        yield server


async def _prepare(data: Path, given: dict[str, str]) -> dict[Role, str]:
    """Make the database and a user of each role that is needed; their access tokens."""
    made = Settings(data=data, **given)  # pydantic reads the text
    if not made.sqlite:
        store = await open_store(given["database_url"])
        await migrate(store)
        await store.close()
    async with open_service(made) as service:
        found = {}
        for role in (Role.OPERATOR, Role.ADMIN):
            user = await service.store.run(
                users.insert, name=str(role), password_hash="none", role=role, at=service.clock()
            )
            found[role] = service.tokens.access(user, seconds=TOKEN_SECONDS)
        return found


def _build_environment(data: Path, given: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SSHCAST_")}
    own = {f"SSHCAST_{name.upper()}": value for name, value in given.items()}
    return kept | {"SSHCAST_DATA": str(data)} | own
