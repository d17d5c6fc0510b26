"""Signing in on both pages: by password, by a one-time link, and what happens when a session ends."""

import json
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from tests.browser.visit import Visit, visiting
from tests.service import Running

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.usefixtures("graphiql")]

COUNT_CHANGES = """() => {
  const change = history.replaceState.bind(history);
  history.replaceState = (...args) => {
    change(...args);
    document.documentElement.dataset.changes = "some";
  };
}"""
both_pages = pytest.mark.parametrize("path", ["/graphql", "/graphql?plain"])


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
    old = await session(visit)
    await keep(visit, old | {"access_token": "one that has run out"})
    await visit.run("12_me")
    await visit.status("done")
    await expect(visit.find("#events")).to_contain_text('"the.operator"')
    assert (await session(visit))["refresh_token"] != old["refresh_token"]
    visit.complaints.clear()  # the browser tells of the 401


async def test_when_the_session_cannot_be_renewed_the_form_is_shown_again(visit: Visit) -> None:
    await visit.inside()
    await keep(visit, {**(await session(visit)), "access_token": "old", "refresh_token": "old"})
    await visit.run("12_me")
    await expect(visit.find("#sign-in")).to_be_visible()
    assert await visit.page.evaluate("sessionStorage.getItem('sshcast.session')") is None
    visit.complaints.clear()


async def test_tokens_are_in_no_address_cookie_or_storage_that_outlives_the_tab(visit: Visit) -> None:
    addresses: list[str] = []
    visit.page.on("request", lambda request: addresses.append(request.url))
    visit.page.on("websocket", lambda socket: addresses.append(socket.url))
    await visit.inside()
    await visit.run("72_watch_executions")
    await visit.status("live")
    token = await session(visit)
    kept = await visit.page.evaluate("JSON.stringify(localStorage) + document.cookie")
    for secret in (token["access_token"], token["refresh_token"]):
        assert secret not in kept
        assert not [address for address in addresses if secret in address]
    assert {urlsplit(address).query for address in addresses} <= {"", "plain"}
    assert await visit.page.context.cookies() == []


async def test_what_is_typed_into_graphiql_does_not_stay_in_the_address(visit: Visit) -> None:
    """GraphiQL itself puts it there, some time after the last key."""
    await visit.inside("/graphql")
    await visit.page.click(".graphiql-query-editor .view-lines")
    await visit.page.evaluate(COUNT_CHANGES)
    await visit.page.keyboard.type("# a secret\n")
    await expect(visit.find("html[data-changes]")).to_be_attached()
    assert visit.page.url == f"{visit.url}/graphql"


async def session(visit: Visit) -> dict[str, str]:
    found: dict[str, str] = json.loads(await visit.page.evaluate("sessionStorage.getItem('sshcast.session')"))
    return found


async def keep(visit: Visit, value: dict[str, str]) -> None:
    await visit.page.evaluate("value => sessionStorage.setItem('sshcast.session', JSON.stringify(value))", value)
