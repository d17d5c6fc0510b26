"""Requests behind requests on one connection, and what follows a body, on each parser and its event loop."""

import asyncio
import socket

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sshcast.http import parsers
from sshcast.http.bounds import Bounds
from sshcast.http.listener import start_http_server
from tests.support.listening import (
    GET,
    STACKS,
    Seen,
    answer_of,
    choose_stack,
    closed,
    connected,
    listening,
    past_the_deadlines,
    until,
)

pytestmark = pytest.mark.anyio

CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
SILENCE = b"GET /silence HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(params=STACKS)
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, bool]]:
    return choose_stack(request.param, monkeypatch)


async def list_headers(request: Request) -> Response:
    await request.body()
    return PlainTextResponse(",".join(sorted(request.headers)))


async def test_what_follows_a_body_in_chunks_is_no_header() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/", list_headers, methods=["POST"])])
    async with start_http_server(app, listener), connected(listener.getsockname()[1]) as (reader, writer):
        writer.write(CHUNKED + b"X-Forwarded-For: 192.0.2.1\r\nAuthorization: Bearer x\r\n\r\n")
        assert (await answer_of(reader))[1] == b"host,transfer-encoding"


async def test_a_line_without_end_behind_a_body_is_refused() -> None:
    async with listening(Bounds(body_seconds=60)) as (port, seen), connected(port) as (reader, writer):
        writer.write(CHUNKED + b"X: " + b"x" * 200_000)
        assert (await closed(reader))[:12] in (b"", b"HTTP/1.1 400")
        await asyncio.wait_for(seen.left.wait(), 10)


async def test_a_body_in_an_encoding_that_nobody_undoes_is_refused() -> None:
    async with listening() as (port, seen), connected(port) as (reader, writer):
        writer.write(CHUNKED.replace(b"chunked", b"gzip, chunked") + b"\r\n")
        assert (await closed(reader)).startswith(b"HTTP/1.1 400 ")
    assert seen.requests == 0


async def test_two_thousand_requests_at_once_are_answered_in_order() -> None:
    async with listening() as (port, seen), connected(port) as (reader, writer):
        writer.write(GET * 2_000)
        for _ in range(2_000):
            await answer_of(reader)
    assert seen.requests == 2_000


async def test_what_waits_behind_an_answer_that_does_not_end_is_bounded() -> None:
    async with listening() as (port, seen), connected(port) as (reader, writer):
        writer.write(SILENCE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(GET * 500_000)
        await past_the_deadlines(port)
        assert writer.transport.get_write_buffer_size() > 0
        assert not seen.ended.is_set()
        writer.transport.abort()


async def test_a_client_that_leaves_with_a_request_behind_a_stream_leaves_nothing_behind() -> None:
    async with listening() as (port, seen):
        async with connected(port) as (reader, writer):
            writer.write(SILENCE + GET * 200)
            await reader.readuntil(b"\r\n\r\n")
        await asyncio.wait_for(seen.ended.wait(), 10)
    assert seen.requests == 0


async def test_a_websocket_that_is_asked_for_during_an_answer_does_not_begin() -> None:
    asked = b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    async with listening() as (port, seen), connected(port) as (reader, writer):
        writer.write(SILENCE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(asked + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        if parsers.FASTEST == "httptools":  # h11 lets it wait, for as long as the answer lasts
            assert await closed(reader) == b""
            await until(seen.ended.is_set)


async def test_a_stop_cuts_a_stream_that_has_a_request_behind_it() -> None:
    listener, seen = socket.create_server(("127.0.0.1", 0)), Seen()
    bounds = Bounds(drain_seconds=60, cut_seconds=0.1)
    async with connected(listener.getsockname()[1]) as (reader, writer):
        async with start_http_server(seen.app(), listener, bounds=bounds):
            writer.write(SILENCE + GET)
            await reader.readuntil(b"\r\n\r\n")
        assert await closed(reader) == b""
        assert seen.ended.is_set()
