"""What is taken out of the log view: copies and downloads; and what was left out of a log at the output limit."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect
from sqlalchemy import Connection, text

from db import transitions
from db.output import NewChunk, OutputEnd
from db.output_gap import OutputGap
from db.values import Reason, State, Stream
from tests.support.browser.logs import ROWS, add_log, copy_all, open_log
from tests.support.browser.visit import Visit
from tests.support.rest import Run
from tests.support.service import Running, running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A service whose runs the tests write."""
    async with running(tmp_path_factory.mktemp("logs")) as found:
        yield found


async def test_copies_have_no_numbers_and_downloads_are_the_bytes(
    visit: Visit, service: Running, tmp_path: Path
) -> None:
    data = b"one\n\xe4\xb8\xad\xe6\x96\x87 \x1b[31mred\x1b[0m\nthree\n\xff\xfe\x00\n"
    run = await add_log(service, data)
    await open_log(visit, run.id)
    assert (await copy_all(visit)).startswith("one\n中文 red\nthree\n")
    await visit.page.evaluate(
        """() => {
          const texts = document.querySelectorAll(".log-text");
          getSelection().setBaseAndExtent(texts[0].firstChild, 1, texts[1].firstChild, 0);
          getSelection().modify("extend", "forward", "character");
          document.querySelector(".log-scroll").addEventListener("copy", (event) => {
            window.selected = event.clipboardData.getData("text/plain");
          });
          document.execCommand("copy");
        }"""
    )
    assert (await visit.page.evaluate("window.selected")).startswith("ne\n")
    async with visit.page.expect_download() as begun:
        await visit.page.click("[data-tool=download]")
    download = await begun.value
    await download.save_as(tmp_path / "log")
    assert download.suggested_filename == f"execution-{run.id}.log"
    assert (tmp_path / "log").read_bytes() == data


@pytest.mark.parametrize("is_watched", [True, False])
async def test_what_was_left_out_is_a_line_and_numbers_count_it(
    visit: Visit, service: Running, *, is_watched: bool
) -> None:
    run = await service.run()
    await run.write(b"one\ntwo\nhalf")
    if is_watched:
        await open_log(visit, run.id)
        await expect(visit.find(ROWS)).to_have_count(3)
    await end_with_gap(service, run)
    if not is_watched:
        await open_log(visit, run.id)
    await expect(visit.find(".log-row.left-out")).to_contain_text("488 bytes (40 line ends)")
    rows = visit.find(".log-row:not(.left-out)")
    await expect(rows.locator(".log-text")).to_have_text(["one", "two", "half", "rest", "last"])
    assert await rows.evaluate_all("(rows) => rows.map((row) => row.dataset.n)") == ["1", "2", "3", "43", "44"]


async def end_with_gap(service: Running, run: Run) -> None:
    """End a run that has 12 bytes of output: 488 were left out, with 40 line ends, and 10 came after them."""
    gap = OutputGap({Stream.STDOUT: 12, Stream.STDERR: 0}, {Stream.STDOUT: 500, Stream.STDERR: 0}, 40)
    chunk = NewChunk(run.id, run.fence, Stream.STDOUT, 500, service.service.clock(), b"rest\nlast\n", gap)
    ended = {
        "state": State.SUCCESS,
        "reason": Reason.EXIT_STATUS,
        "end_time": service.service.clock(),
        "duration_ms": 1,
    }
    ended |= {"truncated": True} | gap.build_columns()
    last = OutputEnd([chunk], {Stream.STDOUT: 510, Stream.STDERR: 0})
    assert await service.service.store.run(transitions.finish, run.id, run.fence, ended, last)
    run.hint()


async def test_what_no_browser_should_hold_is_downloaded_with_curl(visit: Visit, service: Running) -> None:
    run = await add_log(service, b"small\n")
    size = 300 * 1024 * 1024  # as the record says: nobody stores so much for a test
    await service.service.store.run(set_size, run.id, size)
    await open_log(visit, run.id, lines="#L1")
    await visit.page.click("[data-tool=download]")
    await expect(visit.find("dialog")).to_contain_text("300 MiB")
    line = await visit.find("dialog .curl").text_content() or ""
    assert line.startswith('curl -OJ -C - -H "Authorization: Bearer $TOKEN" ')
    assert line.endswith(f"'{service.url}/api/task/{run.id}/log?format=raw'")
    await visit.page.keyboard.press("Escape")
    await expect(visit.find("dialog")).to_have_count(0)


def set_size(conn: Connection, id: int, size: int) -> None:
    conn.execute(text("UPDATE task_executions SET stdout_bytes = :size WHERE id = :id"), {"size": size, "id": id})
