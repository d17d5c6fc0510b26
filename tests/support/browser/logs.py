"""What a visitor sees of a log view, and logs for it to show."""

from collections.abc import Sequence
from typing import Any

from playwright.async_api import expect

from tests.support.browser.visit import Visit
from tests.support.rest import Run
from tests.support.service import Running
from tests.support.waiting import until_async

# The numbers of the rows that lie within the view, whole or in part, and their text.
VISIBLE = """() => {
  const view = document.querySelector(".log-scroll").getBoundingClientRect();
  return [...document.querySelectorAll(".log-row")].filter((row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return bottom > view.top + 2 && top < view.bottom - 2;
  }).map((row) => [Number(row.dataset.n), row.querySelector(".log-text").textContent]);
}"""
WAITING = "document.querySelector('.log-row.waiting')"
BATCH = 64 * 65_536
ROWS = ".log-row:not(.waiting)"


async def add_log(service: Running, data: bytes, *, ended: bool = True) -> Run:
    """A run whose output is this."""
    run = await service.run()
    for start in range(0, len(data), BATCH):
        await run.write(data[start : start + BATCH])
    if ended:
        await run.end()
    return run


def build_lines(first: int, last: int) -> bytes:
    """Lines that say their number, every third one with a colour."""
    return b"".join(
        b"\x1b[32mline %d\x1b[0m of the log\n" % n if n % 3 == 0 else b"line %d of the log\n" % n
        for n in range(first, last + 1)
    )


async def open_log(visit: Visit, id: str | int, *, lines: str = "") -> None:
    """Open the page of an execution, signed in as the admin, at a line such as `#L12`."""
    await visit.inside(f"/executions/{id}{lines}", "the.admin")
    await expect(visit.find(ROWS).first).to_be_visible(timeout=30_000)


async def read_rows(visit: Visit) -> Sequence[tuple[int, str]]:
    """The number and the text of each row that is visible, from the top."""
    found: list[Any] = await visit.page.evaluate(VISIBLE)
    return [(number, text) for number, text in found]


async def wait_for_line(visit: Visit, number: int) -> None:
    """Wait until the line with this number, and no line that is still to be read, is in the view."""
    await wait_until(visit, f"!{WAITING} && ({VISIBLE})().some(([n]) => n === {number})")


async def wait_until(visit: Visit, condition: str) -> None:
    """Wait until an expression is true in the page. (Playwright's own way needs a policy that allows `eval`.)"""
    await until_async(lambda: visit.page.evaluate(condition), 60)


async def scroll(visit: Visit, pixels: int) -> None:
    """Turn the wheel over the log."""
    await visit.find(".log-scroll").hover()
    await visit.page.mouse.wheel(0, pixels)


async def watch_copies(visit: Visit) -> None:
    """Keep what the page puts onto the clipboard in `window.copied`."""
    await visit.page.evaluate("() => { navigator.clipboard.writeText = async (text) => { window.copied = text; }; }")


async def copy_all(visit: Visit) -> str:
    """What the button copies."""
    await visit.page.evaluate("window.copied = undefined")
    await watch_copies(visit)
    await visit.page.click("[data-tool=copy]")
    await wait_until(visit, "window.copied !== undefined")
    found: str = await visit.page.evaluate("window.copied")
    return found
