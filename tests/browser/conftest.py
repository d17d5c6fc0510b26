"""What the browser tests share: Chromium, a running service with a runner and a demo SSH server, and visitors."""

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright, expect

from sshcast import page, web
from tests.support.browser.chromium import CHROMIUM, FLAGS
from tests.support.browser.visit import Visit, visiting
from tests.support.service import Running, running

expect.set_options(timeout=20_000)  # on a busy machine a page takes longer than Playwright's 5 s


@pytest.fixture(scope="package")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield found
        await found.close()


@pytest.fixture(scope="package")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("browser"), drive=True) as found:
        yield found


@pytest.fixture(scope="package")
def graphiql() -> None:
    """GraphiQL is where `sshcast web fetch` puts it."""
    if shutil.which("npm") is None and not page.GRAPHIQL.is_dir():
        pytest.skip("no npm on this machine")
    web.fetch()


@pytest.fixture
async def visit(browser: Browser, service: Running) -> AsyncIterator[Visit]:
    async with visiting(browser, service.url) as found:
        yield found
