"""What a browser asks the service for when a page of the console is opened: at first, again, and after a change."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser.logs import add_log
from tests.support.browser.visit import Visit
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

# What came over the network: the browser's cache gives 0 bytes.
SENT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter(({transferSize}) => transferSize > 0).map(({name}) => new URL(name).pathname)"""
LOADED = "() => performance.getEntriesByType('resource').map(({name}) => new URL(name).pathname)"


@asynccontextmanager
async def opening(browser: Browser, url: str) -> AsyncIterator[Visit]:
    """A page whose requests nothing intercepts: that would switch the browser's cache off."""
    context = await browser.new_context(locale="en-US")
    yield Visit(await context.new_page(), url)
    await context.close()


async def list_sent(page: Page) -> list[str]:
    found: list[str] = await page.evaluate(SENT)
    return found


async def test_who_comes_back_asks_for_the_page_and_its_data_and_for_no_script(
    browser: Browser, service: Running
) -> None:
    log = await add_log(service, b"a line\n")
    async with opening(browser, service.url) as visit:
        await visit.inside("/account", "the.admin")
        assert len([path for path in await list_sent(visit.page) if path.startswith("/assets/")]) > 40
        await visit.open(f"/executions/{log.id}")
        await expect(visit.find(".log-row").first).to_be_visible()
        sent = await list_sent(visit.page)
    assert [path for path in sent if path.startswith(("/assets/", "/console/", "/playground/"))] == []
    assert sent[0] == f"/executions/{log.id}"
    assert len(sent) <= 6, sent  # the page, whether there is an identity provider, and the log with its facts, twice


async def test_each_script_is_loaded_once_by_one_address(browser: Browser, service: Running) -> None:
    async with opening(browser, service.url) as visit:
        await visit.inside("/executions", "the.admin")
        await expect(visit.find("main h2").first).to_be_visible()
        await visit.page.evaluate("import('/console/router.js').then(({go}) => go('/servers'))")
        await expect(visit.find("main h2").first).to_have_text("Servers")
        loaded = await visit.page.evaluate(LOADED)
    scripts = [path for path in loaded if path.endswith(".js")]
    assert [path for path in scripts if not path.startswith("/assets/")] == []
    assert len(scripts) == len(set(scripts))


async def test_a_tab_that_is_alone_signs_in_by_the_cookie_without_waiting_for_other_tabs(
    browser: Browser, service: Running
) -> None:
    async with opening(browser, service.url) as visit:
        await visit.inside("/account", "the.admin")
        context = visit.page.context
        await context.new_page()  # so that the browser stays open
        await visit.page.close()
        page = await context.new_page()
        await page.add_init_script("""
          window.asked = 0;
          const post = BroadcastChannel.prototype.postMessage;
          BroadcastChannel.prototype.postMessage = function (message) {
            if (message.kind === "ask") window.asked += 1;
            post.call(this, message);
          };""")
        await page.goto(f"{service.url}/account")
        await expect(page.locator("main h2").first).to_be_visible()
        assert await page.evaluate("window.asked") == 0
        second = await context.new_page()  # the first has a session to give
        await second.goto(f"{service.url}/account")
        await expect(second.locator("main h2").first).to_be_visible()
        assert await second.evaluate("JSON.parse(sessionStorage.getItem('sshcast.session')).access_token") == (
            await page.evaluate("JSON.parse(sessionStorage.getItem('sshcast.session')).access_token")
        )
