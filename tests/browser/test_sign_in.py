"""Signing in on both pages: by password, by a one-time link, and what happens when a session ends."""

import json
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser.visit import Visit, visiting
from tests.support.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.usefixtures("graphiql")]

COUNT_CHANGES = """() => {
  const change = history.replaceState.bind(history);
  history.replaceState = (...args) => {
    change(...args);
    document.documentElement.dataset.changes = "some";
  };
}"""
both_pages = pytest.mark.parametrize("path", ["/graphql?graphiql", "/graphql"])


@both_pages
async def test_a_password_lets_its_user_in_and_nobody_else(visit: Visit, path: str) -> None:
    await visit.open(path)
    await visit.sign_in(password="not the password")
    await expect(visit.find("#sign-in-error")).not_to_be_empty()
    await expect(visit.find("#work")).to_be_hidden()
    visit.complaints.clear()  # the browser tells of the 401
    await visit.sign_in()
    await expect(visit.find("#work")).to_be_visible()
    await expect(visit.find("#who")).to_have_text("the.operator · operator")
    await expect(visit.find("#sign-in")).to_be_hidden()


@both_pages
async def test_a_one_time_link_signs_in_once_and_leaves_no_code_in_the_address(
    browser: Browser, service: Running, visit: Visit, path: str
) -> None:
    link = f"{path}#code={service.service.links.issue(service.users['admin'].id)}"
    await visit.open(link)
    await expect(visit.find("#who")).to_have_text("the.admin · admin")
    assert "code" not in visit.page.url
    async with visiting(browser, service.url) as second:
        await second.open(link)
        await expect(second.find("#sign-in-error")).not_to_be_empty()
        await expect(second.find("#work")).to_be_hidden()
        second.complaints.clear()


def link_of(service: Running, role: str, path: str) -> str:
    return f"{path}#code={service.service.links.issue(service.users[role].id)}"


@both_pages
async def test_a_link_that_is_opened_where_the_form_is_open_signs_in_without_loading_anything_anew(
    visit: Visit, service: Running, path: str
) -> None:
    await visit.open(path)
    await expect(visit.find("#sign-in")).to_be_visible()
    await visit.page.evaluate("document.documentElement.dataset.same = 'page'")
    await visit.open(link_of(service, "admin", path))
    await expect(visit.find("#who")).to_have_text("the.admin · admin")
    await expect(visit.find("#work")).to_be_visible()
    await expect(visit.find("html")).to_have_attribute("data-same", "page")
    assert visit.page.url == visit.url + path


@both_pages
async def test_a_link_of_another_user_in_an_open_tab_leaves_nothing_of_the_one_before(
    visit: Visit, service: Running, path: str
) -> None:
    await visit.inside(path)
    await visit.page.evaluate("document.documentElement.dataset.same = 'page'")
    await visit.open(link_of(service, "admin", path))
    await expect(visit.find("#who")).to_have_text("the.admin · admin")
    await expect(visit.find("html[data-same]")).to_have_count(0)
    await expect(visit.find("#work")).to_be_visible()


async def test_a_link_of_another_user_in_another_tab_leaves_the_first_one_to_its_user(
    visit: Visit, service: Running
) -> None:
    await visit.inside()
    second = await visit.page.context.new_page()
    await second.goto(visit.url + link_of(service, "admin", "/graphql"))
    await expect(second.locator("#who")).to_have_text("the.admin · admin")
    await visit.run("12_me")
    await visit.status("done")
    await expect(visit.find("#events")).to_contain_text('"the.operator"')


@both_pages
async def test_a_used_link_in_an_open_tab_says_so_and_what_to_do(visit: Visit, service: Running, path: str) -> None:
    link = link_of(service, "admin", path)
    await visit.open(link)
    await expect(visit.find("#who")).to_have_text("the.admin · admin")
    await visit.open(link)
    await expect(visit.find("#notice")).to_contain_text("This sign-in link was used already or is too old.")
    await expect(visit.find("#notice")).to_contain_text("Ask for a new link")
    await expect(visit.find("#notice")).to_contain_text("You are still signed in as the.admin.")
    await expect(visit.find("#who")).to_have_text("the.admin · admin")
    assert visit.page.url == visit.url + path
    await visit.page.click("#notice-close")
    await expect(visit.find("#notice")).to_be_hidden()
    await visit.page.click("#sign-out")
    await expect(visit.find("#sign-in")).to_be_visible()
    await visit.open(link)
    await expect(visit.find("#sign-in-error")).to_contain_text("used already or is too old. Ask for a new link")
    visit.complaints.clear()  # the browser tells of the 401s


async def test_who_signs_in_after_a_session_has_ended_sees_nothing_of_the_user_before(visit: Visit) -> None:
    await visit.inside()
    await lose(visit)
    await visit.run("12_me")
    await expect(visit.find("#sign-in")).to_be_visible()
    await visit.page.evaluate("document.documentElement.dataset.same = 'page'")
    await visit.sign_in("the.viewer")
    await expect(visit.find("#who")).to_have_text("the.viewer · viewer")
    await expect(visit.find("html[data-same]")).to_have_count(0)
    visit.complaints.clear()


async def test_signing_out_ends_the_session_here_and_on_the_service(visit: Visit, service: Running) -> None:
    await visit.inside()
    token = await session(visit)
    await visit.page.click("#sign-out")
    await expect(visit.find("#sign-in")).to_be_visible()
    assert await visit.page.evaluate("sessionStorage.getItem('sshcast.session')") is None
    answer = await service.http.get("/api/auth/profile", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert answer.status_code == 401


async def test_an_access_token_that_has_run_out_is_renewed_unnoticed(visit: Visit) -> None:
    await visit.inside()
    (old,) = await visit.page.context.cookies()
    await keep(visit, await session(visit) | {"access_token": "one that has run out"})
    await visit.run("12_me")
    await visit.status("done")
    await expect(visit.find("#events")).to_contain_text('"the.operator"')
    (new,) = await visit.page.context.cookies()
    assert (new["name"], new["value"] == old["value"]) == (old["name"], False)
    visit.complaints.clear()  # the browser tells of the 401


async def test_when_the_session_cannot_be_renewed_the_form_is_shown_again(visit: Visit) -> None:
    await visit.inside()
    await lose(visit)
    await visit.run("12_me")
    await expect(visit.find("#sign-in")).to_be_visible()
    await expect(visit.find("#sign-in-error")).to_have_text("Your session has ended: sign in again.")
    assert await visit.page.evaluate("sessionStorage.getItem('sshcast.session')") is None
    visit.complaints.clear()


async def test_a_watch_whose_session_ended_leads_to_the_form_with_the_reason(visit: Visit, service: Running) -> None:
    await visit.inside()
    await visit.run("72_watch_executions")
    await visit.status("live")
    token = (await session(visit))["access_token"]
    await service.http.post("/api/auth/logout", headers={"Authorization": f"Bearer {token}"})
    await expect(visit.find("#sign-in")).to_be_visible(timeout=15_000)
    await expect(visit.find("#sign-in-error")).to_have_text("Your session has ended: sign in again.")
    visit.complaints.clear()


async def test_tokens_are_in_no_address_and_in_nothing_that_a_script_reads_after_the_tab(visit: Visit) -> None:
    addresses: list[str] = []
    visit.page.on("request", lambda request: addresses.append(request.url))
    visit.page.on("websocket", lambda socket: addresses.append(socket.url))
    await visit.inside()
    await visit.run("72_watch_executions")
    await visit.status("live")
    token = await session(visit)
    (cookie,) = await visit.page.context.cookies()
    assert (cookie["path"], cookie["httpOnly"], cookie["sameSite"]) == ("/api/auth/refresh", True, "Strict")
    assert set(token) == {"access_token", "user", "since"}
    kept = await visit.page.evaluate("JSON.stringify(localStorage) + document.cookie")
    for secret in (token["access_token"], cookie["value"]):
        assert secret not in kept
        assert not [address for address in addresses if secret in address]
    assert {urlsplit(address).query for address in addresses} == {""}


async def test_what_is_typed_into_graphiql_does_not_stay_in_the_address(visit: Visit) -> None:
    """GraphiQL itself puts it there, some time after the last key."""
    await visit.inside("/graphql?graphiql")
    await visit.page.click(".graphiql-query-editor .view-lines")
    await visit.page.evaluate(COUNT_CHANGES)
    await visit.page.keyboard.type("# a secret\n")
    await expect(visit.find("html[data-changes]")).to_be_attached()
    assert visit.page.url == f"{visit.url}/graphql?graphiql"


async def session(visit: Visit) -> dict[str, str]:
    found: dict[str, str] = json.loads(await visit.page.evaluate("sessionStorage.getItem('sshcast.session')"))
    return found


async def lose(visit: Visit) -> None:
    """Neither the access token nor the cookie is any good."""
    await keep(visit, await session(visit) | {"access_token": "old"})
    await visit.page.context.clear_cookies()


async def keep(visit: Visit, value: dict[str, str]) -> None:
    await visit.page.evaluate("value => sessionStorage.setItem('sshcast.session', JSON.stringify(value))", value)
