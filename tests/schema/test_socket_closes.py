"""A socket that is closed says in its reason what to do: which protocol to speak, what connectionParams must hold."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from sshcast.graphql import close_reasons
from sshcast.graphql.close_reasons import BadToken, NotBegun, NoToken, WrongProtocol
from tests.support.service import PROTOCOL, Running, Socket

pytestmark = pytest.mark.anyio

WANTED = '{"Authorization": "Bearer <token>"}'
TOKEN = "the token"  # stands for a good one


async def refused(api: Running, payload: Any, **init: str) -> tuple[int | None, str | None]:
    async with api.socket(None) as socket:
        await socket.send(type="connection_init", payload=payload, **init)
        return await socket.closed()


@pytest.mark.parametrize(
    "payload",
    [
        {},
        None,
        {"authorization": 5},
        {"authorization": None},
        {"authorization": ""},
        {"Authorization": TOKEN},
        {"Authorization": f"Token {TOKEN}"},
        {"Authorization": "Bearer "},
        {"authToken": TOKEN},
        {"token": f"Bearer {TOKEN}"},
        {"headers": {"Authorization": f"Bearer {TOKEN}"}},
        {"http": {"headers": {"authorization": f"Bearer {TOKEN}"}}},
    ],
    ids=str,
)
async def test_who_has_the_token_in_no_or_the_wrong_place_is_told_the_right_one(api: Running, payload: Any) -> None:
    given = json.loads(json.dumps(payload).replace(TOKEN, api.token("viewer")))
    assert await refused(api, given) == (4401, NoToken().en)


@pytest.mark.parametrize("which", ["expired", "refresh", "nonsense"])
async def test_who_has_another_token_is_told_to_bring_a_good_one(api: Running, which: str) -> None:
    issuer, user = api.service.tokens, api.users["viewer"]
    tokens = {"expired": issuer.access(user, seconds=-60), "refresh": issuer.refresh(user), "nonsense": "nonsense"}
    assert await refused(api, {"Authorization": f"Bearer {tokens[which]}"}) == (4401, BadToken().en)


async def test_a_bad_token_of_the_handshake_is_told_of_alike(api: Running) -> None:
    url = api.url.replace("http", "ws") + "/graphql"
    for value, reason in (("Bearer nonsense", BadToken()), ("Basic eDp5", NoToken())):
        headers = {"Authorization": value, "Accept-Language": "zh"}
        async with connect(url, subprotocols=[PROTOCOL], additional_headers=headers, proxy=None) as connection:
            socket = Socket(connection)
            await socket.send(type="connection_init", payload={})
            assert await socket.closed() == (4401, reason.zh)


async def test_the_language_of_connection_init_is_that_of_the_reason(api: Running) -> None:
    assert await refused(api, {"Accept-Language": "zh-CN"}) == (4401, NoToken.zh)


async def messages(connection: ClientConnection) -> AsyncIterator[Any]:
    """Until it is closed, with whatever code."""
    with suppress(ConnectionClosed):
        while True:
            yield json.loads(await connection.recv())


async def test_who_subscribes_before_connection_init_is_told_to_begin(api: Running) -> None:
    async with api.socket(None) as socket:
        await socket.subscribe("{ __typename }")
        assert await socket.closed() == (4401, NotBegun().en)


@pytest.mark.parametrize("offered", [[], ["graphql-ws"], ["something"], ["something", "graphql-ws"]], ids=str)
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_another_protocol_is_told_which_one_is_spoken(api: Running, offered: list[str], language: str) -> None:
    url = api.url.replace("http", "ws") + "/graphql"
    protocols = [Subprotocol(name) for name in offered] or None
    headers = {"Accept-Language": language}
    async with connect(url, subprotocols=protocols, additional_headers=headers, proxy=None) as connection:
        # Without it a browser would report a failed handshake, and show no reason.
        assert connection.subprotocol == (offered[0] if offered else None)
        told = [message async for message in messages(connection)]
    reason = WrongProtocol().text(language)  # type: ignore[arg-type]
    assert (connection.close_code, connection.close_reason) == (4406, reason)
    legacy = {"type": "connection_error", "payload": {"message": reason}}
    assert told == ([legacy] if offered[:1] == ["graphql-ws"] else [])


async def test_one_who_offers_the_right_protocol_beside_others_is_served(api: Running) -> None:
    url = api.url.replace("http", "ws") + "/graphql"
    async with connect(url, subprotocols=[Subprotocol("graphql-ws"), PROTOCOL], proxy=None) as connection:
        await Socket(connection).begin(dict(api.as_user("viewer")))
        assert connection.subprotocol == PROTOCOL


@pytest.mark.parametrize("error", [BadToken, NoToken, NotBegun, WrongProtocol])
def test_a_reason_fits_into_a_close(error: type[Any]) -> None:
    for text in (error().en, error.zh):
        assert close_reasons.fit(text) == text
        assert ("graphql-transport-ws" in text) is (error is WrongProtocol)
        assert (WANTED in text) is (error is not WrongProtocol)


@pytest.mark.parametrize("text", ["x" * 200, "请" * 100, "", "a" + "请" * 41])
def test_a_longer_one_is_cut_between_characters(text: str) -> None:
    cut = close_reasons.fit(text)
    assert text.startswith(cut)
    assert min(len(text.encode()), 121) <= len(cut.encode()) <= 123
