"""Our own query runner: examples, answers, live output, hostile output, keys, languages, narrow screens."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, expect

from sshcast.page import load_examples
from tests.support.browser.runs import Gate, started
from tests.support.browser.visit import Visit, visiting
from tests.support.browser.wire import wire
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

EXAMPLES = load_examples()
HOSTILE = (
    r"""printf '%s\n' '<img src=x onerror="hacked=1">' '<script>hacked=1</script>' '</pre><h1>big</h1>'; """
    r"""printf '\033]0;hacked\007\033]8;;http://198.51.100.1/\007link\033]8;;\007\033[2J\033[1;1H\033c"""
    r"""\302\233\063\061m\b\r\nrtl \342\200\256gnp.exe\342\200\254 end\n'"""
)

SERVER = """mutation($name: String!, $key: String!) {
  createServer(input: {name: $name, host: "127.0.0.1", port: 1, username: "nobody", hostKeys: [$key],
    credential: {password: "never asked for"}}) { server { id } errors { message } }
}"""
RUN_THERE = """mutation RunThere($server: ID!) {
  runCommand(input: {serverId: $server, command: "echo", wait: 30}) {
    execution { id state reason message } errors { code message }
  }
}"""


async def silent_server(service: Running) -> str:
    """The id of a new server at a port that nothing listens on."""
    name = f"silent-{uuid4().hex[:8]}"
    found = await service.data(SERVER, "admin", name=name, key=service.server.host_keys[0])
    assert found["createServer"]["errors"] == []
    return str(found["createServer"]["server"]["id"])


async def test_every_example_is_listed_and_an_answer_is_shown(visit: Visit) -> None:
    await visit.inside()
    await expect(visit.find("#examples button")).to_have_count(len(EXAMPLES))
    await visit.run("12_me")
    await visit.status("done")
    await expect(visit.find("#events .string", has_text="the.operator")).to_be_visible()


async def test_output_is_shown_while_the_command_still_runs_then_its_end(
    visit: Visit, service: Running, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    id = await started(
        service, rf"printf '\033[31mred\033[0m plain\n'; echo oops >&2; {gate.closed}; echo last; exit 3"
    )
    await visit.inside()
    await visit.run("70_watch_output", executionId=id)
    await visit.status("live")
    await expect(visit.find("#output .stdout .fg-1")).to_have_text("red")
    await expect(visit.find("#output .stderr")).to_have_text("oops\n")
    await expect(visit.find("#output .chip.running")).to_be_visible()
    assert "last" not in await visit.find("#output").inner_text()
    gate.open()
    await visit.status("ended")
    await expect(visit.find("#output")).to_contain_text("last")
    await expect(visit.find("#output .chip.failed")).to_have_count(1)
    await expect(visit.find("#status")).to_have_text("Ended FAILED exit status 3")
    await visit.page.click("#events-tab")
    await expect(visit.find("#events .state.failed").first).to_be_visible()


async def test_a_watch_whose_connection_was_cut_goes_on_from_its_cursor(
    browser: Browser, service: Running, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    id = await started(service, f"echo one; echo two; {gate.closed}; echo three")
    async with wire(service.url) as cuttable, visiting(browser, cuttable.url) as visit:
        await visit.inside()
        await visit.run("71_watch_output_after", executionId=id)
        await expect(visit.find("#output")).to_contain_text("two")
        cuttable.cut()
        await visit.status("reconnecting")
        gate.open()
        await visit.status("ended")
        shown = await visit.find("#output .stdout").all_inner_texts()
        assert "".join(shown) == "one\ntwo\nthree\n"
        visit.complaints.clear()  # the browser tells of the lost connection


async def test_stop_ends_a_watch_and_another_can_begin(visit: Visit) -> None:
    await visit.inside()
    await visit.run("72_watch_executions")
    await visit.status("live")
    await expect(visit.find("#run")).to_be_disabled()
    await visit.page.keyboard.press("Escape")
    await visit.status("stopped")
    await visit.page.click("#run")
    await visit.status("live")


async def test_stop_says_that_it_stops_watching_and_offers_to_cancel_the_run(
    visit: Visit, service: Running, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    id = await started(service, f"echo here; {gate.closed}")
    await visit.inside()
    await visit.run("70_watch_output", executionId=id)
    await expect(visit.find("#stop")).to_contain_text("Stop watching")
    await expect(visit.find("#stop")).to_have_attribute("title", re.compile("the run on the server goes on"))
    await expect(visit.find("#cancel")).to_have_text("Cancel run …")
    await expect(visit.find("#output")).to_contain_text("here")
    await visit.page.click("#stop")
    await expect(visit.find("#status")).to_have_text("You stopped watching; the run goes on")
    await visit.page.click("#language")
    await expect(visit.find("#status")).to_have_text("您已停止查看；执行仍在继续")
    await visit.page.click("#language")
    await visit.page.click("#cancel")
    await expect(visit.find("#cancel-dialog")).to_contain_text(f"Cancel run #{id}?")
    await visit.page.click("#cancel-no")
    await expect(visit.find("#cancel-dialog")).to_be_hidden()
    await visit.page.click("#cancel")
    await visit.page.click("#cancel-yes")
    await visit.status("cancel_asked")
    await expect(visit.find("#cancel")).to_be_hidden()
    await visit.page.click("#watch-run")
    await visit.status("ended")
    await expect(visit.find("#status")).to_contain_text("CANCELLED")


async def test_a_watch_of_no_single_run_says_that_what_runs_goes_on(visit: Visit) -> None:
    await visit.inside()
    await visit.run("72_watch_executions")
    await visit.status("live")
    await visit.page.click("#stop")
    await expect(visit.find("#status")).to_have_text("You stopped watching; what runs goes on")
    await expect(visit.find("#cancel")).to_be_hidden()


async def test_the_output_pane_says_why_a_run_could_not_start(visit: Visit, service: Running) -> None:
    server = await silent_server(service)
    found = await service.data(RUN_THERE, "admin", server=server)
    execution = found["runCommand"]["execution"]
    assert (execution["state"], execution["reason"]) == ("FAILED", "UNREACHABLE")
    await visit.inside()
    for example in ("70_watch_output", "71_watch_output_after"):
        await visit.choose(example)
        await visit.page.fill("#variables", f'{{"executionId": "{execution["id"]}"}}')
        await visit.page.click("#run")
        await visit.status("ended")
        await expect(visit.find("#output .chip.failed")).to_have_count(1)
        await expect(visit.find("#output")).to_contain_text("UNREACHABLE")
        await expect(visit.find("#output .why")).to_have_text(execution["message"])


async def test_the_output_pane_says_why_a_run_that_was_waited_for_failed(visit: Visit, service: Running) -> None:
    server = await silent_server(service)
    await visit.inside(name="the.admin")
    await visit.page.fill("#query", RUN_THERE)
    await visit.page.fill("#variables", f'{{"server": "{server}"}}')
    await visit.page.click("#run")
    await visit.status("done")
    await visit.page.click("#output-tab")
    await expect(visit.find("#output")).to_contain_text("UNREACHABLE")
    await expect(visit.find("#output .why")).not_to_be_empty()


async def test_the_output_pane_says_why_nothing_was_run(visit: Visit) -> None:
    await visit.inside()
    await visit.run("52_run_command", serverId="1", command="rm -rf /")
    await visit.status("failed")
    await visit.page.click("#output-tab")
    await expect(visit.find("#output .chip")).to_have_text("COMMAND_REFUSED")
    await expect(visit.find("#output .why")).to_contain_text("fs.remove-protected")
    await visit.run("70_watch_output", executionId="987654")
    await visit.status("failed")
    await visit.page.click("#output-tab")
    await expect(visit.find("#output .chip")).to_have_text("NOT_FOUND")


async def test_changes_of_executions_are_shown_as_they_happen(visit: Visit, service: Running) -> None:
    await visit.inside()
    await visit.run("72_watch_executions")
    await visit.status("live")
    ids: list[str] = []
    chip = visit.find("#output .note", has=visit.find(".chip.failed"))
    while not await chip.count():  # a run that was over before the watch began is not told
        await expect(visit.find("#status.live")).to_be_visible()
        ids.append(await started(service, "echo $((6 * 7)); exit 9", wait=10))
    shown = await chip.first.inner_text()
    assert re.match(r"FAILED #(\d+) · echo \$\(\(6 \* 7\)\); exit 9 · exit status 9", shown)
    assert shown.split()[1].strip("#") in ids


async def test_hostile_output_is_text_and_nothing_else(visit: Visit, service: Running) -> None:
    id = await started(service, HOSTILE, wait=10)
    await visit.inside()
    title = await visit.page.title()
    await visit.run("70_watch_output", executionId=id)
    await visit.status("ended")
    shown = "".join(await visit.find("#output .stdout").all_inner_texts())
    assert '<img src=x onerror="hacked=1">\n<script>hacked=1</script>\n</pre><h1>big</h1>\nlink' in shown
    assert "rtl gnp.exe end" in shown
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    await visit.page.click("#events-tab")
    raw = await visit.find("#events").inner_text()
    assert r"\u202egnp.exe" in raw
    assert "\u202e" not in raw
    assert await visit.find("pre :is(img, script, h1, a, iframe)").count() == 0
    assert await visit.page.evaluate("typeof hacked") == "undefined"
    assert await visit.page.title() == title


async def test_an_escape_sequence_that_two_events_share_stays_whole(
    visit: Visit, service: Running, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    id = await started(service, rf"printf 'a\033[3'; {gate.closed}; printf '2mgreen\033[0m\n'")
    await visit.inside()
    await visit.run("70_watch_output", executionId=id)
    await expect(visit.find("#output .stdout")).to_have_text("a")
    gate.open()
    await visit.status("ended")
    await expect(visit.find("#output .fg-2")).to_have_text("green")
    assert "".join(await visit.find("#output .stdout").all_inner_texts()) == "agreen\n"


async def test_a_flood_of_output_leaves_the_page_small_and_its_end_in_view(visit: Visit, service: Running) -> None:
    id = await started(service, 'i=0; while [ $i -lt 40000 ]; do i=$((i+1)); echo "line $i of a flood"; done', wait=60)
    await visit.inside()
    await visit.run("70_watch_output", executionId=id)
    await visit.status("ended")
    shown = await visit.find("#output").inner_text()
    assert "line 40000 of a flood" in shown
    assert "line 1 of a flood" not in shown
    assert len(shown) < 700_000
    await expect(visit.find("#output .note").first).to_contain_text("earlier output is left out")
    rest = "e => e.scrollHeight - e.scrollTop - e.clientHeight"
    assert await visit.find("#output").evaluate(rest) < 40


async def test_ids_that_a_mutation_answered_with_fill_the_examples_that_follow(visit: Visit, service: Running) -> None:
    task = await service.create(command="echo hi", name="a task to be run")
    await visit.inside()
    await visit.run("50_run_task", taskId=str(task["id"]))
    await visit.status("done")
    id = re.search(r'"id": "(\d+)"', await visit.find("#events").inner_text())
    assert id is not None
    await visit.run("70_watch_output")
    await visit.status("ended")
    await expect(visit.find("#variables")).to_have_value(re.compile(f'"executionId": "{id[1]}"'))
    await expect(visit.find("#output .stdout")).to_have_text("hi\n")


async def test_mistakes_are_told_where_they_are(visit: Visit) -> None:
    await visit.inside()
    await visit.choose("12_me")
    await visit.page.fill("#variables", "{not json")
    await visit.page.click("#run")
    await visit.status("failed")
    await expect(visit.find("#events")).to_contain_text("not JSON")
    await visit.page.fill("#variables", "{}")
    await visit.page.fill("#query", "{ nothing }")
    await visit.page.click("#run")
    await expect(visit.find("#events")).to_contain_text("nothing")
    await visit.status("failed")
    visit.complaints.clear()  # the browser tells of the 400


async def test_everything_can_be_done_with_the_keyboard(visit: Visit) -> None:
    await visit.inside()
    await expect(visit.find("#examples button").first).to_be_visible()
    press = visit.page.keyboard.press
    await visit.page.click(".where")
    await press("/")
    await expect(visit.find("#search")).to_be_focused()
    await visit.page.keyboard.type("who am")
    await expect(visit.find("#examples button")).to_have_count(1)
    await press("ArrowDown")
    await press("Enter")
    await expect(visit.find("#run")).to_be_focused()
    await press("Control+Enter")
    await visit.status("done")
    await expect(visit.find("#events")).to_contain_text('"the.operator"')


async def test_a_chinese_browser_gets_chinese_and_either_language_can_be_chosen(
    browser: Browser, service: Running
) -> None:
    async with visiting(browser, service.url, locale="zh-CN") as visit:
        await visit.inside()
        await expect(visit.find("#run")).to_contain_text("运行")
        await expect(visit.find("#examples")).to_contain_text(EXAMPLES[0]["about"]["zh"])
        await expect(visit.find("html")).to_have_attribute("lang", "zh-CN")
        await visit.page.click("#language")
        await expect(visit.find("#run")).to_contain_text("Run")
        await expect(visit.find("#examples")).to_contain_text(EXAMPLES[0]["about"]["en"])
        await visit.page.reload()
        await expect(visit.find("#run")).to_contain_text("Run")


async def test_an_error_of_the_service_comes_in_the_language_of_the_page(browser: Browser, service: Running) -> None:
    async with visiting(browser, service.url, locale="zh-CN") as visit:
        await visit.inside()
        await visit.run("24_delete_server", serverId="1")
        await visit.status("failed")
        await expect(visit.find("#events")).to_contain_text("此操作需要")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800])
async def test_a_narrow_screen_shows_everything_without_scrolling_sideways(
    browser: Browser, service: Running, scheme: str, width: int
) -> None:
    narrow = {"viewport": {"width": width, "height": 740}, "color_scheme": scheme, "has_touch": True}
    async with visiting(browser, service.url, **narrow) as visit:
        await visit.inside()
        await visit.run("12_me")
        await visit.status("done")
        await expect(visit.find("#events")).to_be_in_viewport()
        wider = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
        assert await visit.page.evaluate(f"{wider}.map(e => e.outerHTML.slice(0, 80))") == []
        for name in ("#sign-out", "#language", "#run"):
            await visit.find(name).scroll_into_view_if_needed()
            await expect(visit.find(name)).to_be_in_viewport(ratio=1)
