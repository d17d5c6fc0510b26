"""One sign-in for all tabs of a browser: a cookie that scripts cannot read, one refresh and one sign-out for all."""

import json
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.support.browser.visit import Visit, visiting
from tests.support.service import Running
from tests.support.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

REFRESH = "/api/auth/refresh"
# A query by the page's own client, as its buttons do it.
ASK = """() => import("/playground/client.js").then(({ request }) => request({ query: "{ me { name } }" }))"""
BEGIN = f"() => {{ window.asked = ({ASK})(); }}"


async def count_refreshes(visit: Visit) -> list[str]:
    """The refreshes of all tabs from now on."""
    found: list[str] = []
    visit.page.context.on("request", lambda each: found.append(each.url) if each.url.endswith(REFRESH) else None)
    return found


async def open_tab(visit: Visit, path: str = "/executions") -> Page:
    """A tab as a link opens it that was copied elsewhere: nothing of the first tab's storage comes along."""
    page = await visit.page.context.new_page()
    await page.goto(visit.url + path)
    return page


async def expire(*pages: Page) -> None:
    """The access token of these tabs has run out."""
    for page in pages:
        found = json.loads(await page.evaluate("sessionStorage.getItem('sshcast.session')"))
        text = json.dumps(found | {"access_token": "one that has run out"})
        await page.evaluate("text => sessionStorage.setItem('sshcast.session', text)", text)


async def ask(page: Page) -> Any:
    return await page.evaluate(ASK)


async def test_a_link_opened_in_a_new_tab_is_signed_in(visit: Visit) -> None:
    await visit.inside("/")
    refreshes = await count_refreshes(visit)
    page = await open_tab(visit)
    await expect(page.locator("#who")).to_have_text("the.operator · operator")
    await expect(page.locator("#work")).to_be_visible()
    await expect(page.locator("#sign-in")).to_be_hidden()
    assert page.url == f"{visit.url}/executions"
    assert refreshes == []  # the first tab handed over what it has


async def test_a_new_tab_after_all_others_were_closed_is_signed_in_by_the_cookie(visit: Visit) -> None:
    await visit.inside("/")
    refreshes = await count_refreshes(visit)
    await visit.page.goto("about:blank")
    page = await open_tab(visit, "/graphql")
    await expect(page.locator("#who")).to_have_text("the.operator · operator")
    assert len(refreshes) == 1
    await visit.open("/")


async def test_tabs_whose_token_has_run_out_make_one_refresh_together(visit: Visit) -> None:
    await visit.inside("/graphql")
    pages = [visit.page, await open_tab(visit, "/graphql"), await open_tab(visit, "/graphql")]
    for page in pages:
        await expect(page.locator("#who")).to_have_text("the.operator · operator")
    refreshes = await count_refreshes(visit)
    await expire(*pages)
    for page in pages:  # all at once, as no answer is awaited
        await page.evaluate(BEGIN)
    for page in pages:
        assert (await page.evaluate("window.asked"))["data"]["me"]["name"] == "the.operator"
    assert len(refreshes) == 1
    tokens = {await page.evaluate("sessionStorage.getItem('sshcast.session')") for page in pages}
    assert len(tokens) == 1
    visit.complaints.clear()  # the browser tells of the 401s


async def test_signing_out_in_one_tab_signs_out_the_others_and_a_reload_does_not_bring_it_back(
    visit: Visit, service: Running
) -> None:
    await visit.inside("/graphql")
    second = await open_tab(visit, "/graphql")
    await expect(second.locator("#who")).to_have_text("the.operator · operator")
    token = json.loads(await second.evaluate("sessionStorage.getItem('sshcast.session')"))["access_token"]
    await visit.page.click("#sign-out")
    for page in (visit.page, second):
        await expect(page.locator("#sign-in")).to_be_visible()
        await page.reload()
        await expect(page.locator("#sign-in")).to_be_visible()
        assert await page.evaluate("sessionStorage.getItem('sshcast.session')") is None
    assert await visit.page.context.cookies() == []
    answer = await service.http.get("/api/auth/profile", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


async def test_signing_in_in_one_tab_signs_in_those_that_show_the_form(visit: Visit) -> None:
    await visit.open("/")
    second = await open_tab(visit, "/graphql")
    await expect(second.locator("#sign-in")).to_be_visible()
    await visit.sign_in()
    await expect(second.locator("#who")).to_have_text("the.operator · operator")
    await expect(second.locator("#work")).to_be_visible()


async def test_scripts_cannot_read_the_cookie(visit: Visit) -> None:
    await visit.inside("/")
    assert await visit.page.evaluate("document.cookie") == ""
    (cookie,) = await visit.page.context.cookies()
    port = visit.url.rpartition(":")[2]
    assert (cookie["name"], cookie["path"]) == (f"sshcast_refresh_{port}", REFRESH)
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    kept = await visit.page.evaluate("JSON.stringify(sessionStorage) + JSON.stringify(localStorage)")
    assert cookie["value"] not in kept


async def test_an_answer_to_a_refresh_that_gets_lost_signs_nobody_out(visit: Visit) -> None:
    await visit.inside("/graphql")
    lost: list[int] = []

    async def lose_the_first(route: Route) -> None:
        if lost:
            await route.continue_()
            return
        lost.append((await route.fetch()).status)  # the service has replaced the token
        await route.abort()

    # The cookie jar must not get the lost answer's cookie, which `fetch` would put there.
    before = await visit.page.context.cookies()
    await visit.page.route(f"**{REFRESH}", lose_the_first)
    await expire(visit.page)
    await visit.page.evaluate(BEGIN)
    await until(lambda: lost)
    await visit.page.context.clear_cookies()
    await visit.page.context.add_cookies(before)  # type: ignore[arg-type]
    assert (await visit.page.evaluate("window.asked"))["data"]["me"]["name"] == "the.operator"
    assert lost == [200]
    visit.complaints.clear()


async def test_a_tab_of_another_user_does_not_go_on_in_the_name_of_the_one_who_signed_in_last(
    visit: Visit, service: Running
) -> None:
    await visit.inside("/graphql")
    code = service.service.links.issue(service.users["admin"].id)
    second = await open_tab(visit, f"/graphql#code={code}")
    await expect(second.locator("#who")).to_have_text("the.admin · admin")
    assert (await ask(visit.page))["data"]["me"]["name"] == "the.operator"
    third = await open_tab(visit, "/graphql")
    await expect(third.locator("#who")).to_have_text("the.admin · admin")
    await expire(visit.page)
    await visit.page.evaluate("document.documentElement.dataset.same = 'page'")
    await visit.run("12_me")
    await expect(visit.find("html[data-same]")).to_have_count(0)
    await expect(visit.find("#who")).to_have_text("the.admin · admin")
    await expect(visit.find("#events")).to_be_hidden()
    visit.complaints.clear()  # the browser tells of the 401


async def test_a_sign_out_that_did_not_reach_the_service_is_made_up_for(visit: Visit, service: Running) -> None:
    await visit.inside("/graphql")
    token = json.loads(await visit.page.evaluate("sessionStorage.getItem('sshcast.session')"))["access_token"]
    await visit.page.route("**/api/auth/**", lambda route: route.abort())
    await visit.page.click("#sign-out")
    await expect(visit.find("#sign-in")).to_be_visible()
    await visit.page.unroute("**/api/auth/**")
    await visit.page.reload()
    await expect(visit.find("#sign-in")).to_be_visible()
    assert await visit.page.context.cookies() == []
    answer = await service.http.get("/api/auth/profile", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    visit.complaints.clear()


async def test_a_visitor_who_never_signed_in_asks_for_no_refresh(browser: Browser, service: Running) -> None:
    async with visiting(browser, service.url) as visit:
        refreshes = await count_refreshes(visit)
        await visit.open("/")
        await expect(visit.find("#sign-in")).to_be_visible()
        assert refreshes == []
