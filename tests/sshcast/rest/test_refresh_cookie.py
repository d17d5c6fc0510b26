"""The cookie that holds a browser's refresh token: who gets it, what it opens, and who cannot use it."""

from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import pytest

from tests.support.rest import PASSWORD, Face
from tests.support.service import client, running

pytestmark = pytest.mark.anyio

REFRESH = "/api/auth/refresh"
LOGIN = {"username": "the.operator", "password": PASSWORD, "keep": "cookie"}
PUBLIC = "https://sshcast.example:8443"


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    """A service of the test's own, whose client keeps no cookie by itself."""
    async with running(tmp_path) as service:
        yield service


def port_of(face: Face) -> str:
    return face.url.rpartition(":")[2]


def read_cookie(answer: Any) -> Morsel[str]:
    """Read the only cookie that the answer sets."""
    (header,) = answer.headers.get_list("set-cookie")
    (morsel,) = SimpleCookie(header).values()
    return morsel


async def sign_in(face: Face, **headers: str) -> Morsel[str]:
    answer = await face.http.post("/api/auth/login", json=LOGIN, headers=headers)
    assert answer.status_code == 200
    face.http.cookies.clear()
    return read_cookie(answer)


async def refresh(face: Face, *pairs: str, json: Any = None, **headers: str) -> Any:
    answer = await face.http.post(REFRESH, json=json or {}, headers={"Cookie": "; ".join(pairs)} | headers)
    face.http.cookies.clear()
    return answer


def pair(cookie: Morsel[str]) -> str:
    return f"{cookie.key}={cookie.value}"


async def test_a_browser_gets_its_refresh_token_in_a_cookie_and_nowhere_else(face: Face) -> None:
    answer = await face.http.post("/api/auth/login", json=LOGIN)
    assert set(answer.json()["data"]) == {"access_token", "user"}
    cookie = read_cookie(answer)
    assert cookie.key == f"sshcast_refresh_{port_of(face)}"
    assert (cookie["path"], cookie["httponly"], cookie["samesite"].lower()) == (REFRESH, True, "strict")
    assert (cookie["secure"], cookie["domain"]) == ("", "")
    assert 604_000 < int(cookie["max-age"]) <= 604_800
    assert cookie.value not in answer.text


async def test_a_sign_in_link_gives_the_cookie_too(face: Face) -> None:
    code = face.service.links.issue(face.users["admin"].id)
    answer = await face.http.post("/api/auth/link", json={"code": code, "keep": "cookie"})
    assert set(answer.json()["data"]) == {"access_token", "user"}
    assert (await refresh(face, pair(read_cookie(answer)))).json()["data"]["user"]["role"] == "admin"


async def test_who_does_not_ask_for_the_cookie_gets_none(face: Face) -> None:
    wanted = {name: value for name, value in LOGIN.items() if name != "keep"}
    login = await face.http.post("/api/auth/login", json=wanted)
    token = login.json()["data"]["refresh_token"]
    again = await face.http.post(REFRESH, json={"refresh_token": token})
    assert set(again.json()["data"]) == {"access_token", "refresh_token", "user"}
    assert "set-cookie" not in login.headers
    assert "set-cookie" not in again.headers


async def test_keep_takes_nothing_but_its_one_value(face: Face) -> None:
    for wrong, message in (
        ("body", "must be one of cookie."),
        (True, "must be a string."),
        ("", "must be one of cookie."),
    ):
        answer = await face.http.post("/api/auth/login", json=LOGIN | {"keep": wrong})
        assert (answer.status_code, answer.json()["field"]) == (400, "keep")
        assert message in answer.json()["message"]


async def test_the_cookie_is_replaced_with_each_refresh_and_its_reuse_ends_the_session(face: Face) -> None:
    first = await sign_in(face)
    answer = await refresh(face, pair(first))
    assert set(answer.json()["data"]) == {"access_token", "user"}
    second = read_cookie(answer)
    assert (second.key, second["path"]) == (first.key, REFRESH)
    assert second.value != first.value
    third = read_cookie(await refresh(face, pair(second)))
    stolen = await refresh(face, pair(first))  # the one before the last: no lost answer explains that
    assert stolen.status_code == 401
    assert (read_cookie(stolen).key, read_cookie(stolen)["max-age"]) == (first.key, "0")
    assert (await refresh(face, pair(third))).status_code == 401


async def test_a_token_in_the_body_is_the_one_that_counts(face: Face) -> None:
    cookie = await sign_in(face)
    answer = await refresh(face, pair(cookie), json={"refresh_token": "not a token"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert (await refresh(face, pair(cookie))).status_code == 200


@pytest.mark.parametrize(
    "pairs", [(), ("sshcast_refresh_1=a.b.c",), ("{name}=",), ("{cookie}", "{name}=a.b.c")], ids=str
)
async def test_without_exactly_one_cookie_of_this_port_the_token_is_missing(face: Face, pairs: tuple[str, ...]) -> None:
    cookie = await sign_in(face)
    answer = await refresh(face, *(each.format(name=cookie.key, cookie=pair(cookie)) for each in pairs))
    assert (answer.status_code, answer.json()["error"], answer.json()["field"]) == (400, "INVALID", "refresh_token")


@pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 5000, "{access}"])
async def test_a_cookie_that_holds_no_refresh_token_is_refused_and_taken_away(face: Face, token: str) -> None:
    cookie = await sign_in(face)
    answer = await refresh(face, f"{cookie.key}={token.format(access=face.service.tokens.access(face.users['admin']))}")
    assert answer.status_code == 401
    assert read_cookie(answer)["max-age"] == "0"


async def test_the_cookie_opens_nothing_but_the_refresh(face: Face) -> None:
    cookie = await sign_in(face)
    for method, path in (("GET", "/api/tasks"), ("GET", "/api/auth/profile"), ("POST", "/api/auth/logout")):
        answer = await face.http.request(method, path, headers={"Cookie": pair(cookie)})
        assert answer.status_code == 401
    answer = await face.http.post("/graphql", json={"query": "{ me { id } }"}, headers={"Cookie": pair(cookie)})
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_signing_out_takes_the_cookie_away_and_ends_its_session(face: Face) -> None:
    cookie = await sign_in(face)
    answer = await refresh(face, pair(cookie))
    token, cookie = answer.json()["data"]["access_token"], read_cookie(answer)
    out = await face.http.post("/api/auth/logout", headers={"Authorization": f"Bearer {token}"})
    cleared = read_cookie(out)
    assert out.json() == {"code": 200, "message": "Signed out.", "data": None}
    assert (cleared.key, cleared["path"], cleared["max-age"]) == (cookie.key, REFRESH, "0")
    assert (await refresh(face, pair(cookie))).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Content-Type": "text/plain"}, 400),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 400),
    ],
    ids=str,
)
async def test_a_page_of_another_origin_cannot_use_the_cookie(face: Face, headers: dict[str, str], status: int) -> None:
    """`http://127.0.0.1:1` is another program on this machine: browsers send it the same cookies."""
    cookie = await sign_in(face)
    answer = await refresh(face, pair(cookie), **headers)
    assert answer.status_code == status
    assert "access_token" not in answer.text
    assert "set-cookie" not in answer.headers
    assert (await refresh(face, pair(cookie), Origin=face.url, **{"Sec-Fetch-Site": "same-origin"})).status_code == 200


@pytest.mark.parametrize(
    ("host", "port"),
    [("sshcast.example:8443", "8443"), ("sshcast.example", "8443"), ("127.0.0.1:9000", "9000"), ("[::1]", "8443")],
)
async def test_behind_https_the_cookie_goes_over_https_only_and_is_named_by_the_port(
    tmp_path: Path, host: str, port: str
) -> None:
    async with running(tmp_path, public_url=PUBLIC) as service:
        cookie = await sign_in(service, Host=host, Origin=PUBLIC)
        assert (cookie.key, cookie["secure"]) == (f"__Secure-sshcast_refresh_{port}", True)
        answer = await refresh(service, pair(cookie), Host=host, Origin=PUBLIC)
        assert (answer.status_code, read_cookie(answer).key) == (200, cookie.key)
        assert (await refresh(service, f"sshcast_refresh_{port}={cookie.value}", Host=host)).status_code == 400


async def test_two_services_on_one_host_keep_their_cookies_apart(face: Face, tmp_path: Path) -> None:
    """One client, as one browser: it sends both cookies to both."""
    async with running(tmp_path / "second") as second, client(face.url) as browser:
        for url in (face.url, second.url):
            assert (await browser.post(f"{url}/api/auth/login", json=LOGIN)).status_code == 200
        for url in (face.url, second.url, face.url):
            assert (await browser.post(f"{url}{REFRESH}", json={})).status_code == 200
        assert len(browser.cookies) == 2


async def test_no_log_has_a_token_of_the_cookie(face: Face, capfd: pytest.CaptureFixture[str]) -> None:
    cookie = await sign_in(face)
    again = read_cookie(await refresh(face, pair(cookie)))
    await refresh(face, f"{cookie.key}=a.b.c")
    shown = "".join(capfd.readouterr())
    assert cookie.value not in shown
    assert again.value not in shown
