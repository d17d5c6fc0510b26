"""A service with its REST face on a loopback port, and runs whose output a test writes itself."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from db import executions, output, transitions
from db.models import Server, TaskExecution, User
from db.output import NewChunk
from db.values import Reason, Role, State, Stream, Trigger
from resolvers import servers, users
from resolvers.context import Context, Service, Viewer
from resolvers.inputs import NewCredential, NewServer
from runner.bus import execution_address
from sshcast import app
from sshcast.demo.server import ensure_key
from sshcast.http import health
from sshcast.http.bounds import Bounds
from sshcast.http.hosts import HostGuard
from sshcast.http.listener import start_http_server
from sshcast.rest import route_table
from sshcast.rest.stream import HEARTBEAT_SECONDS
from sshcast.settings import Settings
from tests.support.stores import lay_database

PASSWORD = "a long enough password"


def clock() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Face:
    """A running service. `as_user` signs a request of that role."""

    service: Service
    url: str
    http: httpx2.AsyncClient
    users: dict[str, User]
    server: Server
    tokens: dict[str, str] = field(default_factory=dict)

    def as_user(self, role: str) -> dict[str, str]:
        if role not in self.tokens:
            self.tokens[role] = self.service.tokens.access(self.users[role])
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    async def ask(self, method: str, path: str, role: str | None = "operator", **rest: Any) -> httpx2.Response:
        headers = (self.as_user(role) if role else {}) | rest.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **rest)

    async def create(self, **changes: Any) -> dict[str, Any]:
        """A task by POST; the answer's body."""
        wanted = {"name": "a task", "command": "df -h", "server_id": self.server.id, "cron_expr": "@manual"}
        answer = await self.ask("POST", "/api/tasks", json=wanted | changes)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def run(self, **values: Any) -> "Run":
        """An execution whose command is the test itself."""
        return await Run.start(self, values)


@dataclass(slots=True)
class Run:
    """A running execution without a runner: the test writes its output and ends it."""

    face: Face
    id: int
    fence: int
    offsets: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))

    @classmethod
    async def start(cls, face: Face, values: dict[str, Any]) -> "Run":
        store, now = face.service.store, face.service.clock()
        wanted: dict[str, Any] = {
            "task_id": None,
            "server_id": face.server.id,
            "command": "true",
            "env": {},
            "working_dir": None,
            "timeout_seconds": 300,
            "output_limit": 1_000_000_000,
            "trigger": Trigger.API,
            "created_at": now,
            "created_by": face.users["operator"].id,
        }
        running = {"state": State.RUNNING, "runner_id": "the test", "start_time": now, "fence": 1}
        row = await store.run(executions.insert, wanted | running | values)
        return cls(face, row.id, row.fence)

    @property
    def path(self) -> str:
        return f"/api/task/{self.id}/log"

    async def write(self, data: bytes, stream: Stream = Stream.STDOUT) -> None:
        chunks = []
        for start in range(0, len(data), 65_536):
            part = data[start : start + 65_536]
            at = self.face.service.clock()
            chunks.append(NewChunk(self.id, self.fence, stream, self.offsets[stream], at, part))
            self.offsets[stream] += len(part)
        assert not await self.face.service.store.run(output.append, chunks)
        self.hint()

    async def end(self, state: State = State.SUCCESS, reason: Reason = Reason.EXIT_STATUS, **values: Any) -> None:
        ending = {"state": state, "reason": reason, "end_time": self.face.service.clock(), "duration_ms": 5000}
        assert await self.face.service.store.run(transitions.finish, self.id, self.fence, ending | values)
        self.hint()

    async def row(self) -> TaskExecution:
        found = await self.face.service.store.read(executions.by_id, self.id)
        assert found is not None
        return found

    def hint(self) -> None:
        self.face.service.bus.hint(execution_address(self.id))


@asynccontextmanager
async def opened(folder: Path, **changes: Any) -> AsyncIterator[Service]:
    """The service's parts on a new SQLite file; `changes` are fields of Service."""
    lay_database(folder / "data")
    async with app.open_service(Settings(data=folder / "data")) as service:
        yield replace(service, **changes)


@asynccontextmanager
async def face_of(
    service: Service,
    folder: Path,
    *,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
    more: tuple[Route, ...] = (),
    bounds: Bounds | None = None,
) -> AsyncIterator[Face]:
    """The service over HTTP, with a user of each role, and a server that nothing listens on."""
    found = {str(role): await users.add(service, name=f"the.{role}", role=role, password=PASSWORD) for role in Role}
    private_key, public_key = ensure_key(folder / "key")
    new = NewServer(
        name="a server",
        host="127.0.0.1",
        port=1,
        username="nobody",
        host_keys=[public_key],
        credential=NewCredential(private_key=private_key),
    )
    server = await servers.create(admin_of(service, found[Role.ADMIN]), new)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    http = httpx2.AsyncClient(base_url=url, verify=False)
    async with start_http_server(app_of(service, heartbeat_seconds, more), listener, bounds=bounds), http:
        yield Face(
            service=service, url=url, http=http, users={str(role): user for role, user in found.items()}, server=server
        )


def app_of(service: Service, heartbeat_seconds: float, more: tuple[Route, ...]) -> Starlette:
    """The REST part of the service's app, with heartbeats of that pace, and with more routes."""
    made = Starlette(
        routes=[*more, *route_table.build_rest_routes(heartbeat_seconds), *health.build_routes(service)],
        middleware=[Middleware(HostGuard, hosts=[], origins=[])],
        exception_handlers=route_table.HANDLERS,
    )
    made.router.redirect_slashes = False
    made.state.service = service
    made.state.public_url = None
    return made


def admin_of(service: Service, user: User) -> Context:
    until: datetime = service.clock() + timedelta(hours=1)
    return Context(service, Viewer(user.id, user.name, Role(user.role), until, user.token_version))
