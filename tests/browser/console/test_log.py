"""The log view: a log of any length at once, read backwards, searched whole, with nothing but colour obeyed."""

from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
from playwright.async_api import Browser, expect

from db.values import Stream
from tests.support.browser.logs import (
    ROWS,
    WAITING,
    add_log,
    build_lines,
    copy_all,
    open_log,
    read_rows,
    scroll,
    wait_for_line,
    wait_until,
)
from tests.support.browser.visit import Visit, visiting
from tests.support.browser.wire import wire
from tests.support.service import Running, running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

MILLION = 1_000_000
MOST_NODES = 2_500
HOSTILE = (
    b"\x1b]0;hacked\x07\x1b]8;;http://198.51.100.1/\x07link\x1b]8;;\x07 \x1b[2J\x1b[1;1H\x1bc\xc2\x9b31m"
    b'<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> \xe2\x80\xaegnp.exe\xe2\x80\xac\n'
    b"\x1b]0;never closed\n\x1b[999999999Cafter\x1b[38;5;999999m\x1b[38;2m\n"
)


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A service whose runs the tests write."""
    async with running(tmp_path_factory.mktemp("logs")) as found:
        yield found


@pytest.fixture(scope="module")
async def million(service: Running) -> int:
    """The execution with a million lines."""
    return (await add_log(service, build_lines(1, MILLION))).id


async def test_a_million_lines_open_at_their_end_with_few_elements(visit: Visit, million: int) -> None:
    await open_log(visit, million)
    rows = await read_rows(visit)
    assert rows[-1] == (MILLION, f"line {MILLION} of the log")
    assert [number for number, _ in rows] == list(range(rows[0][0], MILLION + 1))
    assert await visit.page.evaluate("document.querySelectorAll('*').length") < MOST_NODES
    await expect(visit.find(".log-bar .facts-line")).to_contain_text("1,000,000")


async def test_scrolling_up_reads_backwards_and_lets_go_of_what_is_far_away(visit: Visit, million: int) -> None:
    await open_log(visit, million)
    for _ in range(40):
        await scroll(visit, -1500)
    await wait_until(visit, f"!{WAITING}")
    rows = await read_rows(visit)
    assert rows[0][0] < MILLION - 1000
    assert all(text == f"line {number} of the log" for number, text in rows)
    assert [number for number, _ in rows] == list(range(rows[0][0], rows[0][0] + len(rows)))
    assert await visit.page.evaluate("document.querySelectorAll('*').length") < MOST_NODES


async def test_home_and_end_go_to_the_first_and_the_last_line(visit: Visit, million: int) -> None:
    await open_log(visit, million)
    await visit.find(".log-scroll").focus()
    await visit.page.keyboard.press("Home")
    await wait_for_line(visit, 1)
    assert (await read_rows(visit))[0] == (1, "line 1 of the log")
    await scroll(visit, 300)
    await wait_for_line(visit, 17)
    await visit.find(".log-scroll").focus()
    await visit.page.keyboard.press("End")
    await wait_for_line(visit, MILLION)


async def test_an_address_names_lines_and_a_click_on_a_number_makes_one(visit: Visit, million: int) -> None:
    await open_log(visit, million, lines="#L654321-L654323")
    await wait_for_line(visit, 654_321)
    await expect(visit.find(".log-row.marked")).to_have_count(3)
    await visit.page.click("[data-n='654325'].log-no")
    assert visit.page.url.endswith("#L654325")
    await visit.page.click("[data-n='654327'].log-no", modifiers=["Shift"])
    assert visit.page.url.endswith("#L654325-L654327")
    expected = "\n".join(f"line {n} of the log" for n in range(654_325, 654_328))
    assert await copy_all(visit) == expected


async def test_a_search_counts_and_goes_through_the_whole_log(visit: Visit, million: int) -> None:
    await open_log(visit, million)
    await visit.page.fill(".log-bar input[type=search]", "line 99999")
    await visit.page.keyboard.press("Enter")
    await wait_for_line(visit, 99_999)
    await expect(visit.find(".log-bar .count")).to_have_text("1 of 11")
    await expect(visit.find(".log-row.current")).to_have_attribute("data-n", "99999")
    assert await visit.page.evaluate("[...CSS.highlights.get('log-current')].map(String)") == ["line 99999"]
    await visit.page.keyboard.press("Enter")
    await wait_for_line(visit, 999_990)
    await visit.page.keyboard.press("Shift+Enter")
    await visit.page.keyboard.press("Shift+Enter")
    await wait_for_line(visit, 999_999)
    await expect(visit.find(".log-bar .count")).to_have_text("11 of 11")
    await visit.page.fill(".log-bar input[type=search]", "no such line")
    await visit.page.keyboard.press("Enter")
    await expect(visit.find(".log-bar .count")).to_have_text("no match")


async def test_a_progress_bar_shows_its_last_state_and_colours_are_shown(visit: Visit, service: Running) -> None:
    bar = b"".join(b"\rprogress %d%%" % n for n in range(101)) + b"\n"
    data = bar + b"abcdef\rxy\n" + b"ab\b\bc\n" + b"one\ttwo\r\n"
    data += b"\x1b[31mred\x1b[0m \x1b[1;38;5;208morange\x1b[0m \x1b[48;2;1;2;3mground\x1b[0m\n\x1b[32mgreen\nstays\n"
    await open_log(visit, (await add_log(service, data)).id)
    texts = [text for _, text in await read_rows(visit)]
    assert texts == [
        "progress 100%", "xycdef", "cb", "one     two", "red orange ground", "green", "stays",
    ]  # fmt: skip
    await expect(visit.find(".fg-1")).to_have_text("red")
    await expect(visit.find(".fg-2").last).to_have_text("stays")
    assert await visit.find(".bold").evaluate("(span) => span.style.color") == "rgb(255, 135, 0)"
    ground = visit.find(ROWS).nth(4).locator("span", has_text="ground").last
    assert await ground.evaluate("(span) => span.style.backgroundColor") == "rgb(1, 2, 3)"


async def test_hostile_sequences_do_nothing(visit: Visit, service: Running) -> None:
    await open_log(visit, (await add_log(service, HOSTILE)).id)
    texts = [text for _, text in await read_rows(visit)]
    assert texts[0].startswith("link ")
    assert texts[0].endswith("<script>window.hacked=1</script> gnp.exe")
    assert texts[2] == "after"
    assert await visit.page.evaluate("window.hacked") is None
    assert await visit.page.evaluate("document.querySelectorAll('.log-rows img, .log-rows script').length") == 0
    assert "hacked" not in await visit.page.title()


async def test_wide_characters_line_up_with_narrow_ones(visit: Visit, service: Running) -> None:
    data = "中文对齐|\nabcdefgh|\nｆｕ\uff4c\uff4c|\ne\u0301e\u0301abcdef|\n한국어어|\n".encode()
    await open_log(visit, (await add_log(service, data)).id)
    ends = await visit.page.evaluate(
        """() => [...document.querySelectorAll(".log-text")].map((text) => {
          const node = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
          while (node.nextNode()) if (node.currentNode.data.endsWith("|")) {
            const range = document.createRange();
            range.setStart(node.currentNode, node.currentNode.length - 1);
            range.setEnd(node.currentNode, node.currentNode.length);
            return range.getBoundingClientRect().left;
          }
        })"""
    )
    assert len(ends) == 5
    assert max(ends) - min(ends) < 1


async def test_it_follows_lets_go_and_comes_back(visit: Visit, service: Running) -> None:
    run = await add_log(service, build_lines(1, 500), ended=False)
    await open_log(visit, run.id)
    await run.write(build_lines(501, 600))
    await wait_for_line(visit, 600)
    await scroll(visit, -400)
    await expect(visit.find(".to-end")).to_be_visible()
    before = (await read_rows(visit))[0]
    await run.write(build_lines(601, 900))
    await expect(visit.find(".log-bar .facts-line")).to_contain_text("900")
    assert (await read_rows(visit))[0] == before
    await visit.page.click(".to-end")
    await wait_for_line(visit, 900)
    await run.write(b"tail without an end")
    await expect(visit.find(ROWS).last.locator(".log-text")).to_have_text("tail without an end")
    await run.end()
    await expect(visit.find(".log-bar .facts-line")).to_contain_text("complete")


async def test_it_goes_on_following_when_the_view_becomes_higher(visit: Visit, service: Running) -> None:
    run = await add_log(service, build_lines(1, 500), ended=False)
    await open_log(visit, run.id)
    await wait_for_line(visit, 500)
    for height in (1000, 700):
        await visit.page.set_viewport_size({"width": 1280, "height": height})
        await wait_until(visit, f"innerHeight === {height}")
        await wait_for_line(visit, 500)
    await run.write(build_lines(501, 600))
    await wait_for_line(visit, 600)
    await run.end()


async def test_a_cut_connection_loses_nothing_and_repeats_nothing(browser: Browser, service: Running) -> None:
    run = await add_log(service, b"", ended=False)
    await run.write(build_lines(1, 100))
    async with wire(service.url) as cuttable, visiting(browser, cuttable.url) as visit:
        await open_log(visit, run.id)
        for part in range(1, 4):
            cuttable.cut()
            await run.write(build_lines(part * 100 + 1, part * 100 + 50) + b"half a li")
            await run.write(b"ne\n" + build_lines(part * 100 + 52, part * 100 + 100))
            await wait_for_line(visit, part * 100 + 100)
        await run.end()
        await expect(visit.find(".log-bar .facts-line")).to_contain_text("400 lines · complete")
        await expect(visit.find(".head .state")).to_have_text("success")  # the facts change the view's height: once
        await scroll(visit, -100_000)
        await wait_for_line(visit, 1)
        seen: dict[int, str] = {}
        for _ in range(60):
            seen |= dict(await read_rows(visit))
            await scroll(visit, 200)
        expected = {n: f"line {n} of the log" for n in range(1, 401)} | dict.fromkeys((151, 251, 351), "half a line")
        assert seen == expected
        whole = "".join(f"{expected[n]}\n" for n in range(1, 401))
        copied = await copy_all(visit)
        assert sha256(copied.encode()).hexdigest() == sha256(whole.encode()).hexdigest()
        visit.complaints.clear()  # the browser tells of the connections that were cut


async def test_lines_are_wrapped_with_times_and_streams_where_that_is_wanted(visit: Visit, service: Running) -> None:
    run = await add_log(service, b"x" * 1000 + b"\nshort\n", ended=False)
    await run.write(b"oops\n", Stream.STDERR)
    await run.end()
    await open_log(visit, run.id)
    await expect(visit.find(".log-row.err .log-text")).to_have_text("oops")
    assert await visit.find(".log-scroll").evaluate("(view) => view.scrollWidth > view.clientWidth")
    for name in ("wrap", "times", "streams"):
        await visit.page.click(f"[data-toggle={name}]")
    await expect(visit.find(".log-part").first).to_be_visible()
    assert not await visit.find(".log-scroll").evaluate("(view) => view.scrollWidth > view.clientWidth")
    parts = await visit.find(".log-part").all_text_contents()
    assert "".join(parts) == "x" * 1000
    await expect(visit.find(".log-row.err .log-from")).to_have_attribute("data-from", "err")
    assert len(await visit.find(".log-at").first.get_attribute("data-at") or "") == len("12:00:00.000")


async def test_a_colour_that_is_left_on_goes_on_in_the_next_page_read_from_afar(visit: Visit, service: Running) -> None:
    lines = [b"line %d\n" % n for n in range(1, 3001)]
    lines[239] = b"\x1b[32mgreen from here\n"
    lines[299] = b"\x1b[0mplain again\n"
    lines[2579] = b"\x1b[31mred from here\n"  # before the lines that come at first
    lines[2699] = b"\x1b[0mplain again\n"
    await open_log(visit, (await add_log(service, b"".join(lines))).id, lines="#L270")
    await wait_for_line(visit, 270)
    await expect(visit.find("[data-row='269'] .fg-2")).to_have_text("line 270")
    await visit.find(".log-scroll").focus()
    await visit.page.keyboard.press("End")
    await wait_for_line(visit, 3000)
    await visit.page.fill(".log-bar input.line", "2620")
    await visit.page.press(".log-bar input.line", "Enter")
    await wait_for_line(visit, 2620)
    await expect(visit.find("[data-row='2619'] .fg-1")).to_have_text("line 2620")
    await expect(visit.find("[data-row='2604'].waiting")).to_have_count(0)
