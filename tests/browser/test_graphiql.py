"""GraphiQL as npm has it, on our page: no network beyond the service, the examples as tabs, a live subscription."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from sshcast.page import load_examples
from tests.support.browser.runs import Gate, started
from tests.support.browser.visit import Visit
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.usefixtures("graphiql")]

EXAMPLES = load_examples()


def tab(visit: Visit, name: str) -> Locator:
    return visit.find(".graphiql-tab-button", has_text=re.compile(f"^{name}$"))


async def enter(visit: Visit) -> None:
    await visit.inside("/graphql?graphiql")
    await expect(visit.find(".graphiql-query-editor .view-lines")).to_contain_text("query", timeout=20_000)


async def set_variables(visit: Visit, text: str) -> None:
    """By pasting: the editor completes what is typed."""
    await visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await visit.page.evaluate("text => navigator.clipboard.writeText(text)", text)
    await visit.page.click(".graphiql-editor-tool .view-lines >> visible=true")
    await visit.page.keyboard.press("Control+A")
    await visit.page.keyboard.press("Control+V")


async def test_every_example_is_a_tab_and_the_first_one_runs(visit: Visit) -> None:
    await enter(visit)
    await expect(visit.find(".graphiql-tab")).to_have_count(len(EXAMPLES))
    await visit.page.click(".graphiql-execute-button")
    await expect(visit.find(".graphiql-response")).to_contain_text("the.operator")
    await tab(visit, "Servers").click()
    await expect(visit.find(".graphiql-query-editor .view-lines")).to_contain_text("latestExecution")


async def test_the_schema_is_read_and_its_documentation_shown(visit: Visit) -> None:
    await enter(visit)
    await visit.page.click("[aria-label='Show Documentation Explorer']")
    await expect(visit.find(".graphiql-doc-explorer-content")).to_contain_text("Mutation", timeout=15_000)


async def watch_output(visit: Visit, id: str) -> None:
    await tab(visit, "WatchOutput").click()
    await expect(visit.find(".graphiql-query-editor .view-lines")).to_contain_text("executionOutput")
    await set_variables(visit, f'{{"executionId": "{id}"}}')
    await visit.page.click(".graphiql-execute-button")


async def test_a_subscription_shows_events_while_the_command_runs(
    visit: Visit, service: Running, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    id = await started(service, f"echo early; {gate.closed}; echo late; exit 4")
    await enter(visit)
    await watch_output(visit, id)
    await expect(visit.find(".graphiql-response")).to_contain_text("early")
    gate.open()
    await expect(visit.find(".graphiql-response")).to_contain_text('"exitCode": 4')


async def test_stopping_a_subscription_says_that_the_run_goes_on(
    visit: Visit, service: Running, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    id = await started(service, f"echo early; {gate.closed}")
    await enter(visit)
    await watch_output(visit, id)
    await expect(visit.find(".graphiql-response")).to_contain_text("early")
    await expect(visit.find("#notice")).to_be_hidden()
    await visit.page.click(".graphiql-execute-button")
    await expect(visit.find("#notice")).to_contain_text("You stopped watching; the run goes on")
    gate.open()


async def test_hostile_output_is_text_here_too(visit: Visit, service: Running) -> None:
    id = await started(service, """echo '<img src=x onerror="hacked=1"><script>hacked=1</script>' >&2""", wait=10)
    await enter(visit)
    await watch_output(visit, id)
    await expect(visit.find(".graphiql-response")).to_contain_text("SUCCESS")
    assert await visit.find(".graphiql-response :is(img, script)").count() == 0
    assert await visit.page.evaluate("typeof hacked") == "undefined"


async def test_the_plain_runner_is_one_click_away_and_back(visit: Visit) -> None:
    await enter(visit)
    await visit.page.click("a.other[href='/graphql']")
    await expect(visit.find("#examples button").first).to_be_visible()
    await visit.page.click("#graphiql")
    await expect(visit.find(".graphiql-tab").first).to_be_visible(timeout=20_000)
