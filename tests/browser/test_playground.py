"""Around a query: what follows a run, each event of a subscription, the way to GraphiQL, to the console, on a phone."""

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route, expect

from tests.support.browser.runs import Gate, started
from tests.support.browser.visit import Visit, visiting
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

# Adds many events to the page's own list, as a subscription would.
ADD = """async (many) => {
  const { EventList } = await import("/playground/events.js");
  const [place, count] = ["div", "span"].map((name) => document.body.appendChild(document.createElement(name)));
  Object.assign(place, { id: "many" }).style.overflow = "auto";
  count.id = "how-many";
  const list = new EventList({ place, count });
  for (let i = 0; i < many; i++) list.add({ data: { n: i } });
}"""


@pytest.mark.parametrize("example", ["50_run_task", "52_run_command"])
async def test_one_click_watches_what_a_mutation_started_and_one_opens_its_page(
    visit: Visit, service: Running, example: str
) -> None:
    task = (await service.create(command="echo from the run", name="to watch"))["id"]
    variables = {
        "50_run_task": {"taskId": str(task)},
        "52_run_command": {"serverId": "1", "command": "echo from the run"},
    }
    await visit.inside()
    await expect(visit.find("#run-actions")).to_be_hidden()
    await visit.choose(example)
    await visit.page.fill("#variables", json.dumps(variables[example]))
    await visit.page.click("#run")
    await visit.status("done")
    id = (await visit.find("#run-name").inner_text()).removeprefix("#")
    await expect(visit.find("#open-run")).to_have_attribute("href", f"/executions/{id}")
    await visit.page.click("#watch-run")
    await visit.status("ended")
    await expect(visit.find("#output .stdout")).to_have_text("from the run\n")
    await expect(visit.find("#variables")).to_have_value(re.compile(f'"executionId": "{id}"'))
    await visit.page.click("#open-run")
    await expect(visit.find("#who")).to_have_text("the.operator · operator")
    assert visit.page.url == f"{visit.url}/executions/{id}"


async def test_a_run_is_cancelled_while_its_watch_goes_on_to_the_end(
    visit: Visit, service: Running, tmp_path: Path
) -> None:
    id = await started(service, f"echo here; {Gate(tmp_path / 'never').closed}")
    await visit.inside()
    await visit.run("70_watch_output", executionId=id)
    await expect(visit.find("#output")).to_contain_text("here")
    await expect(visit.find("#stop")).to_be_visible()
    await visit.page.click("#cancel")
    await expect(visit.find("#cancel-no")).to_be_focused()
    await visit.page.click("#cancel-yes")
    await visit.status("ended")
    await expect(visit.find("#status")).to_contain_text("CANCELLED")
    for gone in ("#cancel", "#stop", "#cancel-dialog"):
        await expect(visit.find(gone)).to_be_hidden()


async def test_every_event_of_a_subscription_stays_with_its_number(visit: Visit, service: Running) -> None:
    id = await started(service, "echo one; sleep 0.5; echo two; sleep 0.5; echo three", wait=20)
    await visit.inside()
    await visit.run("70_watch_output", executionId=id)
    await visit.status("ended")
    await visit.page.click("#events-tab")
    events = await visit.find("#events .event").all_inner_texts()
    assert [text.partition(" ")[0] for text in events] == [f"#{number}" for number in range(1, len(events) + 1)]
    whole = "".join(events)
    assert all(f"{word}\\n" in whole for word in ("one", "two", "three"))
    assert '"SUCCESS"' in events[-1]
    await expect(visit.find("#count")).to_have_text(f" {len(events)}")


async def test_of_more_events_than_a_page_can_hold_it_says_how_many_are_left_out(visit: Visit) -> None:
    await visit.inside()
    await visit.page.evaluate(ADD, 5003)
    await expect(visit.find("#many .event")).to_have_count(5000)
    await expect(visit.find("#many .left-out")).to_have_text("… 3 earlier events are left out here")
    await expect(visit.find("#many .event").first).to_contain_text("#4 ")
    await expect(visit.find("#how-many")).to_have_text(" 5003")


async def test_the_console_is_one_click_away_and_nobody_signs_in_again(visit: Visit) -> None:
    await visit.inside()
    await visit.page.click("a.other[href='/']")
    await expect(visit.find("#places")).to_be_visible()
    await expect(visit.find("#who")).to_have_text("the.operator · operator")


@pytest.mark.usefixtures("graphiql")
async def test_on_a_phone_the_plain_page_is_shown_whichever_was_asked_for(browser: Browser, service: Running) -> None:
    phone = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
    async with visiting(browser, service.url, **phone) as visit:
        await visit.inside("/graphql?graphiql")
        await expect(visit.find("#examples button").first).to_be_visible()
        await expect(visit.find("#graphiql")).to_be_hidden()
        assert visit.page.url == f"{visit.url}/graphql"


async def test_where_graphiql_was_not_fetched_its_address_says_how_to_get_it(visit: Visit) -> None:
    async def serve_plain(route: Route) -> None:
        await route.fulfill(response=await route.fetch(url=f"{visit.url}/graphql"))

    await visit.page.route("**/graphql?graphiql", serve_plain)
    await visit.inside("/graphql?graphiql")
    await expect(visit.find("#notice")).to_contain_text("`sshcast web fetch`")
    await expect(visit.find("#examples button").first).to_be_visible()
