"""What is at `/` and at the addresses that people type for the playground, as `sshcast serve` puts it together."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from sshcast.console_routes import APP, PAGES, list_files
from tests.support.browser.routes import list_routes
from tests.support.service import Running, running

pytestmark = pytest.mark.anyio

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("landing")) as found:
        yield found


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_top_shows_browsers_the_console(service: Running, method: str) -> None:
    answer = await service.http.request(method, "/", headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    if method == "GET":
        assert "/console/main.js" in answer.text


async def test_the_top_tells_others_where_everything_is(service: Running) -> None:
    answer = await service.http.get("/", headers={"Accept": "*/*"})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert "playground: /graphql" in answer.text
    assert "/healthz" in answer.text


@pytest.mark.parametrize("path", PAGES)
async def test_each_page_is_the_console(service: Running, path: str) -> None:
    answer = await service.http.get(path.replace("{id}", "7"), headers=BROWSER)
    assert (answer.status_code, "/console/main.js" in answer.text) == (200, True)


async def test_each_file_of_the_console_is_there_and_nothing_beside_them(service: Running) -> None:
    for file in list_files():
        assert (await service.http.get(f"/console/{file.relative_to(APP)}")).content == file.read_bytes()
    for path in ("../playground.html", "..%2Fplayground.html", "%2e%2e/playground.html", "", "pages", "none.js"):
        answer = await service.http.get(f"/console/{path}")
        assert answer.status_code == 404, path


def test_the_pages_of_the_service_are_those_of_the_router() -> None:
    routes = list_routes()
    assert [re.sub(r":(\w+)", r"{\1}", path) for path, _ in routes] == list(PAGES)
    for _, module in re.findall(r'^  \[(?:TOP|"(/[^"]*)"), "(\w+)"', (APP / "router.js").read_text(), re.MULTILINE):
        assert (APP / "pages" / f"{module}.js").is_file(), module


@pytest.mark.parametrize("path", ["/playground", "/playground/", "/graphql/"])
async def test_what_people_type_for_it_leads_there_too_with_its_query(service: Running, path: str) -> None:
    answer = await service.http.get(f"{path}?plain", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/graphql?plain")


@pytest.mark.parametrize("path", ["//evil.example", "/%5Cevil.example", "/playground/%2F%2Fevil.example"])
async def test_no_address_leads_to_another_host(service: Running, path: str) -> None:
    async with httpx2.AsyncClient(base_url=service.url, verify=False, trust_env=False) as client:
        answer = await client.get(service.url + path, headers=BROWSER)
    assert answer.status_code == 404


async def test_a_program_that_wants_json_is_told_what_is_where(service: Running) -> None:
    answer = await service.http.get("/", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (200, 200)
    assert answer.json()["data"]["playground"] == answer.json()["data"]["graphql"] == "/graphql"
    for path in (answer.json()["data"]["health"], answer.json()["data"]["ready"]):
        assert (await service.http.get(path)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_program_at_graphql_with_a_slash_is_told_the_address(service: Running, method: str) -> None:
    answer = await service.http.request(method, "/graphql/", json={"query": "{ me { id } }"})
    assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND")
    assert "GraphQL is at /graphql." in answer.json()["message"]


async def test_there_is_an_icon_for_answers_that_a_browser_shows_as_they_are(service: Running) -> None:
    answer = await service.http.get("/favicon.ico")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.text.startswith("<svg")


async def test_without_the_playground_the_top_says_so_in_the_caller_s_language(tmp_path: Path) -> None:
    async with running(tmp_path, playground=False) as service:
        answer = await service.http.get("/", headers=BROWSER)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert "playground: switched off (SSHCAST_PLAYGROUND)" in answer.text
        assert "GraphQL: POST /graphql" in answer.text
        chinese = await service.http.get("/", headers={"Accept-Language": "zh-CN"})
        assert "操作台: 已关闭 (SSHCAST_PLAYGROUND)" in chinese.text
        assert (await service.http.get("/playground", headers=BROWSER)).status_code == 404
