"""JSON bodies are read strictly and within bounds."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.rest import Face

pytestmark = pytest.mark.anyio

LIMIT = 256 * 1024


def body_of(rest: Face, **changes: Any) -> bytes:
    wanted = {"name": "by body", "command": "df", "server_id": rest.server.id, "cron_expr": "@manual"}
    return json.dumps(wanted | changes).encode()


async def post(rest: Face, content: Any, **headers: str) -> Any:
    usual = {"Content-Type": "application/json"}
    return await rest.ask("POST", "/api/tasks", content=content, headers=usual | headers)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"],
)
async def test_json_by_any_spelling_of_its_type_is_read(rest: Face, content_type: str) -> None:
    assert (await post(rest, body_of(rest), **{"Content-Type": content_type})).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-patch+json",
        "text/json",
        "",
        "text/plain; application/json",
        "application/json, text/plain",
    ],
)
async def test_what_a_page_of_another_site_can_send_is_refused(rest: Face, content_type: str) -> None:
    answer = await post(rest, body_of(rest), **{"Content-Type": content_type})
    assert answer.status_code == 400
    assert answer.json()["field"] == "Content-Type"


async def test_a_body_without_a_type_is_refused(rest: Face) -> None:
    answer = await rest.ask("POST", "/api/tasks", content=body_of(rest))
    assert answer.status_code == 400
    assert answer.json()["field"] == "Content-Type"


async def test_a_compressed_body_is_refused(rest: Face) -> None:
    answer = await post(rest, gzip.compress(body_of(rest)), **{"Content-Encoding": "gzip"})
    assert answer.status_code == 400
    assert answer.json()["field"] == "Content-Encoding"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"{",
        b"{}{}",
        b"{'name': 'a'}",
        b'{"name": NaN}',
        b'{"server_id": Infinity}',
        b'{"server_id": -Infinity}',
        b'{"name": "a",}',
        b'\xef\xbb\xbf{"name": "a"}',
        b'{"name": "\xff"}',
        b'{"name": "\xc3"}',
        '{"name": "a"}'.encode("utf-16"),
        b'{"name": "a\nb"}',
        b'{"server_id": 01}',
        b'{"name": "\\ud8"}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    ],
    ids=lambda content: repr(content[:20]),
)
async def test_what_is_not_json_is_refused(rest: Face, content: bytes) -> None:
    answer = await post(rest, content)
    assert answer.status_code == 400
    assert answer.json() == {"code": 400, "message": "body must be valid JSON.", "error": "INVALID", "field": "body"}


@pytest.mark.parametrize("content", [b"[]", b"null", b'"a"', b"1", b"true", b"[{}]"])
async def test_json_that_is_no_object_is_refused(rest: Face, content: bytes) -> None:
    answer = await post(rest, content)
    assert answer.status_code == 400
    assert answer.json()["message"] == "body must be a JSON object."


@pytest.mark.parametrize("name", ["name", "server_id"])
async def test_a_field_given_twice_is_refused_by_name(rest: Face, name: str) -> None:
    content = body_of(rest)[:-1] + b', "%b": 1}' % name.encode()
    answer = await post(rest, content)
    assert answer.status_code == 400
    assert answer.json()["field"] == name
    assert "more than once" in answer.json()["message"]


async def test_a_field_given_twice_by_two_spellings_is_refused(rest: Face) -> None:
    answer = await post(rest, body_of(rest)[:-1] + b', "\\u006eame": "b"}')
    assert answer.json()["field"] == "name"


async def test_nested_values_are_refused_by_name(rest: Face) -> None:
    deep = b"[" * 500 + b"]" * 500
    answer = await post(rest, b'{"name":' + deep + b"}")
    assert answer.status_code == 400


async def test_a_pair_of_surrogates_is_a_character(rest: Face) -> None:
    answer = await post(rest, body_of(rest).replace(b'"by body"', b'"\\ud83d\\ude00"'))
    assert answer.json()["data"]["name"] == "\U0001f600"


async def test_a_body_at_the_limit_is_read_and_one_byte_more_is_too_large(rest: Face) -> None:
    content = body_of(rest)
    assert (await post(rest, content + b" " * (LIMIT - len(content)))).status_code == 200
    answer = await post(rest, content + b" " * (LIMIT - len(content) + 1))
    assert answer.status_code == 413
    assert answer.json() == {"code": 413, "message": f"The body is larger than {LIMIT} bytes.", "error": "TOO_LARGE"}


async def test_a_body_without_a_length_is_counted_as_it_comes(rest: Face) -> None:
    async def content() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * 65_536

    answer = await post(rest, content())
    assert (answer.status_code, answer.json()["code"]) == (413, 413)


@pytest.mark.parametrize("path", ["/api/auth/login", "/api/auth/logout"])
async def test_every_route_with_a_body_bounds_it(rest: Face, path: str) -> None:
    answer = await rest.ask("POST", path, content=b" " * (LIMIT + 1), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


async def raw_answer(rest: Face, head: str, *parts: bytes) -> bytes:
    """What comes back until the connection is closed; the caller may close it before all parts are sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(rest.url.rsplit(":", 1)[1]))
    token = rest.as_user("operator")["Authorization"]
    writer.write(f"{head}\r\nHost: localhost\r\nAuthorization: {token}\r\n".encode())
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
    except (ConnectionResetError, BrokenPipeError):
        pass
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_a_declared_length_beyond_all_reason_is_refused_before_anything_is_sent(rest: Face) -> None:
    head = "POST /api/tasks HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99999999999"
    answer = await raw_answer(rest, head, b"\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_endless_chunks_are_cut_off(rest: Face) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(rest.url.rsplit(":", 1)[1]))
    token = rest.as_user("operator")["Authorization"]
    head = "POST /api/tasks HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked"
    writer.write(f"{head}\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n".encode())
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        await write_for_ever(writer, b"10000\r\n" + b" " * 65_536 + b"\r\n")


async def write_for_ever(writer: asyncio.StreamWriter, data: bytes) -> None:
    try:
        while True:
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def test_a_client_that_waits_for_100_continue_is_told_413_instead(rest: Face) -> None:
    head = (
        "POST /api/tasks HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\nExpect: 100-continue"
    )
    answer = await raw_answer(rest, head, b"\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
