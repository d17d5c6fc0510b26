"""The sign-in routes, and what a token opens."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from db import users
from resolvers.throttle import LoginThrottle
from tests.support.rest import PASSWORD, Face, clock, face_of, opened

pytestmark = pytest.mark.anyio

GUARDED = [
    ("GET", "/api/tasks"),
    ("POST", "/api/tasks"),
    ("PUT", "/api/tasks/1"),
    ("DELETE", "/api/tasks/1"),
    ("POST", "/api/tasks/1/execute"),
    ("GET", "/api/tasks/1/executions"),
    ("GET", "/api/task/1/log"),
    ("POST", "/api/auth/logout"),
    ("GET", "/api/auth/profile"),
]


@pytest.fixture
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Face]:
    """A service of the test's own, for what would sign others out or slow them down."""
    folder = tmp_path_factory.mktemp("own")
    async with opened(folder) as service, face_of(service, folder) as found:
        yield found


async def login(face: Face, name: str = "the.operator", password: str = PASSWORD, **rest: Any) -> Any:
    return await face.ask("POST", "/api/auth/login", None, json={"username": name, "password": password}, **rest)


async def test_login_answers_with_tokens_and_the_user(rest: Face) -> None:
    answer = await login(rest)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"code", "message", "data"}
    assert body["code"] == 200
    assert set(body["data"]) == {"access_token", "refresh_token", "user"}
    assert set(body["data"]["user"]) == {"id", "username", "role", "created_at"}
    assert body["data"]["user"]["username"] == "the.operator"
    assert body["data"]["user"]["role"] == "operator"


async def test_the_access_token_opens_the_routes_and_says_who_it_is_for(rest: Face) -> None:
    token = (await login(rest)).json()["data"]["access_token"]
    answer = await rest.http.get("/api/tasks", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert (claims["user_id"], claims["username"], claims["role"]) == (
        rest.users["operator"].id,
        "the.operator",
        "operator",
    )
    assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.parametrize(
    ("name", "password"), [("the.operator", "wrong"), ("nobody", PASSWORD), ("the.operator\0", "x")]
)
async def test_a_wrong_name_and_a_wrong_password_look_the_same(own: Face, name: str, password: str) -> None:
    answer = await login(own, name, password)
    assert answer.status_code == 401
    assert answer.json() == {
        "code": 401,
        "message": "The user name or the password is wrong.",
        "error": "UNAUTHENTICATED",
    }


async def test_guessing_is_slowed_down_with_429(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("guessed")
    async with (
        opened(folder, throttle=LoginThrottle(clock=clock, free_tries=2)) as service,
        face_of(service, folder) as face,
    ):
        answers = [await login(face, password="wrong") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[2].json()["code"] == 429
    assert answers[2].json()["error"] == "RATE_LIMITED"
    assert int(answers[2].headers["Retry-After"]) >= 1


async def test_refresh_gives_new_tokens_that_work(rest: Face) -> None:
    first = (await login(rest)).json()["data"]
    answer = await rest.ask("POST", "/api/auth/refresh", None, json={"refresh_token": first["refresh_token"]})
    assert answer.status_code == 200
    second = answer.json()["data"]
    assert set(second) == {"access_token", "refresh_token", "user"}
    profile = await rest.http.get("/api/auth/profile", headers={"Authorization": f"Bearer {second['access_token']}"})
    assert profile.json()["data"] == second["user"]


@pytest.mark.parametrize("stale", ["Bearer not-a-token", "Basic dGhlLmFkbWluOng=", "expired"])
@pytest.mark.parametrize("path", ["/api/auth/refresh", "/api/auth/login", "/api/auth/link"])
async def test_signing_in_anew_works_with_a_stale_token_along(rest: Face, path: str, stale: str) -> None:
    """An HTTP client's interceptor adds the old access token to every request, the one that renews it included."""
    if stale == "expired":
        stale = f"Bearer {rest.service.tokens.access(rest.users['operator'], seconds=-1)}"
    user = rest.users["operator"]
    bodies = {
        "/api/auth/refresh": {"refresh_token": (await login(rest)).json()["data"]["refresh_token"]},
        "/api/auth/login": {"username": user.name, "password": PASSWORD},
        "/api/auth/link": {"code": rest.service.links.issue(user.id)},
    }
    answer = await rest.ask("POST", path, None, json=bodies[path], headers={"Authorization": stale})
    assert answer.status_code == 200


async def test_a_client_that_refreshes_and_replays_once_gets_through(rest: Face) -> None:
    """What an axios client does on 401; each answer must have the code that its interceptor looks at."""
    held = {
        "access": rest.service.tokens.access(rest.users["operator"], seconds=-1),
        "refresh": (await login(rest)).json()["data"]["refresh_token"],
    }

    async def intercepted(method: str, path: str, body: Any = None, *, replay: bool = True) -> Any:
        answer = await rest.http.request(method, path, json=body, headers={"Authorization": f"Bearer {held['access']}"})
        if answer.status_code == 401 and replay:
            renewed = await intercepted("POST", "/api/auth/refresh", {"refresh_token": held["refresh"]}, replay=False)
            held.update(access=renewed["data"]["access_token"], refresh=renewed["data"]["refresh_token"])
            return await intercepted(method, path, body, replay=False)
        found = answer.json()
        if found.get("code", 200) != 200:
            raise AssertionError(found)
        return found

    wanted = {"name": "by a client", "command": "df", "server_id": rest.server.id, "cron_expr": "@once"}
    created = await intercepted("POST", "/api/tasks", wanted)
    assert created["data"]["name"] == "by a client"
    assert (await intercepted("GET", "/api/tasks"))["total"] >= 1
    assert (await intercepted("GET", f"/api/task/{created['execution_id']}/log"))["status"] == 0


async def test_a_token_of_one_kind_is_not_taken_for_the_other(rest: Face) -> None:
    data = (await login(rest)).json()["data"]
    as_access = await rest.http.get("/api/tasks", headers={"Authorization": f"Bearer {data['refresh_token']}"})
    as_refresh = await rest.ask("POST", "/api/auth/refresh", None, json={"refresh_token": data["access_token"]})
    assert (as_access.status_code, as_refresh.status_code) == (401, 401)


async def test_logout_ends_the_session(own: Face) -> None:
    data = (await login(own)).json()["data"]
    signed = {"Authorization": f"Bearer {data['access_token']}"}
    answer = await own.http.post("/api/auth/logout", headers=signed)
    assert answer.json() == {"code": 200, "message": "Signed out.", "data": None}
    assert (await own.http.get("/api/auth/profile", headers=signed)).status_code == 401
    assert (
        await own.ask("POST", "/api/auth/refresh", None, json={"refresh_token": data["refresh_token"]})
    ).status_code == 401
    assert (await login(own)).status_code == 200


async def test_the_profile_is_the_users_own(rest: Face) -> None:
    answer = await rest.ask("GET", "/api/auth/profile", "viewer")
    body = answer.json()
    assert set(body) == {"code", "message", "data"}
    assert body["data"] == {
        "id": rest.users["viewer"].id,
        "username": "the.viewer",
        "role": "viewer",
        "created_at": body["data"]["created_at"],
    }


async def test_a_sign_in_link_works_once(rest: Face) -> None:
    code = rest.service.links.issue(rest.users["admin"].id)
    first, second = [await rest.ask("POST", "/api/auth/link", None, json={"code": code}) for _ in range(2)]
    assert first.json()["data"]["user"]["role"] == "admin"
    assert (second.status_code, second.json()["code"]) == (401, 401)


async def test_two_uses_of_a_link_at_once_sign_one_in(rest: Face) -> None:
    code = rest.service.links.issue(rest.users["admin"].id)
    answers = await asyncio.gather(*(rest.ask("POST", "/api/auth/link", None, json={"code": code}) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer " + "x" * 5000,
        "Basic dGhlLmFkbWluOng=",
        "Token {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer {token},{token}",
        "Bearer {token} {token}",
    ],
    ids=str,
)
async def test_every_route_answers_401_without_a_good_token(
    rest: Face, method: str, path: str, header: str | None
) -> None:
    """Whatever else is wrong with the request: a stranger learns nothing else."""
    token = rest.service.tokens.access(rest.users["admin"])
    headers = {} if header is None else {"Authorization": header.format(token=token)}
    for address in (path, path.replace("1", "x"), f"{path}?nothing=1"):
        answer = await rest.http.request(method, address, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, 401)
        assert answer.json()["error"] == "UNAUTHENTICATED"
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_a_token_in_the_address_opens_nothing(rest: Face, method: str, path: str) -> None:
    token = rest.service.tokens.access(rest.users["admin"])
    answer = await rest.http.request(method, path, params={"token": token, "access_token": token})
    assert answer.status_code == 401


@pytest.mark.parametrize("change", [{"disabled": True}, {"token_version": 7}])
async def test_a_token_of_a_user_who_was_disabled_or_signed_out_is_401(own: Face, change: dict[str, Any]) -> None:
    signed = own.as_user("viewer")
    await own.service.store.run(users.update, own.users["viewer"].id, change)
    answer = await own.http.get("/api/tasks", headers=signed)
    assert (answer.status_code, answer.json()["code"]) == (401, 401)


async def test_an_expired_token_is_401(rest: Face) -> None:
    token = rest.service.tokens.access(rest.users["admin"], seconds=-1)
    answer = await rest.http.get("/api/tasks", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, 401)


async def test_a_role_that_was_taken_away_counts_at_once(own: Face) -> None:
    signed = own.as_user("operator")
    await own.service.store.run(users.update, own.users["operator"].id, {"role": "viewer"})
    answer = await own.http.post("/api/tasks/1/execute", headers=signed)
    assert (answer.status_code, answer.json()["code"]) == (403, 403)


@pytest.mark.parametrize(("method", "path"), [item for item in GUARDED if item[0] != "GET" and "auth" not in item[1]])
@pytest.mark.parametrize("id", ["1", "x", str(2**62)])
async def test_a_viewer_is_told_403_and_nothing_else(rest: Face, method: str, path: str, id: str) -> None:
    """Never 401: a client would refresh its token and try again, for ever."""
    answer = await rest.ask(method, path.replace("1", id), "viewer", json={"wrong": 1})
    assert (answer.status_code, answer.json()["code"], answer.json()["error"]) == (403, 403, "FORBIDDEN")


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
async def test_the_scheme_is_read_in_any_case(rest: Face, scheme: str) -> None:
    token = rest.service.tokens.access(rest.users["viewer"])
    answer = await rest.http.get("/api/tasks", headers={"Authorization": f"{scheme} {token}"})
    assert answer.status_code == 200
