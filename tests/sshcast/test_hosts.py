"""The host and origin guard, over real HTTP and WebSocket."""

import socket
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from sshcast.hosts import HostGuard
from sshcast.listener import serving

pytestmark = pytest.mark.anyio


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def port() -> AsyncIterator[int]:
    """A guarded service that is also known as ssh.example.org and lets https://console.example.org call."""
    guard = Middleware(
        HostGuard, hosts=["SSH.example.org", "exact.example.org:8443"], origins=["https://Console.example.org"]
    )
    routes = [Route("/", hello), WebSocketRoute("/ws", talk)]
    listener = socket.create_server(("127.0.0.1", 0))
    async with serving(Starlette(routes=routes, middleware=[guard]), listener):
        yield listener.getsockname()[1]


HOSTS = [
    ("localhost:{port}", True),
    ("LOCALHOST:{port}", True),
    ("127.0.0.1:{port}", True),
    ("[::1]:{port}", True),
    ("[::1]", True),
    ("localhost", True),
    ("ssh.example.org", True),
    ("Ssh.Example.Org:443", True),
    ("exact.example.org:8443", True),
    ("exact.example.org", False),
    ("exact.example.org:8444", False),
    ("evil.example", False),
    ("evil.example:{port}", False),
    ("localhost.evil.example", False),
    ("evil-localhost", False),
    ("localhost.", False),
    ("ssh.example.org.evil.example", False),
    ("evil.ssh.example.org", False),
    ("127.0.0.1.nip.io", False),
    ("localhost:evil.example", False),
    ("user@localhost", False),
    ("localhost:80@evil.example", False),
    ("0.0.0.0", False),
    ("[::1", False),
    ("::1", False),
    ("", False),
]
ORIGINS = [
    (None, True),
    ("http://localhost:{port}", True),
    ("https://localhost:{port}", True),
    ("HTTP://LOCALHOST:{port}", True),
    ("https://console.example.org", True),
    ("null", False),
    ("", False),
    ("http://localhost", False),
    ("http://localhost:1", False),
    ("http://127.0.0.1:{port}", False),
    ("http://evil.example", False),
    ("http://localhost:{port}.evil.example", False),
    ("http://evil.example/localhost:{port}", False),
    ("http://evil.example@localhost:{port}", False),
    ("http://localhost:{port}@evil.example", False),
    ("http://localhost:{port}/", False),
    ("file://localhost:{port}", False),
    ("http://[", False),
    ("https://console.example.org.evil.example", False),
    ("https://evilconsole.example.org", False),
    ("http://console.example.org", False),
    ("https://console.example.org:444", False),
    ("https://console.example.org https://evil.example", False),
]


@pytest.mark.parametrize(("host", "served"), HOSTS)
async def test_only_the_names_that_we_are_known_by_are_served(port: int, host: str, served: bool) -> None:
    async with httpx2.AsyncClient(verify=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/", headers={"Host": host.format(port=port)})
    assert answer.status_code == (200 if served else 403)
    if not served:
        assert answer.json()["code"] == 403
        assert answer.json()["error"] == "FORBIDDEN"
        assert "SSHCAST_ALLOWED_HOSTS" in answer.json()["message"]


@pytest.mark.parametrize(("origin", "allowed"), ORIGINS)
async def test_only_our_own_and_listed_origins_may_call(port: int, origin: str | None, allowed: bool) -> None:
    headers = {} if origin is None else {"Origin": origin.format(port=port)}
    async with httpx2.AsyncClient(verify=False) as client:
        answer = await client.get(f"http://localhost:{port}/", headers=headers)
    assert answer.status_code == (200 if allowed else 403)
    if not allowed:
        assert (answer.json()["code"], answer.json()["error"]) == (403, "FORBIDDEN")
        assert "SSHCAST_ALLOWED_ORIGINS" in answer.json()["message"]


@pytest.mark.parametrize("origin", ["https://console.example.org", "http://localhost:{port}", "http://evil.example"])
async def test_no_origin_is_ever_given_leave_to_read_across_sites(port: int, origin: str) -> None:
    headers = {"Origin": origin.format(port=port), "Access-Control-Request-Method": "POST"}
    async with httpx2.AsyncClient(verify=False) as client:
        for method in ("GET", "OPTIONS"):
            answer = await client.request(method, f"http://localhost:{port}/", headers=headers)
            assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(("origin", "allowed"), ORIGINS)
async def test_sockets_are_guarded_alike(port: int, origin: str | None, allowed: bool) -> None:
    headers = {} if origin is None else {"Origin": origin.format(port=port)}
    opening = connect(f"ws://localhost:{port}/ws", additional_headers=headers, host="127.0.0.1", port=port)
    if allowed:
        async with opening as opened:
            assert await opened.recv() == "hello"
    else:
        with pytest.raises(InvalidStatus) as refused:
            await opening
        assert refused.value.response.status_code == 403


async def test_a_socket_by_a_name_that_is_not_ours_is_refused(port: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://evil.example:{port}/ws", host="127.0.0.1", port=port)
    assert refused.value.response.status_code == 403


async def test_the_refusal_speaks_chinese_too(port: int) -> None:
    async with httpx2.AsyncClient(verify=False) as client:
        headers = {"Host": "evil.example", "Accept-Language": "zh"}
        answer = await client.get(f"http://127.0.0.1:{port}/", headers=headers)
    assert answer.json()["message"] == "不服务此主机名；可将其加入 SSHCAST_ALLOWED_HOSTS。"
