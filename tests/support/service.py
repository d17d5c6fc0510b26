"""The whole service, as `sshcast serve` puts it together, on a loopback port: users of each role, and a server.

`running(folder)` is the service without a runner; a test plays the runner with `Running.run`. With
`drive=True` the service's own runner is at work, and its server is our demo SSH server.
"""

import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import websockets
from websockets.asyncio.client import ClientConnection, connect

from db import servers as server_table
from db import users as user_table
from db.models import Server, User
from db.values import Role
from resolvers import passwords, servers
from resolvers.context import Context, Service, Viewer
from resolvers.inputs import NewCredential, NewServer
from sshcast.app import open_service
from sshcast.demo.server import ensure_key
from sshcast.http.bounds import Bounds
from sshcast.http.listener import start_http_server
from sshcast.http_app import build_app
from sshcast.metrics import Metrics
from sshcast.oidc_wiring import build_provider
from sshcast.runner_wiring import start_runner
from sshcast.settings import Settings
from tests.support.rest import PASSWORD, Face
from tests.support.stores import lay_database
from tests.support.targets import running_demo

PROTOCOL = websockets.Subprotocol("graphql-transport-ws")


@dataclass(slots=True, kw_only=True)
class Running(Face):
    """A running service. Users are named `the.viewer`, `the.operator` and `the.admin`; all have PASSWORD."""

    settings: Settings

    def context(self, role: str, **changes: Any) -> Context:
        """As the resolvers know a user of this role, for calls beside HTTP."""
        user = self.users[role]
        until = self.service.tokens.read(self.token(role), "access").expires_at
        ctx = Context(self.service, Viewer(user.id, user.name, Role(user.role), until, user.token_version))
        return replace(ctx, **changes)

    def token(self, role: str) -> str:
        return self.as_user(role)["Authorization"].removeprefix("Bearer ")

    async def change_user(self, who: str, /, **values: Any) -> None:
        """Change columns of the row of the user with this role; the tokens that they hold stay what they are."""
        self.token(who)
        assert await self.service.store.run(user_table.update, self.users[who].id, values)

    async def graphql(self, query: str, role: str | None = "operator", **variables: Any) -> dict[str, Any]:
        """The body of the answer to a POST."""
        answer = await self.post({"query": query, "variables": variables}, role)
        body: dict[str, Any] = answer.json()
        return body

    async def post(self, body: Any, role: str | None = "operator", **headers: str) -> Any:
        """The answer to a POST of this JSON."""
        return await self.ask("POST", "/graphql", role, json=body, headers=headers)

    async def data(self, query: str, role: str | None = "operator", **variables: Any) -> dict[str, Any]:
        """The data of an answer that has no errors."""
        body = await self.graphql(query, role, **variables)
        assert "errors" not in body, body["errors"]
        found: dict[str, Any] = body["data"]
        return found

    @asynccontextmanager
    async def socket(self, role: str | None = "operator", **init: Any) -> AsyncIterator["Socket"]:
        """A WebSocket that has said who it is (unless `role` is None: then it has not said anything)."""
        url = self.url.replace("http://", "ws://") + "/graphql"
        async with connect(url, subprotocols=[PROTOCOL], proxy=None) as connection:
            socket = Socket(connection)
            if role is not None:
                await socket.begin(self.as_user(role) | init)
            yield socket


@dataclass(slots=True)
class Socket:
    """A client of graphql-transport-ws, message by message."""

    connection: ClientConnection
    _ids: int = field(default=0)

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self.connection.recv())
        return message

    async def begin(self, payload: dict[str, Any]) -> None:
        await self.send(type="connection_init", payload=payload)
        assert (await self.receive())["type"] == "connection_ack"

    async def subscribe(self, query: str, **variables: Any) -> str:
        """Start an operation; its id."""
        self._ids += 1
        await self.send(id=str(self._ids), type="subscribe", payload={"query": query, "variables": variables})
        return str(self._ids)

    async def follow(self, query: str, **variables: Any) -> AsyncIterator[dict[str, Any]]:
        """The payload of each `next` message of a new operation, until it is complete; no other may be open."""
        id = await self.subscribe(query, **variables)
        while (message := await self.receive())["type"] != "complete":
            assert message["type"] == "next", message
            assert message["id"] == id
            yield message["payload"]

    async def closed(self) -> tuple[int | None, str | None]:
        """The code and reason of the other side's close, once it has come."""
        await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason


@asynccontextmanager
async def running(
    folder: Path, *, drive: bool = False, parts: Mapping[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Running]:
    """The service, until the block ends. `settings` are fields of Settings, `parts` of Service that the test brings."""
    made = Settings(data=folder / "data", **{"port": 0} | settings)
    if made.sqlite:
        lay_database(made.data)
    async with AsyncExitStack() as stack:
        service = replace(await stack.enter_async_context(open_service(made, build_provider(made))), **(parts or {}))
        users = {str(role): await user(service, role) for role in Role}
        server = await registered(service, users[Role.ADMIN], folder, stack if drive else None)
        metrics = Metrics(service)
        if drive:
            await stack.enter_async_context(start_runner(service, made, metrics))
        listener = socket.create_server(("127.0.0.1", made.port))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        bounds = Bounds(proxies=tuple(made.trusted_proxies))
        await stack.enter_async_context(start_http_server(build_app(service, made, metrics), listener, bounds=bounds))
        http = await stack.enter_async_context(client(url))
        yield Running(service=service, url=url, http=http, users=users, server=server, settings=made)


@asynccontextmanager
async def reopened(made: Settings) -> AsyncIterator[Running]:
    """The service on a database that `running` made, as it stands, without a runner."""
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(made))
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        await stack.enter_async_context(start_http_server(build_app(service, made), listener))
        http = await stack.enter_async_context(client(url))
        found = {str(role): await service.store.read(user_table.by_name, f"the.{role}") for role in Role}
        users = {role: user for role, user in found.items() if user is not None}
        server = await service.store.read(server_table.by_id, 1)
        assert server is not None
        yield Running(service=service, url=url, http=http, users=users, server=server, settings=made)


def client(url: str) -> httpx2.AsyncClient:
    """Plain HTTP, so it does not read the machine's certificates, which takes 20 ms a client."""
    return httpx2.AsyncClient(base_url=url, timeout=30, trust_env=False, verify=False)


async def user(service: Service, role: Role) -> User:
    """A user of this role; hashing a password takes long, so all have the hash of one."""
    return await service.store.run(
        user_table.insert, name=f"the.{role}", password_hash=password_hash(), role=role, at=service.clock()
    )


@cache
def password_hash() -> str:
    return passwords.hash_password(PASSWORD)


async def registered(service: Service, admin: User, folder: Path, stack: AsyncExitStack | None) -> Server:
    """A server that nothing listens on; with a stack, our demo SSH server, running until the stack ends."""
    private_key, host_key = ensure_key(folder / "user")
    port, username = 1, "nobody"
    if stack is not None:
        target = await stack.enter_async_context(running_demo(folder))
        private_key, host_key, port, username = target.private_key, target.host_key, target.port, target.username
    new = NewServer(
        name="a server",
        host="127.0.0.1",
        port=port,
        username=username,
        host_keys=[host_key],
        credential=NewCredential(private_key=private_key),
    )
    viewer = Viewer(admin.id, admin.name, Role.ADMIN, service.clock(), admin.token_version)
    return await servers.create(Context(service, viewer), new)
