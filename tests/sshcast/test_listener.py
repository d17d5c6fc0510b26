"""The listener's deadlines, over real sockets."""

import asyncio
import socket

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sshcast.http.bounds import Bounds, compute_connection_limit
from sshcast.http.listener import start_http_server
from tests.support.listening import (
    GET,
    QUICK,
    STACKS,
    Seen,
    answer_of,
    choose_stack,
    closed,
    connected,
    listening,
    past_the_deadlines,
    trickle,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(params=STACKS)
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, bool]]:
    return choose_stack(request.param, monkeypatch)


def test_the_bounds_are_those_that_are_promised() -> None:
    bounds = Bounds()
    assert (bounds.header_seconds, bounds.body_seconds, bounds.header_bytes) == (5, 10, 16_384)
    assert bounds.stalled_ms <= 30_000
    assert 1 < compute_connection_limit() <= 10_000


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
async def test_a_connection_whose_headers_do_not_come_is_closed(sent: bytes) -> None:
    async with listening() as (port, seen), connected(port) as (reader, writer):
        writer.write(sent)
        assert await closed(reader) == b""
    assert seen.requests == 0


async def test_headers_that_trickle_in_do_not_put_the_deadline_off() -> None:
    async with listening() as (port, seen), connected(port) as (reader, writer):
        trickling = asyncio.create_task(trickle(writer, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "))
        assert await closed(reader) == b""
        trickling.cancel()
        await asyncio.wait([trickling])
    assert seen.requests == 0


async def test_the_headers_of_a_later_request_have_the_deadline_too() -> None:
    async with (
        listening(Bounds(header_seconds=0.2, idle_seconds=60)) as (port, seen),
        connected(port) as (reader, writer),
    ):
        writer.write(GET)
        assert (await answer_of(reader))[1] == b"hello"
        trickling = asyncio.create_task(trickle(writer, b"GET / HTTP/1.1\r\n"))
        assert await closed(reader) == b""
        trickling.cancel()
        await asyncio.wait([trickling])
    assert seen.requests == 1


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n",
    ],
)
async def test_a_body_that_trickles_in_is_cut_off(head: bytes) -> None:
    async with listening() as (port, seen), connected(port) as (reader, writer):
        trickling = asyncio.create_task(trickle(writer, head))
        assert await closed(reader) == b""
        trickling.cancel()
        await asyncio.wait([trickling])
        await asyncio.wait_for(seen.left.wait(), 10)
    assert 0 < seen.body < 1000


async def test_a_body_that_stays_away_behind_a_pipelined_request_is_cut_off() -> None:
    async with listening() as (port, seen), connected(port) as (reader, writer):
        writer.write(GET + b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
        assert (await answer_of(reader))[1] == b"hello"
        assert await closed(reader) == b""
        await asyncio.wait_for(seen.left.wait(), 10)
    assert seen.requests == 2


async def test_an_answer_may_take_longer_than_a_request() -> None:
    later = asyncio.Event()

    async def slow(request: Request) -> Response:
        await request.body()
        await later.wait()
        return PlainTextResponse("hello")

    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/", slow, methods=["POST"])])
    async with start_http_server(app, listener, bounds=QUICK), connected(listener.getsockname()[1]) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok")
        await past_the_deadlines(listener.getsockname()[1])
        later.set()
        assert (await answer_of(reader))[1] == b"hello"


async def test_a_connection_serves_many_requests_and_is_closed_when_idle() -> None:
    async with listening() as (port, seen), connected(port) as (reader, writer):
        for _ in range(5):
            writer.write(GET)
            assert (await answer_of(reader))[1] == b"hello"
        assert await closed(reader) == b""
    assert seen.requests == 5


async def test_pipelined_requests_are_all_answered() -> None:
    async with listening() as (port, _), connected(port) as (reader, writer):
        writer.write(GET * 50)
        for _ in range(50):
            assert (await answer_of(reader))[1] == b"hello"


async def test_answers_on_a_kept_connection_do_not_wait_for_acknowledgements() -> None:
    """Nagle's algorithm would hold each answer's body back for 40 ms."""
    listener = socket.create_server(("127.0.0.1", 0))
    async with (
        start_http_server(Seen().app(), listener) as server,
        connected(listener.getsockname()[1]) as (reader, writer),
    ):
        writer.write(GET)
        await answer_of(reader)
        (connection,) = server.server_state.connections
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
