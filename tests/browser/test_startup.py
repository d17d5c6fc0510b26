"""No blank page: what keeps the page's script from starting is told, and what to do."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Route, expect

from tests.support.browser.visit import Visit
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.usefixtures("graphiql")]

Handler = Callable[[Route], Awaitable[None]]
both_pages = pytest.mark.parametrize("path", ["/graphql?graphiql", "/graphql"])


def answer_with(status: int, body: str = "", media_type: str = "text/html") -> Handler:
    """What a proxy or an old cache has instead of the file."""

    async def handle(route: Route) -> None:
        await route.fulfill(status=status, body=body, content_type=media_type)

    return handle


async def cut(route: Route) -> None:
    await route.abort()


@both_pages
async def test_without_javascript_the_page_says_that_it_needs_it(browser: Browser, service: Running, path: str) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(service.url + path)
    await expect(page.locator("#starting")).to_be_visible()
    await expect(page.locator("#starting noscript p")).to_contain_text("JavaScript is switched off in this browser")
    await context.close()


@pytest.mark.parametrize(
    ("file", "handler", "told"),
    [
        ("playground.js", answer_with(502), "answered HTTP 502 for the script /playground/playground.js"),
        (
            "session.js",
            answer_with(200, "export const old = 1;", "text/javascript"),
            "without the cache (Ctrl+Shift+R)",
        ),
        ("words.js", answer_with(200, "not a script", "text/javascript"), "The page's script failed"),
        ("terminal.js", cut, "did not get the script"),
    ],
    ids=["proxy", "old copy", "broken", "cut"],
)
async def test_a_script_that_does_not_come_or_is_another_one_is_told(
    visit: Visit, file: str, handler: Handler, told: str
) -> None:
    await visit.page.route(f"**/playground/{file}", handler)
    await visit.open()
    await expect(visit.find("#starting")).to_contain_text("The playground did not start")
    await expect(visit.find("#starting-why")).to_contain_text(told)
    visit.complaints.clear()


@both_pages
async def test_nothing_of_it_is_left_once_the_page_works(visit: Visit, path: str) -> None:
    await visit.open(path)
    await expect(visit.find("#sign-in")).to_be_visible()
    await expect(visit.find("#starting")).to_be_hidden()
    await expect(visit.find("#notice")).to_be_hidden()


async def test_a_graphiql_that_cannot_be_loaded_is_told_with_the_plain_runner_as_the_way_out(visit: Visit) -> None:
    await visit.page.route("**/playground/yoga-graphiql.js", cut)
    await visit.inside("/graphql?graphiql")
    await expect(visit.find("#notice")).to_contain_text("use the plain runner")
    visit.complaints.clear()


async def test_a_service_that_went_away_is_told_where_the_answer_would_be(visit: Visit) -> None:
    await visit.inside()
    await visit.page.route("**/graphql", cut)
    await visit.run("12_me")
    await visit.status("failed")
    await expect(visit.find("#events")).to_contain_text("The service cannot be reached: look whether it runs")
    await visit.page.unroute("**/graphql")
    await visit.page.route("**/graphql", answer_with(502, "<h1>Bad Gateway</h1>"))
    await visit.page.click("#run")
    await expect(visit.find("#events")).to_contain_text("HTTP 502, and not from the service")
    visit.complaints.clear()


async def test_a_sign_in_that_nobody_answers_is_told_in_the_form(visit: Visit) -> None:
    await visit.open()
    await visit.page.route("**/api/auth/login", cut)
    await visit.sign_in()
    await expect(visit.find("#sign-in-error")).to_contain_text("The service cannot be reached")
    visit.complaints.clear()


@pytest.mark.parametrize("status", [429, 503])
async def test_a_renewal_that_is_refused_for_now_signs_nobody_out(visit: Visit, status: int) -> None:
    await visit.inside()
    busy = f'{{"code": {status}, "message": "Busy: try again.", "error": "RATE_LIMITED"}}'
    await visit.page.route("**/api/auth/refresh", answer_with(status, busy, "application/json"))
    await visit.page.evaluate(
        "sessionStorage.setItem('sshcast.session', "
        "JSON.stringify({...JSON.parse(sessionStorage.getItem('sshcast.session')), access_token: 'old'}))"
    )
    await visit.run("12_me")
    await expect(visit.find("#events")).to_contain_text("Busy: try again.")
    await expect(visit.find("#work")).to_be_visible()
    await visit.page.unroute("**/api/auth/refresh")
    await visit.page.click("#run")
    await visit.status("done")
    visit.complaints.clear()
