"""Behind a real nginx with TLS on a port of its own: SSHCAST_PUBLIC_URL is enough, and without it the page says so."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Browser, expect

from tests.support.browser.proxy import HOST_HEADERS, NAME, nginx, trusting_all
from tests.support.browser.runs import started
from tests.support.browser.visit import Visit, visiting
from tests.support.ports import free_port
from tests.support.service import Running, running

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.usefixtures("graphiql")]

EVENTS = "subscription { executionOutput(executionId: %s) { ... on OutputChunk { text } ... on OutputEnd { state } } }"
NO_SCRIPTS = "add_header Content-Security-Policy \"script-src 'none'\";"


@dataclass(frozen=True, slots=True)
class Site:
    """A service and the port at which nginx is to make it https://sshcast.example."""

    service: Running
    port: int

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}"


@pytest.fixture(scope="module")
async def known(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """Set up with SSHCAST_PUBLIC_URL and nothing else."""
    port = free_port()
    async with running(tmp_path_factory.mktemp("known"), drive=True, public_url=f"https://{NAME}:{port}") as service:
        yield Site(service, port)


@pytest.fixture(scope="module")
async def unknown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """Set up with nothing at all, or with the name alone, as each test says by `allowed_hosts`."""
    async with running(tmp_path_factory.mktemp("unknown"), allowed_hosts=[NAME]) as service:
        yield Site(service, free_port())


async def open_page(visit: Visit, path: str) -> None:
    await visit.open(path)
    await visit.sign_in()
    await expect(visit.find("#work")).to_be_visible()


@pytest.mark.parametrize("passed", HOST_HEADERS)
async def test_the_public_url_alone_makes_the_playground_work(
    browser: Browser, known: Site, tmp_path: Path, passed: str
) -> None:
    id = await started(known.service, "echo through the proxy", wait=10)
    proxy = nginx(tmp_path / "nginx", port=known.port, target=known.service.url, host=HOST_HEADERS[passed])
    async with proxy, visiting(browser, known.url, ignore_https_errors=True) as visit:
        await visit.open("/")
        await expect(visit.find("#sign-in")).to_be_visible()
        await open_page(visit, "/graphql")
        await visit.run("70_watch_output", executionId=id)  # a WebSocket, by wss
        await visit.status("ended")
        await expect(visit.find("#output .stdout")).to_have_text("through the proxy\n")
        await visit.open("/graphql?graphiql")
        await expect(visit.find(".graphiql-tab").first).to_be_visible(timeout=20_000)


@pytest.mark.parametrize("passed", HOST_HEADERS)
async def test_streams_and_sign_in_links_work_there_too(
    browser: Browser, known: Site, tmp_path: Path, passed: str
) -> None:
    id = await started(known.service, "echo through the proxy", wait=10)
    headers = {"Origin": known.url, "Host": f"{NAME}:{known.port}", "Accept": "text/event-stream"}
    code = known.service.service.links.issue(known.service.users["admin"].id)
    proxy = nginx(tmp_path / "nginx", port=known.port, target=known.service.url, host=HOST_HEADERS[passed])
    async with proxy, visiting(browser, known.url, ignore_https_errors=True) as visit:
        async with httpx2.AsyncClient(verify=trusting_all(), trust_env=False) as client:
            answer = await client.post(
                f"https://127.0.0.1:{known.port}/graphql",
                json={"query": EVENTS % id},
                headers=headers | known.service.as_user("operator"),
            )
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "through the proxy" in answer.text
        await visit.open(f"/graphql#code={code}")
        await expect(visit.find("#who")).to_have_text("the.admin · admin")


@pytest.mark.parametrize("path", ["/graphql?graphiql", "/graphql"])
@pytest.mark.parametrize("passed", ["without a port", "the upstream"])
async def test_without_it_the_page_says_what_refused_its_script_and_what_to_set(
    browser: Browser, unknown: Site, tmp_path: Path, passed: str, path: str
) -> None:
    proxy = nginx(tmp_path / "nginx", port=unknown.port, target=unknown.service.url, host=HOST_HEADERS[passed])
    async with proxy, visiting(browser, unknown.url, ignore_https_errors=True) as visit:
        await visit.open(path)
        await expect(visit.find("#starting")).to_contain_text("The playground did not start")
        await expect(visit.find("#starting")).to_contain_text(f"set SSHCAST_PUBLIC_URL={unknown.url}")
        await expect(visit.find("#sign-in")).to_be_hidden()
        visit.complaints.clear()  # the browser tells of the 403


async def test_a_chinese_browser_reads_it_in_chinese(browser: Browser, unknown: Site, tmp_path: Path) -> None:
    proxy = nginx(tmp_path / "nginx", port=unknown.port, target=unknown.service.url, host="$host")
    async with proxy, visiting(browser, unknown.url, locale="zh-CN", ignore_https_errors=True) as visit:
        await visit.open()
        await expect(visit.find("#starting")).to_contain_text(f"请设置 SSHCAST_PUBLIC_URL={unknown.url}")
        visit.complaints.clear()


async def test_a_port_in_the_host_needs_no_setting_where_the_name_is_allowed(
    browser: Browser, unknown: Site, tmp_path: Path
) -> None:
    proxy = nginx(tmp_path / "nginx", port=unknown.port, target=unknown.service.url, host="$http_host")
    async with proxy, visiting(browser, unknown.url, ignore_https_errors=True) as visit:
        await open_page(visit, "/graphql")


async def test_where_no_script_at_all_may_run_the_page_still_says_what_to_look_at(
    browser: Browser, known: Site, tmp_path: Path
) -> None:
    proxy = nginx(tmp_path / "nginx", port=known.port, target=known.service.url, host="$host", more=NO_SCRIPTS)
    async with proxy, visiting(browser, known.url, ignore_https_errors=True) as visit:
        await visit.open()
        await expect(visit.find("#starting-why")).to_contain_text("SSHCAST_PUBLIC_URL")
        await expect(visit.find("#starting")).to_be_visible()
        visit.complaints.clear()
        await visit.page.evaluate("window.refusals = []")
