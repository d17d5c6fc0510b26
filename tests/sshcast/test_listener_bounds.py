"""The listener's bounds, and how it stops, over real sockets."""

import asyncio
import socket
from contextlib import AsyncExitStack

import orjson
import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.asyncio.client import connect

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


@pytest.fixture(params=STACKS)
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, bool]]:
    return choose_stack(request.param, monkeypatch)


@pytest.mark.parametrize("size", [21_000, 60_000, 200_000, 2_000_000])
@pytest.mark.parametrize("form", ["one header", "many headers", "a long address"])
async def test_headers_beyond_16_kilobytes_and_a_piece_are_refused(size: int, form: str) -> None:
    heads = {
        "one header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * size,
        "many headers": b"GET / HTTP/1.1\r\nHost: localhost" + b"\r\nX: y" * (size // 6),
        "a long address": b"GET /?" + b"x" * size + b" HTTP/1.1\r\nHost: localhost",
    }
    async with listening() as (port, seen), connected(port) as (reader, writer):
        writer.write(heads[form] + b"\r\n\r\n")
        answer = await closed(reader)
    assert seen.requests == 0
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")


async def test_headers_of_15_kilobytes_are_served() -> None:
    async with listening() as (port, _), connected(port) as (reader, writer):
        writer.write(GET.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 15_000 + b"\r\n\r\n"))
        assert (await answer_of(reader))[1] == b"hello"


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX Y: z\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0" * 100 + b"\r\n\r\n",
    ],
)
async def test_what_is_not_http_gets_the_documented_answer(sent: bytes) -> None:
    async with listening() as (port, seen), connected(port) as (reader, writer):
        writer.write(sent)
        head, _, body = (await closed(reader)).partition(b"\r\n\r\n")
    if head:
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"X-Content-Type-Options: nosniff" in head
        assert orjson.loads(body)["code"] == 400
        assert orjson.loads(body)["error"] == "INVALID"
    assert seen.requests == 0


async def test_a_body_that_breaks_off_into_nonsense_closes_the_connection() -> None:
    async with listening() as (port, seen), connected(port) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        assert (await closed(reader)).startswith(b"HTTP/1.1 400 ")
        await asyncio.wait_for(seen.left.wait(), 10)


@pytest.mark.parametrize(
    ("proxies", "seen_as"), [((), "127.0.0.1"), (("192.0.2.1",), "127.0.0.1"), (("127.0.0.0/8",), "203.0.113.7")]
)
async def test_only_a_listed_proxy_is_believed(proxies: tuple[str, ...], seen_as: str) -> None:
    async with listening(Bounds(proxies=proxies)) as (port, seen), connected(port) as (reader, writer):
        writer.write(GET.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 198.51.100.9, 203.0.113.7\r\n\r\n"))
        await answer_of(reader)
    assert seen.address == seen_as


async def test_nothing_tells_which_server_this_is() -> None:
    async with listening() as (port, _), connected(port) as (reader, writer):
        writer.write(GET)
        head, _ = await answer_of(reader)
        assert b"server:" not in head.lower()
        assert b"uvicorn" not in head.lower()


async def test_a_reader_that_does_not_read_is_dropped_and_its_stream_ended() -> None:
    bounds = Bounds(stalled_ms=500, send_buffer_bytes=32_768)
    async with listening(bounds) as (port, seen):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.connect(("127.0.0.1", port))
        client.sendall(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.wait_for(seen.ended.wait(), 20)
        client.close()
    assert seen.sent < 4_000_000


def is_paused(connection: object) -> bool:
    assert isinstance(connection, H11Protocol | HttpToolsProtocol)
    return connection.flow.write_paused


async def test_what_waits_for_a_reader_is_bounded() -> None:
    listener, seen = socket.create_server(("127.0.0.1", 0)), Seen()
    async with start_http_server(seen.app(), listener, bounds=Bounds(send_buffer_bytes=32_768)) as server:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.connect(listener.getsockname())
        client.sendall(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until(lambda: any(is_paused(each) for each in server.server_state.connections))
        assert seen.sent < 1_000_000
        client.close()
        await asyncio.wait_for(seen.ended.wait(), 10)


async def test_connections_beyond_the_cap_are_closed_at_once_and_a_freed_place_is_used() -> None:
    async with listening(Bounds(connections=2)) as (port, _):
        async with connected(port) as (first, one), connected(port) as (second, two):
            for reader, writer in ((first, one), (second, two)):
                writer.write(GET)
                await answer_of(reader)
            async with connected(port) as (third, three):
                three.write(GET)
                assert await closed(third) == b""
        await until_served(port)


async def until_served(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            async with connected(port) as (reader, writer):
                writer.write(GET)
                if await reader.readline():
                    return


async def test_a_websocket_outlives_the_deadlines_of_requests() -> None:
    async with listening() as (port, _), connect(f"ws://127.0.0.1:{port}/ws") as opened:
        await past_the_deadlines(port)
        await opened.send("still here")
        assert await opened.recv() == "still here"


async def test_a_client_that_leaves_early_leaves_nothing_behind() -> None:
    async with listening() as (port, seen):
        async with connected(port) as (reader, writer):
            writer.write(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await reader.read(1000)
        await asyncio.wait_for(seen.ended.wait(), 10)


async def test_a_stop_does_not_wait_for_streams() -> None:
    bounds = Bounds(drain_seconds=60, cut_seconds=0.1)
    async with AsyncExitStack() as stack:
        port, seen = await stack.enter_async_context(listening(bounds))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /silence HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(20):
            await stack.aclose()
        assert await closed(reader) == b""
        assert seen.ended.is_set()
        writer.close()


async def test_a_stop_lets_a_request_be_answered() -> None:
    listener, seen = socket.create_server(("127.0.0.1", 0)), Seen()
    async with AsyncExitStack() as stack:
        serving_now = start_http_server(seen.app(), listener, bounds=Bounds(cut_seconds=0.1))
        server = await stack.enter_async_context(serving_now)
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n")
        await until(lambda: seen.requests == 1)
        stopping = asyncio.create_task(stack.aclose())
        await until(lambda: not server.servers[0].is_serving())
        writer.write(b"ok")
        assert (await answer_of(reader))[1] == b"hello"
        await stopping
        writer.close()


async def test_the_port_is_free_again_when_the_block_ends() -> None:
    async with listening() as (port, _):
        pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
