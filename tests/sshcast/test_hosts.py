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

from sshcast.http.hosts import HostGuard
from sshcast.http.listener import start_http_server

pytestmark = pytest.mark.anyio


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


@pytest.fixture(scope="module")
async def port() -> AsyncIterator[int]:
    """A guarded service that is also known as ssh.example.org and lets https://console.example.org call."""
    guard = Middleware(
        HostGuard, hosts=["SSH.example.org", "exact.example.org:8443"], origins=["https://Console.example.org"]
    )
    routes = [Route("/", hello), WebSocketRoute("/ws", talk)]
    listener = socket.create_server(("127.0.0.1", 0))
    async with start_http_server(Starlette(routes=routes, middleware=[guard]), listener):
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
    ("http://[::zz]", False),
    ("https://[", False),
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


REFUSED = [
    ({"Host": "evil.example"}, "en", "such as https://evil.example, with the port that the browser shows"),
    ({"Host": "evil.example"}, "zh", "请设置 SSHCAST_PUBLIC_URL，例如 https://evil.example（带上浏览器显示的端口）"),
    ({"Host": "<script>"}, "en", "such as https://sshcast.example.com, "),
    ({"Origin": "https://a.example:8443"}, "en", "set SSHCAST_PUBLIC_URL=https://a.example:8443 and start"),
    ({"Origin": "https://a.example:8443"}, "zh", "请设置 SSHCAST_PUBLIC_URL=https://a.example:8443 并重启服务"),
    ({"Origin": "http://127.0.0.1:1"}, "en", "set SSHCAST_PUBLIC_URL=http://127.0.0.1:1 and start"),
    ({"Origin": "http://a.example:8080"}, "en", "pass the Host header on as it came, with its port"),
    ({"Origin": "http://a.example:8080"}, "zh", "让代理原样传递 Host 头，包括端口"),
    ({"Origin": "https://<b>"}, "en", "pass the Host header on as it came"),
]


@pytest.mark.parametrize(("headers", "language", "told"), REFUSED)
async def test_a_refusal_says_what_to_set_and_repeats_nothing_but_names(
    port: int, headers: dict[str, str], language: str, told: str
) -> None:
    async with httpx2.AsyncClient(verify=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/", headers=headers | {"Accept-Language": language})
    assert answer.status_code == 403
    assert told in answer.json()["message"]
    assert "<" not in answer.json()["message"]


# Where browsers find the service; what proxies pass on as Host, "" for the service's own address; what browsers send.
SITES = [
    ("https://sshcast.example:8443", "sshcast.example:8443", "https://sshcast.example:8443", True),
    ("https://sshcast.example:8443", "sshcast.example", "https://sshcast.example:8443", True),
    ("https://sshcast.example:8443", "", "https://sshcast.example:8443", True),
    ("https://sshcast.example", "sshcast.example", "https://sshcast.example", True),
    ("https://sshcast.example", "sshcast.example:443", "https://sshcast.example", True),
    ("https://sshcast.example:443", "", "https://sshcast.example", True),
    ("https://SSHcast.Example/", "", "https://sshcast.example", True),
    ("https://[2001:DB8::1]:8443", "[2001:db8::1]:8443", "https://[2001:db8::1]:8443", True),
    ("https://[2001:db8::1]:8443", "", "https://[2001:db8::1]:8443", True),
    ("https://bücher.example", "xn--bcher-kva.example", "https://xn--bcher-kva.example", True),
    ("https://bücher.example", "", "https://xn--bcher-kva.example", True),
    (None, "localhost:443", "https://localhost", True),
    (None, "localhost:80", "http://localhost", True),
    (None, "localhost:443", "http://localhost", False),
    (None, "localhost:80", "https://localhost", False),
    (None, "", "https://sshcast.example:8443", False),
    ("https://sshcast.example:8443", "", "https://sshcast.example", False),
    ("https://sshcast.example:8443", "", "https://sshcast.example:8444", False),
    ("https://sshcast.example:8443", "", "http://sshcast.example:8443", False),
    ("https://sshcast.example:8443", "evil.example", "https://sshcast.example:8443", False),
    ("https://sshcast.example:8443", "", "https://evil.example:8443", False),
]


@pytest.mark.parametrize(("site", "host", "origin", "served"), SITES)
async def test_the_public_address_is_ours_whatever_host_a_proxy_passes_on(
    site: str | None, host: str, origin: str, served: bool
) -> None:
    guarded = HostGuard(Starlette(routes=[Route("/", hello)]), hosts=[], origins=[], site=site)
    headers = {"Origin": origin} | ({"Host": host} if host else {})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(guarded), base_url="http://127.0.0.1:8000") as client:
        answer = await client.get("/", headers=headers)
    assert answer.status_code == (200 if served else 403)


@pytest.mark.parametrize("written", ["https://Console.example.org/", "https://console.example.org:443"])
async def test_an_allowed_origin_may_be_written_as_an_address(written: str) -> None:
    guarded = HostGuard(Starlette(routes=[Route("/", hello)]), hosts=[], origins=[written])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(guarded), base_url="http://127.0.0.1") as client:
        assert (await client.get("/", headers={"Origin": "https://console.example.org"})).status_code == 200
