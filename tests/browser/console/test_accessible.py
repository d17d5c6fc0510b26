"""Every page of the console by axe-core, in both languages, themes and widths: no serious fault."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser.axe import find_faults, load_axe
from tests.support.browser.office import Office, furnish
from tests.support.browser.routes import list_routes
from tests.support.browser.visit import visiting
from tests.support.npm import node_modules
from tests.support.service import Running, running

__all__ = ["node_modules"]

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.usefixtures("node_modules")]

LANGUAGES = {"en": "en-US", "zh": "zh-CN"}
# On a busy machine the overview, which reads a day of runs, may take a while.
PAGE_MS = 30_000


@pytest.fixture(scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Running, Office]]:
    async with running(tmp_path_factory.mktemp("office"), drive=True) as service:
        yield service, await furnish(service)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_page_has_a_serious_fault(
    browser: Browser, office: tuple[Running, Office], language: str, theme: str, width: int
) -> None:
    service, furniture = office
    look: dict[str, Any] = {
        "color_scheme": theme,
        "locale": LANGUAGES[language],
        "viewport": {"width": width, "height": 800},
    }
    faults: dict[str, Any] = {}
    async with visiting(browser, service.url, reduced_motion="reduce", **look) as visit:
        await visit.open("/")
        await load_axe(visit)
        faults["sign-in"] = await find_faults(visit)
        await visit.sign_in("the.admin")
        await expect(visit.find("main h2").first).to_be_visible(timeout=PAGE_MS)
        for path, _ in list_routes():
            address = furniture.fill_in(path)
            await visit.page.evaluate("(address) => import('/console/router.js').then(({go}) => go(address))", address)
            await expect(visit.find("main h2").first).to_be_visible(timeout=PAGE_MS)
            assert await visit.find("main > .page > .error:not(:empty)").count() == 0, address
            faults[address] = await find_faults(visit)
            wide = await visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{address} is {wide} pixels wider than the window"
    assert {address: found for address, found in faults.items() if found} == {}


async def test_no_page_weakens_the_policy(office: tuple[Running, Office]) -> None:
    service, furniture = office
    for path, _ in list_routes():
        answer = await service.http.get(furniture.fill_in(path), headers={"Accept": "text/html"})
        assert answer.status_code == 200, path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-" not in policy
        assert "http" not in policy
