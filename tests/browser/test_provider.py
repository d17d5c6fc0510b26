"""Signing in with an identity provider, in a real browser: there, back, in; and what is told to who is not let in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.oidc.real import Real, from_pypi
from tests.support.ports import free_port
from tests.support.service import running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

REFUSED = "None of your groups has a role here: ask an admin."


@asynccontextmanager
async def visiting(browser: Browser, folder: Path) -> AsyncIterator[tuple[Page, Real, str]]:
    """A page with an empty profile, which complains of nothing; the provider; the service's address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    names: dict[str, Any] = {"port": port, "public_url": url, "oidc_name": "Example", "oidc_role_map": "ops=operator"}
    async with from_pypi(folder) as real, running(folder, **names | real.settings):
        context = await browser.new_context(locale="en-US")
        page = await context.new_page()
        complaints: list[str] = []
        page.on(
            "console", lambda message: complaints.append(f"{message.location['url']} {message.type} {message.text}")
        )
        page.on("pageerror", lambda error: complaints.append(f"{page.url} {error}"))
        try:
            yield page, real, url
            assert [each for each in complaints if each.startswith(url)] == []
        finally:
            await context.close()


async def sign_in(page: Page, subject: str) -> None:
    await page.click("#sign-in-elsewhere")
    await page.fill("input[name=sub]", subject)
    await page.press("input[name=sub]", "Enter")


async def test_a_person_goes_there_and_comes_back_signed_in(browser: Browser, tmp_path: Path) -> None:
    async with visiting(browser, tmp_path) as (page, real, url):
        await real.tell("ada", preferred_username="ada", groups=["ops"])
        addresses: list[str] = []
        page.on("request", lambda request: addresses.append(request.url))
        await page.goto(f"{url}/graphql")
        await expect(page.locator("#sign-in-elsewhere")).to_have_text("Sign in with Example")
        await sign_in(page, "ada")
        await expect(page.locator("#who")).to_have_text("ada · operator")
        assert page.url == f"{url}/graphql"
        kept = await page.evaluate("sessionStorage.getItem('sshcast.session') + '\\n' + document.cookie")
        tokens = [word for word in kept.split('"') if word.count(".") == 2]
        assert len(tokens) == 1
        assert not [address for address in addresses if any(token in address for token in tokens)]
        cookies = [cookie for cookie in await page.context.cookies() if cookie["name"].startswith("sshcast")]
        assert [(cookie["path"], cookie["httpOnly"]) for cookie in cookies] == [("/api/auth/refresh", True)]


async def test_who_is_not_let_in_reads_why_in_their_language(browser: Browser, tmp_path: Path) -> None:
    async with visiting(browser, tmp_path) as (page, real, url):
        await real.tell("eve", preferred_username="eve", groups=["others"])
        await page.goto(f"{url}/graphql")
        await sign_in(page, "eve")
        await expect(page.locator("#sign-in-error")).to_have_text(REFUSED)
        await expect(page.locator("#work")).to_be_hidden()
        assert page.url == f"{url}/graphql"
        await page.click("#language")
        await expect(page.locator("#sign-in-error")).to_have_text("您所在的组在此没有任何角色，请联系管理员。")
        await expect(page.locator("#sign-in-elsewhere")).to_have_text("使用 Example 登录")
        await page.goto(f"{url}/graphql#refused=<b>anything</b>")
        await expect(page.locator("#sign-in-error")).to_have_text("登录失败，请重试。")
