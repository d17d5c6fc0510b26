"""Whatever is no token of ours is refused alike on REST, GraphQL over HTTP, server-sent events and WebSocket."""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake

from db import users
from db.values import Role
from resolvers.tokens import MOST_BYTES, TokenIssuer
from sshcast import logs
from tests.support.desk import SIGNING_KEY, Clock
from tests.support.forgeries import CHANGES, CLAIMS, FORGERIES, HEADERS, NOW, OTHER_KEY, PAYLOADS, encoded, signed
from tests.support.service import PROTOCOL, Running, Socket, password_hash, running

pytestmark = pytest.mark.anyio

UPDATES = "subscription { executionUpdates { id } }"
ME = "{ me { name } }"
# Spaces around a token are the header's, and what has them is a token all the same.
FORGED = {name: forge for name, forge in FORGERIES.items() if name not in ("in spaces", "with a line break")}


def tokens() -> Iterator[tuple[str, str]]:
    """Each of the table, with its name."""
    good = signed(CLAIMS)
    for name, header in HEADERS.items():
        yield f"header: {name}", signed(CLAIMS, header)
        yield f"header: {name}, another key", signed(CLAIMS, header, key=OTHER_KEY)
        yield f"header: {name}, stripped", signed(CLAIMS, header).rpartition(".")[0] + "."
    for name, change in CHANGES.items():
        yield f"claim: {name}", signed(CLAIMS | change)
    for name in CLAIMS:
        yield f"claim absent: {name}", signed({key: value for key, value in CLAIMS.items() if key != name})
    for number, payload in enumerate(PAYLOADS):
        yield f"payload {number}", signed(payload)
    for name, forge in FORGED.items():
        yield f"forged: {name}", forge(good)
    yield "another key", signed(CLAIMS, key=OTHER_KEY)
    yield "another digest", signed(CLAIMS, digest="sha512")
    yield "a refresh token", signed(CLAIMS | {"typ": "refresh"})
    yield "a personal token that is none", "sshcast_" + "x" * 43
    yield "as long as may be", encoded(b"x" * MOST_BYTES)
    yield "a user that is not there", signed(CLAIMS | {"user_id": 99, "sub": "99"})
    yield "a version before", signed(CLAIMS | {"tv": 2})
    yield "a session that is not there", signed(CLAIMS | {"sid": 99})


TOKENS = dict(tokens())


@dataclass(slots=True)
class Log:
    """What the service wrote meanwhile."""

    stream: io.StringIO

    def holds(self, token: str) -> bool:
        text = self.stream.getvalue()
        return any(len(part) > 8 and part in text for part in token.split("."))


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    """All of it, from DEBUG on."""
    before, level = logging.getLogger().handlers, logging.getLogger().level
    found = Log(io.StringIO())
    logs.configure(level=logging.DEBUG, stream=found.stream)
    yield found
    logging.getLogger().handlers, logging.getLogger().level = before, level
    structlog.reset_defaults()


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, log: Log) -> AsyncIterator[Running]:
    """Its clock stands at noon; the user 7 of the claims is there."""
    clock = Clock()
    parts = {"clock": clock, "tokens": TokenIssuer(SIGNING_KEY, clock=clock)}
    async with running(tmp_path_factory.mktemp("tokens"), parts=parts) as found:
        store = found.service.store
        row: dict[str, Any] = {"password_hash": password_hash(), "role": Role.OPERATOR, "at": clock()}
        while (user := await store.run(users.insert, name=f"ada {row['at']}{NOW}"[-30:], **row)).id < 7:
            row["at"] = row["at"].replace(microsecond=user.id)
        await store.run(users.update, 7, {"token_version": 3})
        yield found


Headers = list[tuple[str, str | bytes]]


def raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value if isinstance(value, bytes) else value.encode("ascii")) for name, value in headers]


async def over_rest(service: Running, headers: Headers, url: str = "/api/tasks", **rest: Any) -> str:
    answer = await service.http.get(url, headers=raw(headers), **rest)
    return f"{answer.status_code} {answer.json().get('error', 'in')}"


async def over_graphql(service: Running, headers: Headers, url: str = "/graphql") -> str:
    answer = await service.http.post(url, headers=raw(headers), json={"query": ME})
    return code_of(answer)


async def over_events(service: Running, headers: Headers, url: str = "/graphql") -> str:
    accept: Headers = [("Accept", "text/event-stream")]
    async with service.http.stream("POST", url, headers=raw(accept + headers), json={"query": UPDATES}) as answer:
        if answer.headers["content-type"].startswith("text/event-stream"):
            return f"{answer.status_code} in"
        await answer.aread()
    return code_of(answer)


def code_of(answer: Any) -> str:
    body = answer.json()
    return f"{answer.status_code} {body['errors'][0]['extensions']['code'] if 'errors' in body else 'in'}"


async def over_socket(service: Running, headers: Headers, payload: Any = None, url: str = "/graphql") -> str:
    """With the header in the handshake, or with the payload of connection_init."""
    address = service.url.replace("http://", "ws://") + url
    texts = [(name, value if isinstance(value, str) else value.decode("latin-1")) for name, value in headers]
    async with connect(address, subprotocols=[PROTOCOL], additional_headers=texts, proxy=None) as connection:
        socket = Socket(connection)
        await socket.send(type="connection_init", payload={} if payload is None else payload)
        try:
            return str((await socket.receive())["type"])
        except Exception:
            return str((await socket.closed())[0])


HTTP = (over_rest, over_graphql, over_events)


def sendable(token: str) -> bool:
    """Whether a header can hold it: the clients themselves refuse the rest."""
    return token.isascii() and token.isprintable() and token != ""


@pytest.mark.parametrize("name", TOKENS)
async def test_a_token_that_is_not_good_is_refused_alike_everywhere(service: Running, log: Log, name: str) -> None:
    token = TOKENS[name]
    value = f"Bearer {token}"
    if sendable(token):
        for ask in HTTP:
            assert await ask(service, [("Authorization", value)]) == "401 UNAUTHENTICATED", ask.__name__
        assert await over_socket(service, [("Authorization", value)]) == "4401"
    # What is no text at all is no message.
    assert await over_socket(service, [], {"Authorization": value}) == ("4400" if "\ud800" in token else "4401")
    assert not log.holds(token)


GOOD = signed(CLAIMS)
FORMS: dict[str, Headers] = {
    "none": [],
    "basic": [("Authorization", f"Basic {GOOD}")],
    "another scheme": [("Authorization", f"Token {GOOD}")],
    "no scheme": [("Authorization", GOOD)],
    "the scheme alone": [("Authorization", "Bearer")],
    "the scheme with a colon": [("Authorization", f"Bearer: {GOOD}")],
    "two in one": [("Authorization", f"Bearer {GOOD}, Bearer {GOOD}")],
    "two headers": [("Authorization", f"Bearer {GOOD}"), ("Authorization", f"Bearer {GOOD}")],
    "two headers, one bad": [("Authorization", "Bearer bad"), ("authorization", f"Bearer {GOOD}")],
    "two schemes": [("Authorization", "Basic eDp5"), ("Authorization", f"Bearer {GOOD}")],
    "a cookie": [("Cookie", f"token={GOOD}; access_token={GOOD}; Authorization=Bearer {GOOD}")],
    "other headers": [(name, f"Bearer {GOOD}") for name in ("X-Authorization", "Proxy-Authorization", "X-Auth-Token")],
}


@pytest.mark.parametrize("name", FORMS)
async def test_a_good_token_opens_nothing_from_anywhere_else(service: Running, log: Log, name: str) -> None:
    for ask in HTTP:
        assert await ask(service, FORMS[name]) == "401 UNAUTHENTICATED", ask.__name__
    assert await over_socket(service, FORMS[name]) == "4401"
    assert not log.holds(GOOD)


async def test_a_token_in_the_address_opens_nothing(service: Running, log: Log) -> None:
    query = f"?token={GOOD}&access_token={GOOD}&authorization=Bearer%20{GOOD}"
    assert await over_rest(service, [], "/api/tasks" + query) == "401 UNAUTHENTICATED"
    assert await over_graphql(service, [], "/graphql" + query) == "401 UNAUTHENTICATED"
    assert await over_events(service, [], "/graphql" + query) == "401 UNAUTHENTICATED"
    assert await over_socket(service, [], {}, "/graphql" + query) == "4401"
    assert not log.holds(GOOD)


@pytest.mark.parametrize(
    "payload",
    [
        {"token": GOOD},
        {"authToken": f"Bearer {GOOD}"},
        {"headers": {"Authorization": f"Bearer {GOOD}"}},
        {"Authorization": [f"Bearer {GOOD}"]},
        {"Authorization": GOOD},
        {"Authorization": f"Bearer {GOOD}", "authorization": "Bearer bad"},
        {"Authorization": "Bearer bad", "authorization": f"Bearer {GOOD}"},
    ],
    ids=str,
)
async def test_connection_init_has_one_place_for_it(service: Running, payload: Any) -> None:
    assert await over_socket(service, [], payload) == "4401"


async def test_a_token_as_a_protocol_opens_no_socket(service: Running) -> None:
    address = service.url.replace("http://", "ws://") + "/graphql"
    headers = {"Sec-WebSocket-Protocol": f"graphql-transport-ws, Bearer, {GOOD}"}
    try:
        async with connect(address, additional_headers=headers, proxy=None) as connection:
            await Socket(connection).send(type="connection_init", payload={})
            assert (await Socket(connection).closed())[0] == 4401
    except InvalidHandshake:
        pass  # the client did not ask for a protocol itself, so it takes none


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {}"])
async def test_the_token_itself_opens_every_door(service: Running, form: str) -> None:
    value = form.format(GOOD)
    assert await over_rest(service, [("Authorization", value)]) == "200 in"
    assert await over_graphql(service, [("Authorization", value)]) == "200 in"
    assert await over_events(service, [("Authorization", value)]) == "200 in"
    assert await over_socket(service, [("Authorization", value)]) == "connection_ack"
    assert await over_socket(service, [], {"authorization": value}) == "connection_ack"
