"""Stored output as text of the server's encoding: whoever goes on from a cursor reads what the others read."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from db import output_leads
from db.models import TaskExecution
from db.values import Stream
from resolvers import decoding, executions, output, servers
from resolvers.decoding import FIRST_LOOK_BYTES, RESTART_BYTES, StreamDecoder
from resolvers.inputs import ServerChange
from resolvers.output import Chunk
from tests.support.desk import Desk

pytestmark = pytest.mark.anyio

OUT, ERR = Stream
CHUNK = 64 * 1024


@pytest.fixture
async def row(desk: Desk) -> TaskExecution:
    """A running execution on a server whose output is GBK."""
    await servers.update(desk.admin, 1, ServerChange(output_encoding="GBK"))
    await executions.run_command(desk.operator, desk.command())
    return await desk.claimed()


async def write_all(desk: Desk, row: TaskExecution, data: bytes, size: int) -> None:
    for at in range(0, len(data), size):
        await desk.write(row, OUT, at, data[at : at + size])


async def read_text(desk: Desk, row: TaskExecution, start: int) -> str:
    cursor = f"o{start}" if start else None
    decoders = await output.load_decoders(desk.viewer, row.id, cursor)
    events: AsyncGenerator[Any, None] = output.follow(desk.viewer, row.id, cursor)
    parts = [decoders.decode(e.stream, e.data, e.offset) async for e in events if isinstance(e, Chunk)]
    return "".join([*parts, *decoders.rest().values()])


def text_from(data: bytes, start: int) -> str:
    decoder = StreamDecoder("gbk")
    decoder.decode(data[:start])
    return decoder.decode(data[start:]) + decoder.finish()


async def test_a_cursor_far_from_any_blank_finds_where_a_character_begins(desk: Desk, row: TaskExecution) -> None:
    data = ("a" + "文" * FIRST_LOOK_BYTES).encode("gbk")
    await write_all(desk, row, data, 1001)
    await desk.finish(row)
    assert await read_text(desk, row, 0) == data.decode("gbk")
    for start in (1, 2, 3, FIRST_LOOK_BYTES - 1, FIRST_LOOK_BYTES + 8, FIRST_LOOK_BYTES + 9, len(data) - 1, len(data)):
        assert await read_text(desk, row, start) == text_from(data, start), start


async def test_in_a_stream_without_any_blank_all_begin_anew_at_the_same_byte(desk: Desk, row: TaskExecution) -> None:
    data = ("a" + "文" * (RESTART_BYTES + 9000)).encode("gbk")
    await write_all(desk, row, data, CHUNK)
    await desk.finish(row)
    for start in (RESTART_BYTES - 3, RESTART_BYTES + 3, RESTART_BYTES + 99, 2 * RESTART_BYTES + 1, len(data) - 1):
        assert await read_text(desk, row, start) == text_from(data, start), start


async def test_only_what_comes_right_before_is_read(desk: Desk, row: TaskExecution) -> None:
    await write_all(desk, row, b"line\n" * 40_000 + "文字".encode("gbk"), CHUNK)
    leads = await desk.service.store.read(output_leads.load_leads, row.id, 200_003, FIRST_LOOK_BYTES)
    assert {stream: len(lead.data) for stream, lead in leads.items()} == {OUT: FIRST_LOOK_BYTES, ERR: 0}
    start = decoding.find_start(leads[OUT])
    assert start is not None
    assert 200_003 - start < 16


async def test_a_character_is_not_joined_across_a_gap(desk: Desk, row: TaskExecution) -> None:
    head, tail = "一文".encode("gbk")[:-1], "字 b".encode("gbk")
    await desk.write(row, OUT, 0, head)
    await desk.write(row, OUT, 900, tail)
    await desk.finish(row)
    assert await read_text(desk, row, 0) == "一\ufffd字 b"
    assert await read_text(desk, row, 2) == "\ufffd字 b"
    assert await read_text(desk, row, 3) == "\ufffd字 b"
    assert await read_text(desk, row, 901) == "字 b"
    assert await read_text(desk, row, 902) == " b"


async def test_a_server_that_was_deleted_keeps_its_encoding(desk: Desk, row: TaskExecution) -> None:
    await desk.write(row, OUT, 0, "文".encode("gbk"))
    await desk.finish(row)
    await servers.delete(desk.admin, 1)
    assert await read_text(desk, row, 0) == "文"
