"""`python -m tests.support.browser.screens FOLDER [PATH …]`: pictures of the console's pages, to be looked at.

Each page at 1280 and 390 pixels, in English and Chinese, light and dark, on a service that looks like a team's; with
`dialogs` as the only path each dialog.
"""

import asyncio
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from tests.support.browser.chromium import CHROMIUM, FLAGS
from tests.support.browser.office import Office, furnish
from tests.support.browser.routes import list_routes
from tests.support.browser.states import DIALOGS, furnish_states, open_dialog, show
from tests.support.browser.visit import Visit, visiting
from tests.support.service import Running, running

WIDTHS = (1280, 390)
LANGUAGES = {"en": "en-US", "zh": "zh-CN"}
THEMES = ("light", "dark")
# How long a page may take to draw what came after its heading, in milliseconds.
SETTLE_MS = 900


async def take_all(folder: Path, paths: list[str]) -> None:
    with tempfile.TemporaryDirectory() as data:
        async with running(Path(data), drive=True) as service, async_playwright() as playwright:
            office = await furnish_states(service, await furnish(service))
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            for width, language, theme in product(WIDTHS, LANGUAGES, THEMES):
                name = f"{width}_{language}_{theme}.png"
                look = {
                    "color_scheme": theme,
                    "locale": LANGUAGES[language],
                    "viewport": {"width": width, "height": 800},
                }
                take = _take_dialogs if paths == ["dialogs"] else _take_pages
                await take(browser, service, office, paths, folder, name, look)
            await browser.close()


async def _take_pages(
    browser: Browser, service: Running, office: Office, paths: list[str], folder: Path, name: str, look: dict[str, Any]
) -> None:
    async with visiting(browser, service.url, **look) as visit:
        await visit.inside("/", "the.admin")
        for path in paths:
            await show_page(visit, office.fill_in(path))
            stem = path.strip("/").replace("/:id", "-one") or "overview"
            await visit.page.screenshot(path=folder / f"{stem}_{name}", full_page=True)


async def _take_dialogs(
    browser: Browser, service: Running, office: Office, _: list[str], folder: Path, name: str, look: dict[str, Any]
) -> None:
    async with visiting(browser, service.url, **look) as visit:
        await visit.inside("/", "the.admin")
        for title, opening in DIALOGS.items():
            await open_dialog(visit, office, opening)
            await visit.page.wait_for_timeout(SETTLE_MS)
            await visit.page.screenshot(path=folder / f"{title.replace(' ', '-')}_{name}")
            await visit.page.keyboard.press("Escape")


async def show_page(visit: Visit, address: str) -> None:
    """Open a page of the console as its own links do, and wait until it is drawn."""
    await show(visit, address)
    await visit.page.mouse.move(0, 0)  # so that nothing is pointed at
    await visit.page.wait_for_timeout(SETTLE_MS)


def main(folder: str, *paths: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    asyncio.run(take_all(Path(folder), list(paths) or [path for path, _ in list_routes()]))


if __name__ == "__main__":
    main(*sys.argv[1:])
