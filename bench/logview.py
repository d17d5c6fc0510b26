"""What looking at a long log costs in a browser: `python -m bench.logview [--lines N ...]`.

The same coloured lines, from the same running service, in the console's log view and in xterm.js with its search addon:
in headless Chromium, one after the other. Milliseconds until the first line and until the last line of the log is on
the screen, in a page that has loaded the viewer's code and since the navigation to a page that loads it again (the
median of several; the browser asks whether its xterm.js is current, and has ours for good), the page's JavaScript
memory after a collection (heap, and the buffers beside it), its elements, and the milliseconds of a search for a line
at nine tenths. xterm.js comes from npm into a temporary folder, its page from the service's own process; its
scrollback has room for the whole log. It is given the token; the console also signs in, and shows the execution's
facts.
"""

import asyncio
import json
import shutil
import socket
import subprocess
import tempfile
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from playwright.async_api import Browser, Page, async_playwright

from bench import logview_pages as pages
from bench.report import Report, add_arguments, publish
from sshcast.http.listener import start_http_server
from sshcast.http_app import build_app
from tests.support.browser.logs import add_log
from tests.support.browser.visit import Visit
from tests.support.service import Running, running

PACKAGES = ("@xterm/xterm@5.5.0", "@xterm/addon-search@0.15.0")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu")
COLUMNS = (
    "lines",
    "viewer",
    "first line ms",
    "last line ms",
    "first line since navigation ms",
    "last line since navigation ms",
    "memory MiB",
    "elements",
    "search ms",
)
MARK = "the line to be found"
WARM_LINES = 5_000
NAVIGATIONS = 5
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Log:
    """An execution's output of so many lines. `xterm_url`: where the same process serves the page with xterm.js."""

    service: Running
    xterm_url: str
    id: int
    lines: int


@asynccontextmanager
async def looking(browser: Browser, url: str) -> AsyncIterator[Visit]:
    """A page whose requests nothing intercepts: that would cost time each, and switch its browser's cache off."""
    context = await browser.new_context(locale="en-US", viewport={"width": 1280, "height": 760})
    yield Visit(await context.new_page(), url)
    await context.close()


async def measure_ours(browser: Browser, log: Log) -> dict[str, Any]:
    async with looking(browser, log.service.url) as visit:
        await visit.page.context.add_init_script(pages.WATCH_OURS)
        await visit.inside("/account", "the.admin")
        await visit.page.evaluate("(last) => sessionStorage.setItem('bench.last', last)", str(log.lines))
        navigated = await navigate(visit, [f"/executions/{log.id}"] * NAVIGATIONS)
        await visit.open("/account")
        await visit.page.wait_for_load_state("networkidle")
        opened = await visit.page.evaluate(pages.OPEN_OURS, [f"/executions/{log.id}", log.lines])
        sizes = await measure_page(visit.page)
        found = await visit.page.evaluate(pages.SEARCH_OURS, MARK)
    return build_row("log view", opened, navigated) | sizes | {"search_ms": found}


async def measure_xterm(browser: Browser, log: Log) -> dict[str, Any]:
    given = [f"/api/task/{log.id}/log?format=raw", log.service.token("admin"), log.lines]
    async with looking(browser, log.xterm_url) as visit:
        await visit.open("/xterm")
        addresses = [f"/xterm?{number}#{quote(json.dumps(given))}" for number in range(NAVIGATIONS)]
        navigated = await navigate(visit, addresses)
        await visit.open("/xterm")
        opened = await visit.page.evaluate(pages.OPEN_XTERM, given)
        sizes = await measure_page(visit.page)
        found = await visit.page.evaluate(pages.SEARCH_XTERM, MARK)
    return build_row("xterm.js", opened, navigated) | sizes | {"search_ms": found}


async def navigate(visit: Visit, addresses: Sequence[str]) -> list[float]:
    """Open each of these; return the medians of the milliseconds until the first and until the last line."""
    found = []
    for address in addresses:
        await visit.open(address)
        found.append(await visit.page.evaluate("window.opened"))
    return [median(times) for times in zip(*found, strict=True)]


def build_row(viewer: str, opened: Sequence[float], navigated: Sequence[float]) -> dict[str, Any]:
    """The pairs are [first line, last line]: in a page whose code is loaded, and since the navigation to the page."""
    names = ("first_line_ms", "last_line_ms", "first_line_since_navigation_ms", "last_line_since_navigation_ms")
    return {"viewer": viewer} | dict(zip(names, (*opened, *navigated), strict=True))


async def measure_page(page: Page) -> dict[str, Any]:
    """What the page holds once all garbage is collected."""
    session = await page.context.new_cdp_session(page)
    for _ in range(2):
        await session.send("HeapProfiler.collectGarbage")
    usage = await session.send("Runtime.getHeapUsage")
    held = usage["usedSize"] + usage.get("backingStorageSize", 0)
    return {"memory_mib": held / MIB, "elements": await page.evaluate("document.querySelectorAll('*').length")}


def build_log(lines: int) -> bytes:
    """Coloured lines of some 90 bytes."""
    mark = lines * 9 // 10
    return b"".join(
        b"\x1b[2m12:00:%02d\x1b[0m \x1b[%dm%-5b\x1b[0m request %09d took %d ms%b\n"
        % (n % 60, 31 + n % 6, (b"INFO", b"WARN", b"ERROR")[n % 3], n, n % 997, MARK.encode() if n == mark else b"")
        for n in range(1, lines + 1)
    )


def install_xterm(folder: Path) -> Path:
    command = ["npm", "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", *PACKAGES]
    subprocess.run([*command, "--loglevel=error"], check=True)
    return folder / "node_modules" / "@xterm"


async def report_on(counts: list[int], modules: Path, folder: Path) -> Report:
    report = Report("Looking at a long log in Chromium", COLUMNS)
    async with running(folder) as service, serving_xterm(service, modules) as url, async_playwright() as playwright:
        # The first is not told: it has the service load and compile what it needs for either viewer.
        for lines in (WARM_LINES, *counts):
            log = Log(service, url, (await add_log(service, build_log(lines))).id, lines)
            for measure in (measure_ours, measure_xterm):
                # A browser of its own for each: what one leaves behind is not the other's.
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
                row = await measure(browser, log)
                if lines != WARM_LINES:
                    report.add(lines=lines, **row)
                await browser.close()
    report.notes.append(f"xterm.js: {', '.join(PACKAGES)}.")
    return report


@asynccontextmanager
async def serving_xterm(service: Running, modules: Path) -> AsyncIterator[str]:
    """The same service at another address, with the page that shows a log in xterm.js."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = pages.add_xterm(build_app(service.service, service.settings), modules)
    async with start_http_server(app, listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def main() -> None:
    parser = ArgumentParser(prog="python -m bench.logview", description=__doc__)
    parser.add_argument("--lines", type=int, nargs="+", default=[200_000, 1_000_000], help="how long the logs are")
    add_arguments(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        modules = install_xterm(Path(folder) / "npm")
        publish(given, await report_on(given.lines, modules, Path(folder) / "data"))


if __name__ == "__main__":
    asyncio.run(main())
