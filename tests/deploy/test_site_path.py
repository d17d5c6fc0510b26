"""A service under a path of its site, behind a real nginx that takes the path off, and behind one that does not."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.asyncio.client import connect

from sshcast.http_app import build_app
from sshcast.settings import Settings, SettingsInvalid
from tests.support.browser.proxy import trusting_all
from tests.support.rest import PASSWORD, opened
from tests.support.service import PROTOCOL, Running, running
from tests.support.site_path import BASE, FORMS, under_a_path

pytestmark = pytest.mark.anyio

CONSOLE = Path(__file__).parent.parent.parent / "sshcast" / "console"
ADDRESS = re.compile(r"(?:[\"'`(]|location\.\w+})/(?![/*>])([a-z][a-z._-]*)[/\"'`?#$)]")


@pytest.fixture(params=FORMS)
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Running, str]]:
    async with under_a_path(tmp_path, request.param) as made:
        yield made


def client_of(url: str) -> httpx2.AsyncClient:
    there = urlsplit(url)
    headers = {"Host": there.netloc, "Accept-Language": "en"}
    local = f"https://127.0.0.1:{there.port}{there.path}"
    return httpx2.AsyncClient(base_url=local, headers=headers, verify=trusting_all(), trust_env=False)


async def test_every_face_is_there_and_names_its_addresses_with_the_path(site: tuple[Running, str]) -> None:
    service, url = site
    async with client_of(url) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/openapi.json")).json()["servers"] == [{"url": f"{BASE}/"}]
        links = (await client.get("/", headers={"Accept": "application/json"})).json()["data"]
        assert {link.startswith(f"{BASE}/") for link in links.values()} == {True}
        text = (await client.get("/", headers={"Accept": "text/plain"})).text
        assert f"GraphQL: POST {BASE}/graphql\n" in text
        assert f"{BASE}/healthz, {BASE}/readyz" in text
        led = await client.get("/graphql/", headers={"Accept": "text/html"})
        assert (led.status_code, led.headers["location"]) == (303, f"{BASE}/graphql")
        assert (await client.get("/nowhere")).status_code == 404
        ranged = await client.get("/api/tasks", headers=service.as_user("viewer"))
        assert ranged.status_code == 200


async def test_the_cookie_goes_to_the_path_and_comes_back(site: tuple[Running, str]) -> None:
    _, url = site
    login = {"username": "the.viewer", "password": PASSWORD, "keep": "cookie"}
    async with client_of(url) as client:
        answer = await client.post("/api/auth/login", json=login)
        cookie = answer.headers["set-cookie"]
        assert f"Path={BASE}/api/auth/refresh;" in cookie
        pair = cookie.partition(";")[0]
        assert (await client.post("/api/auth/refresh", json={}, headers={"Cookie": pair})).status_code == 200


async def test_subscriptions_work_there(site: tuple[Running, str]) -> None:
    service, url = site
    there = urlsplit(url)
    address = f"wss://{there.netloc}{BASE}/graphql"
    async with connect(
        address, host="127.0.0.1", port=there.port, ssl=trusting_all(), subprotocols=[PROTOCOL], proxy=None
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": service.as_user("viewer")}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"


async def test_at_the_path_without_a_slash_the_service_leads_to_its_top(tmp_path: Path) -> None:
    async with running(tmp_path, public_url="http://localhost/sshcast") as service:
        answer = await service.http.get("/sshcast")
        assert (answer.status_code, answer.headers["location"]) == (308, "/sshcast/")
        assert (await service.http.get("/sshcastle")).status_code == 404


async def test_a_path_that_is_one_of_the_services_own_is_refused(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", public_url="https://sshcast.example/tasks/x")
    async with opened(tmp_path) as service:
        with pytest.raises(SettingsInvalid, match="its path begins like an address of the service's own, /tasks"):
            build_app(service, settings)


def test_no_script_has_an_address_that_would_be_left_without_the_path() -> None:
    """A new first part of an address is a route's, or it is no address."""
    known = set(HEADS.split())
    found = {
        (path.name, match[1])
        for path in CONSOLE.rglob("*")
        if path.suffix in (".js", ".html", ".css") and "graphiql" not in path.parts
        for match in ADDRESS.finditer(path.read_text())
    }
    assert {head for _, head in found} - known == {"proc", "sshcast"}


HEADS = """api assets auth account audit console events executions fleet-runs graphql playground policies schedule
secrets servers tasks users"""
