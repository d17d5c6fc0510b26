"""A command line signs in through a real browser: the question, the provider, and back to the loop-back address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from playwright.async_api import Browser, Page, expect

from sshcast.remote.browser_sign_in import BrowserSignIn, BrowserSignInFailed, BrowserTokens
from tests.support.oidc.command_line import CommandLine
from tests.support.oidc.real import Real, from_pypi
from tests.support.ports import free_port
from tests.support.service import running
from tests.support.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


@asynccontextmanager
async def visiting(browser: Browser, folder: Path, **options: Any) -> AsyncIterator[tuple[Page, Real, str]]:
    """A page with an empty profile, which complains of nothing; the provider; the service's address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    names: dict[str, Any] = {"port": port, "public_url": url, "oidc_role_map": "ops=operator"}
    async with from_pypi(folder) as real, running(folder, **names | real.settings):
        context = await browser.new_context(**{"locale": "en-US"} | options)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(f"{message.location['url']} {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"{page.url} {error}"))
        try:
            yield page, real, url
            assert [each for each in complaints if each.startswith(url) and "status of 403" not in each] == []
        finally:
            await context.close()


def post(address: str, body: dict[str, str]) -> dict[str, Any]:
    answer = httpx2.post(address, json=body, trust_env=False, verify=False)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


async def begin(url: str) -> tuple["asyncio.Task[BrowserTokens]", str]:
    """The command line, which waits, and the page that it would open."""
    pages: list[str] = []
    lines: list[str] = []
    sign_in = BrowserSignIn(url=url, post=post, say=lines.append, open_page=pages.append, seconds=60)
    waiting = asyncio.create_task(asyncio.to_thread(sign_in.sign_in))
    await until(lambda: pages)
    return waiting, pages[0]


async def test_a_person_continues_and_the_command_line_is_signed_in(browser: Browser, tmp_path: Path) -> None:
    async with visiting(browser, tmp_path) as (page, real, url):
        await real.tell("ada", preferred_username="ada", groups=["ops"])
        waiting, address = await begin(url)
        addresses: list[str] = []
        page.on("request", lambda request: addresses.append(request.url))
        await page.goto(address)
        await expect(page.locator("h1")).to_have_text("Sign in a command line?")
        await expect(page.locator("body")).to_contain_text(f"sshcast at {url.removeprefix('http://')} as you")
        assert await page.evaluate("getComputedStyle(document.querySelector('form')).display") == "flex"
        await page.click("button")
        await page.fill("input[name=sub]", "ada")
        await page.press("input[name=sub]", "Enter")
        await expect(page.locator("body")).to_contain_text("You may close this window")
        found = await waiting
        assert (found.username, found.role) == ("ada", "operator")
        assert not [each for each in addresses if found.access_token in each or found.refresh_token in each]
        kept = [cookie["name"] for cookie in await page.context.cookies() if cookie["name"].startswith("sshcast")]
        assert kept == ["sshcast_cli"], "the browser itself is not signed in"


async def test_a_person_cancels_in_their_language_without_scripts(browser: Browser, tmp_path: Path) -> None:
    async with visiting(browser, tmp_path, locale="zh-CN", java_script_enabled=False) as (page, _, url):
        waiting, address = await begin(url)
        await page.goto(address)
        await expect(page.locator("h1")).to_have_text("允许命令行登录？")
        await page.click("text=取消")
        await expect(page.locator("body")).to_contain_text("未能登录")
        with pytest.raises(BrowserSignInFailed, match="cancelled"):
            await waiting


async def test_a_form_of_another_site_begins_nothing(browser: Browser, tmp_path: Path) -> None:
    """It has the fields of a question that its author was shown, and the person's browser the cookie of another."""
    async with visiting(browser, tmp_path) as (page, _, url):
        await page.goto(f"{url}/auth/cli/start?{urlencode(CommandLine().query)}")
        form = await page.evaluate("document.querySelector('form').outerHTML")
        hostile = form.replace('action="start"', f'action="{url}/auth/cli/start"')

        async def serve(route: Any) -> None:
            await route.fulfill(body=hostile, content_type="text/html")

        await page.route("http://elsewhere.example/**", serve)
        await page.goto("http://elsewhere.example/")
        async with page.expect_response(f"{url}/auth/cli/start") as answered:
            await page.click("button")
        assert (await answered.value).status == 403
        assert not [cookie for cookie in await page.context.cookies() if cookie["name"] == "sshcast_oidc"]
