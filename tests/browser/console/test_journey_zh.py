"""An operator who reads Chinese: from an empty service to the end of a run, by the console, in Chinese throughout."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser.forms import CHINESE, add_server, create_task
from tests.support.browser.visit import visiting
from tests.support.commands import Commands
from tests.support.targets import running_demo

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(300)]

PASSWORD = "correct horse battery"
SETTLED_MS = 60_000
ENGLISH_WORD = re.compile(r"[A-Za-z]{3,}")
# What is no word of a sentence: names, what was typed, what the command printed, and names of the field.
NAMES = re.compile(
    r"sshcast|admin|数三下|演示机|echo|one|two|three|UTC|stdout|stderr|GraphQL|English|[Ss]hell|cron|\S+@\S+"
)


def list_english(texts: list[str]) -> list[str]:
    return [text for text in texts if ENGLISH_WORD.search(NAMES.sub("", text))]


async def test_an_operator_who_reads_chinese(browser: Browser, tmp_path: Path) -> None:
    commands = Commands(tmp_path / "data")
    commands.output("user", "add", "admin", "--role", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    async with running_demo(tmp_path) as demo:
        with commands.serving() as url:
            async with visiting(browser, url, locale="zh-CN") as visit:
                await visit.inside("/", "admin", PASSWORD)
                await expect(visit.find("html")).to_have_attribute("lang", re.compile("^zh"))
                await add_server(visit, CHINESE, demo, "演示机")
                await create_task(visit, CHINESE, "数三下", "echo one; echo two; echo three", "演示机")
                await visit.page.get_by_role("button", name="立即执行").click()
                await expect(visit.page).to_have_url(re.compile(r"/executions/\d+$"))
                lines = visit.find(".log-row:not(.waiting) .log-text")
                await expect(lines).to_have_text(["one", "two", "three"], timeout=SETTLED_MS)
                await expect(visit.find(".head .state")).to_have_text("成功", timeout=SETTLED_MS)
                await visit.page.fill(".log-bar input[type=search]", "three")
                await visit.page.press(".log-bar input[type=search]", "Enter")
                await expect(visit.find(".log-bar .search")).to_contain_text("第 1 处，共 1 处")
                for place in ("/", "/executions", "/tasks", "/servers", "/schedule", "/events", "/audit"):
                    await visit.find(f"#places a[href='{place}']").click()
                    await expect(visit.find(f"#places a[href='{place}']")).to_have_attribute("aria-current", "page")
                    await expect(visit.find("main h2").first).to_be_visible()
                    shown = (await visit.find("body").inner_text()).splitlines()
                    assert list_english(shown) == [], place
