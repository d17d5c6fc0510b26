"""What looking at a long log costs in a browser: `python -m bench.logview [--lines N ...]`.

The same coloured lines, from the same running service, in the console's log view and in xterm.js with its search addon:
in headless Chromium, one after the other. Milliseconds until the first line and until the last line of the log is on
the screen, the page's JavaScript memory after a collection (heap, and the buffers beside it), its elements, and the
milliseconds of a search for a line at nine tenths. xterm.js comes from npm into a temporary folder; its scrollback has
room for the whole log. The log view begins with its code not loaded, xterm.js with its code loaded.
"""

import asyncio
import shutil
import subprocess
import tempfile
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from bench.report import Report, add_arguments, publish
from tests.support.browser.logs import add_log
from tests.support.browser.visit import visiting
from tests.support.service import Running, running

PACKAGES = ("@xterm/xterm@5.5.0", "@xterm/addon-search@0.15.0")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu")
COLUMNS = ("lines", "viewer", "first line ms", "last line ms", "memory MiB", "elements", "search ms")
MARK = "the line to be found"
MIB = 1024 * 1024
# Resolves once the condition holds, looked at before each frame.
OPEN_OURS = """async ([path, last]) => {
  const from = performance.now();
  const { go } = await import("/console/router.js");
  go(path);
  const frame = () => new Promise((next) => requestAnimationFrame(next));
  let first = null;
  for (;;) {
    await frame();
    const rows = document.querySelectorAll(".log-row:not(.waiting)");
    if (rows.length && first === null) first = performance.now() - from;
    if (rows.length && Number(rows[rows.length - 1].dataset.n) === last) break;
  }
  return [first, performance.now() - from];
}"""
SEARCH_OURS = """async (pattern) => {
  const from = performance.now();
  const input = document.querySelector(".log-bar input[type=search]");
  input.value = pattern;
  input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  while (!document.querySelector(".log-row.current")) await new Promise((next) => requestAnimationFrame(next));
  return performance.now() - from;
}"""
OPEN_XTERM = """async ([path, token, lines]) => {
  document.body.replaceChildren(document.createElement("div"));
  const place = document.body.firstChild;
  Object.assign(place.style, { width: "1200px", height: "600px" });
  window.term = new Terminal({
    scrollback: lines + 100, cols: 160, rows: 33, convertEol: true, allowProposedApi: true,
  });
  window.search = new SearchAddon.SearchAddon();
  term.loadAddon(search);
  term.open(place);
  const from = performance.now();
  let first = null;
  term.onRender(() => {
    if (first === null && term.buffer.active.length > 1 && term.buffer.active.getLine(0).translateToString(true)) {
      first = performance.now() - from;
    }
  });
  const answer = await fetch(path, { headers: { Authorization: `Bearer ${token}` } });
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    await new Promise((written) => term.write(value, written));
  }
  await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
  return [first, performance.now() - from];
}"""
SEARCH_XTERM = """async (pattern) => {
  const from = performance.now();
  term.scrollToTop();
  if (!search.findNext(pattern)) throw new Error("not found");
  await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
  return performance.now() - from;
}"""


@dataclass(frozen=True, slots=True)
class Log:
    """An execution's output of so many lines."""

    service: Running
    id: int
    lines: int


async def measure_ours(browser: Browser, log: Log) -> dict[str, Any]:
    async with visiting(browser, log.service.url) as visit:
        await visit.inside("/account", "the.admin")
        first, last = await visit.page.evaluate(OPEN_OURS, [f"/executions/{log.id}", log.lines])
        sizes = await measure_page(visit.page)
        found = await visit.page.evaluate(SEARCH_OURS, MARK)
    return {"viewer": "log view", "first_line_ms": first, "last_line_ms": last, **sizes, "search_ms": found}


async def measure_xterm(browser: Browser, log: Log, modules: Path) -> dict[str, Any]:
    async with visiting(browser, log.service.url, bypass_csp=True) as visit:
        await visit.open("/account")
        await visit.page.add_style_tag(path=modules / "xterm/css/xterm.css")
        await visit.page.add_script_tag(path=modules / "xterm/lib/xterm.js")
        await visit.page.add_script_tag(path=modules / "addon-search/lib/addon-search.js")
        path, token = f"/api/task/{log.id}/log?format=raw", log.service.token("admin")
        first, last = await visit.page.evaluate(OPEN_XTERM, [path, token, log.lines])
        sizes = await measure_page(visit.page)
        found = await visit.page.evaluate(SEARCH_XTERM, MARK)
        visit.complaints.clear()
    return {"viewer": "xterm.js", "first_line_ms": first, "last_line_ms": last, **sizes, "search_ms": found}


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
    async with running(folder) as service, async_playwright() as playwright:
        for lines in counts:
            log = Log(service, (await add_log(service, build_log(lines))).id, lines)
            for measure in (measure_ours, lambda browser, log: measure_xterm(browser, log, modules)):
                # A browser of its own for each: what one leaves behind is not the other's.
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
                report.add(lines=lines, **await measure(browser, log))
                await browser.close()
    report.notes.append(f"xterm.js: {', '.join(PACKAGES)}.")
    return report


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
