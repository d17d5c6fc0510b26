"""A service without a face or a runner, and contexts of users of each role, for calling the resolvers."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db import claims, executions, output, transitions, users
from db.models import Server, TaskExecution, User
from db.output import NewChunk
from db.values import Reason, Role, State, Stream
from resolvers import servers, tasks
from resolvers.context import Context, Service, Viewer
from resolvers.inputs import NewCredential, NewServer, NewTask, RunCommand
from resolvers.sign_in_links import SignInLinks
from resolvers.tasks import TaskCreated
from resolvers.throttle import LoginThrottle
from resolvers.tokens import TokenIssuer
from runner.bus import EXECUTIONS, execution_address
from sshcast.app import open_service
from sshcast.demo.server import ensure_key
from sshcast.settings import Settings

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SIGNING_KEY = b"0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True)
class Clock:
    """Stands still until a test moves it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True, kw_only=True)
class Desk:
    """The service at a clock of the test's, its users by role, and a server that nothing is ever run on."""

    service: Service
    clock: Clock
    host_key: str
    users: dict[Role, User] = field(default_factory=dict)

    def as_a(self, role: Role | None, **changes: Any) -> Context:
        """A context of the user of this role; of nobody with None."""
        if role is None:
            return replace(Context(self.service), **changes)
        user = self.users[role]
        viewer = Viewer(user.id, user.name, role, NOON + timedelta(days=1), user.token_version)
        return replace(Context(self.service, viewer), **changes)

    @property
    def viewer(self) -> Context:
        return self.as_a(Role.VIEWER)

    @property
    def operator(self) -> Context:
        return self.as_a(Role.OPERATOR)

    @property
    def admin(self) -> Context:
        return self.as_a(Role.ADMIN)

    def new_server(self, **changes: Any) -> NewServer:
        usual: dict[str, Any] = {
            "name": "server",
            "host": "127.0.0.1",
            "username": "root",
            "host_keys": [self.host_key],
        }
        return NewServer(**usual | {"credential": NewCredential(password="a password")} | changes)

    async def server(self, **changes: Any) -> Server:
        return await servers.create(self.admin, self.new_server(**changes))

    async def task(self, **changes: Any) -> TaskCreated:
        """A task on server 1."""
        usual = {"name": "a task", "command": "df -h", "server_id": 1, "cron_expr": "@manual"}
        return await tasks.create(self.operator, NewTask(**usual | changes))  # type: ignore[arg-type]

    def command(self, **changes: Any) -> RunCommand:
        usual: dict[str, Any] = {"server_id": 1, "command": "df -h"}
        return RunCommand(**usual | changes)

    async def executions(self) -> list[TaskExecution]:
        return await self.service.store.read(executions.by_ids, range(1, 1000))

    async def claimed(self) -> TaskExecution:
        """The next execution, taken by the test."""
        (row,) = await self.service.store.run(claims.claim, runner_id="the test", at=self.clock(), limit=1)
        self.service.bus.hint(EXECUTIONS, execution_address(row.id))
        return row

    async def write(self, row: TaskExecution, stream: Stream, offset: int, data: bytes) -> None:
        chunk = NewChunk(row.id, row.fence, stream, offset, self.clock(), data)
        assert not await self.service.store.run(output.append, [chunk])
        self.service.bus.hint(execution_address(row.id))

    async def finish(self, row: TaskExecution, state: State = State.SUCCESS, **changes: Any) -> None:
        values = {"state": state, "reason": Reason.EXIT_STATUS, "exit_code": 0, "end_time": self.clock()} | changes
        assert await self.service.store.run(transitions.finish, row.id, row.fence, values)
        self.service.bus.hint(EXECUTIONS, execution_address(row.id))


@asynccontextmanager
async def at_a_desk(template: Path, folder: Path, **settings: Any) -> AsyncIterator[Desk]:
    """On SQLite, unless `settings` name another database."""
    data, clock = folder / "data", Clock()
    data.mkdir(mode=0o700)
    shutil.copy(template, data / "sshcast.db")
    async with open_service(Settings(data=data, **settings)) as service:
        made = replace(
            service,
            clock=clock,
            tokens=TokenIssuer(SIGNING_KEY, clock=clock),
            links=SignInLinks(clock=clock),
            throttle=LoginThrottle(clock=clock),
        )
        _, host_key = ensure_key(folder / "host_key")
        desk = Desk(service=made, clock=clock, host_key=host_key)
        for role in Role:
            row: dict[str, Any] = {"name": f"the.{role}", "password_hash": "no password", "role": role, "at": NOON}
            desk.users[role] = await made.store.run(users.insert, **row)
        await desk.server()
        yield desk


@pytest.fixture
async def desk(template: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    async with at_a_desk(template, tmp_path) as found:
        yield found


@pytest.fixture
async def either_desk(database: Any, template: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    """For what the database decides: on SQLite and on PostgreSQL."""
    async with database() as settings, at_a_desk(template, tmp_path, **settings) as found:
        yield found


@pytest.fixture(scope="module")
async def shared_desk(template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One for many tests that leave nothing behind. The module's `anyio_backend` must be its own."""
    async with at_a_desk(template, tmp_path_factory.mktemp("desk")) as found:
        yield found
