"""What opens on the console's pages: no serious fault by axe-core, and the keyboard goes in, stays and comes back."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser.axe import find_faults, load_axe
from tests.support.browser.office import Office, furnish
from tests.support.browser.routes import list_routes
from tests.support.browser.states import DIALOGS, FORMS, UNFOLD, furnish_states, open_dialog, show
from tests.support.browser.visit import Visit, visiting
from tests.support.npm import node_modules
from tests.support.service import Running, running

__all__ = ["node_modules"]

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

# Each language, theme and width, and each two of them once: all eight would take twice as long.
LOOKS = (("en-US", "light", 1280), ("en-US", "dark", 390), ("zh-CN", "light", 390), ("zh-CN", "dark", 1280))
OVERFLOW = "() => (({scrollWidth, clientWidth}) => scrollWidth - clientWidth)(document.querySelector('dialog'))"
FOCUS_IS_WITHIN = "() => document.querySelector('dialog').contains(document.activeElement)"
# The browser's own bar may come between the last and the first of a dialog: then nothing of the page has the focus.
FOCUS_IS_OUTSIDE = "() => document.hasFocus() && !document.activeElement.closest('dialog, body:not(:has(:focus))')"


@pytest.fixture(scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Running, Office]]:
    async with running(tmp_path_factory.mktemp("dialogs"), drive=True) as service:
        yield service, await furnish_states(service, await furnish(service))


async def enter(visit: Visit) -> None:
    await visit.inside("/", "the.admin")
    await load_axe(visit)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize(("language", "theme", "width"), LOOKS)
async def test_no_dialog_has_a_serious_fault_or_is_wider_than_the_window(
    browser: Browser, office: tuple[Running, Office], language: str, theme: str, width: int
) -> None:
    service, furniture = office
    look: dict[str, Any] = {"color_scheme": theme, "locale": language, "viewport": {"width": width, "height": 800}}
    faults: dict[str, Any] = {}
    async with visiting(browser, service.url, reduced_motion="reduce", **look) as visit:
        await enter(visit)
        for name, opening in DIALOGS.items():
            await open_dialog(visit, furniture, opening)
            faults[name] = await find_faults(visit)
            wide = await visit.page.evaluate(OVERFLOW)
            assert wide <= 0, f"{name}: what it holds is {wide} pixels wider than the dialog"
            await visit.page.keyboard.press("Escape")
            await expect(visit.find("dialog")).to_have_count(0)
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize(("language", "theme", "width"), LOOKS)
async def test_no_page_that_is_unfolded_has_a_serious_fault_or_is_wider_than_the_window(
    browser: Browser, office: tuple[Running, Office], language: str, theme: str, width: int
) -> None:
    service, furniture = office
    look: dict[str, Any] = {"color_scheme": theme, "locale": language, "viewport": {"width": width, "height": 800}}
    faults: dict[str, Any] = {}
    async with visiting(browser, service.url, reduced_motion="reduce", **look) as visit:
        await enter(visit)
        for path in (*(path for path, _ in list_routes()), *FORMS):
            await show(visit, furniture.fill_in(path))
            await visit.page.evaluate(UNFOLD)
            faults[path] = await find_faults(visit)
            wide = await visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} pixels wider than the window"
    assert {path: found for path, found in faults.items() if found} == {}


@pytest.mark.timeout(300)
async def test_the_keyboard_stays_in_a_dialog_and_comes_back_to_what_opened_it(
    browser: Browser, office: tuple[Running, Office]
) -> None:
    service, furniture = office
    async with visiting(browser, service.url) as visit:
        await visit.inside("/", "the.admin")
        for name, opening in DIALOGS.items():
            opener = await open_dialog(visit, furniture, opening)
            await visit.page.wait_for_function(FOCUS_IS_WITHIN)
            for _ in range(12):
                await visit.page.keyboard.press("Tab")
                assert not await visit.page.evaluate(FOCUS_IS_OUTSIDE), name
            await visit.page.keyboard.press("Escape")
            await expect(visit.find("dialog"), name).to_have_count(0)
            await expect(opener, name).to_be_focused()


async def test_each_dialog_has_a_button_that_closes_it(browser: Browser, office: tuple[Running, Office]) -> None:
    """A telephone has no Escape key."""
    service, furniture = office
    async with visiting(browser, service.url, locale="zh-CN", viewport={"width": 390, "height": 800}) as visit:
        await visit.inside("/", "the.admin")
        for name, opening in DIALOGS.items():
            opener = await open_dialog(visit, furniture, opening)
            await visit.page.get_by_role("dialog").get_by_role("button", name="关闭").click()
            await expect(visit.find("dialog"), name).to_have_count(0)
            await expect(opener, name).to_be_focused()
