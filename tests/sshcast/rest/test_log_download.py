"""GET /api/task/{id}/log?format=raw: a file, whole or one range of it."""

import os
from typing import Any

import httpx2
import pytest

from db import output, transitions
from db.output import NewChunk
from db.output_gap import OutputGap
from db.values import State, Stream
from resolvers import output_download
from tests.support.rest import Face, Run

pytestmark = pytest.mark.anyio

DATA = os.urandom(300_000)


async def download(
    rest: Face, run: Run, headers: dict[str, str] | None = None, method: str = "GET", **params: Any
) -> httpx2.Response:
    return await rest.ask(method, run.path, "viewer", params={"format": "raw"} | params, headers=headers or {})


async def write(rest: Face) -> Run:
    run = await rest.run()
    await run.write(DATA[:200_000])
    await run.write(DATA[200_000:250_000], Stream.STDERR)
    await run.write(DATA[250_000:])
    await run.end()
    return run


async def test_the_whole_file_comes_with_its_name_length_and_tag(rest: Face) -> None:
    run = await write(rest)
    answer = await download(rest, run)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="execution-{run.id}.log"'
    assert answer.headers["Content-Length"] == "300000"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"].startswith('"')
    assert answer.headers["Cache-Control"] == "no-store"
    one = await download(rest, run, stream="stdout")
    assert one.content == DATA[:200_000] + DATA[250_000:]
    assert one.headers["Content-Disposition"] == f'attachment; filename="execution-{run.id}.stdout.log"'
    assert one.headers["ETag"] != answer.headers["ETag"]


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=199990-200010", 199_990, 200_011),
        ("bytes=65536-", 65_536, 300_000),
        ("bytes=-7", 299_993, 300_000),
        ("bytes=-999999", 0, 300_000),
        ("bytes=299999-999999", 299_999, 300_000),
    ],
)
async def test_a_range_is_those_bytes(rest: Face, wanted: str, start: int, end: int) -> None:
    run = await write(rest)
    answer = await download(rest, run, {"Range": wanted})
    assert (answer.status_code, answer.content) == (206, DATA[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/300000"
    assert answer.headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize("wanted", ["bytes=300000-", "bytes=-0", "bytes=999999-9999999"])
async def test_a_range_without_bytes_is_a_416(rest: Face, wanted: str) -> None:
    run = await write(rest)
    answer = await download(rest, run, {"Range": wanted})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */300000")
    assert (answer.json()["code"], answer.json()["error"]) == (416, "RANGE_NOT_SATISFIABLE")


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "lines=1-2", "bytes=5-1", "bytes=-", "nonsense"])
async def test_what_is_not_one_range_is_ignored(rest: Face, wanted: str) -> None:
    run = await write(rest)
    assert (await download(rest, run, {"Range": wanted})).status_code == 200


async def test_a_range_is_given_only_of_the_file_that_the_caller_knows(rest: Face) -> None:
    run = await write(rest)
    tag = (await download(rest, run, method="HEAD")).headers["ETag"]
    asked = {"Range": "bytes=1-2"}
    assert (await download(rest, run, asked | {"If-Range": tag})).status_code == 206
    assert (await download(rest, run, asked | {"If-Range": '"other"'})).status_code == 200
    assert (await download(rest, run, asked | {"If-Range": tag}, stream="stdout")).status_code == 200


async def test_head_has_the_headers_alone(rest: Face) -> None:
    run = await write(rest)
    answer = await download(rest, run, {"Range": "bytes=5-9"}, method="HEAD")
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (206, b"", "5")


async def test_a_log_that_grows_has_no_tag_and_no_total(rest: Face) -> None:
    run = await rest.run()
    await run.write(b"so far")
    answer = await download(rest, run, {"Range": "bytes=3-"})
    assert (answer.status_code, answer.content) == (206, b"far")
    assert answer.headers["Content-Range"] == "bytes 3-5/*"
    assert "ETag" not in answer.headers
    assert (await download(rest, run, {"Range": "bytes=3-", "If-Range": '"x"'})).status_code == 200


async def test_a_log_without_output_is_an_empty_file(rest: Face) -> None:
    run = await rest.run()
    answer = await download(rest, run)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
    assert (await download(rest, run, {"Range": "bytes=0-"})).status_code == 416


async def test_what_was_left_out_is_not_in_the_file(rest: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_download, "READ_BYTES", 4)
    run = await rest.run()
    await run.write(b"head out")
    await run.write(b"head err", Stream.STDERR)
    gap = OutputGap({Stream.STDOUT: 8, Stream.STDERR: 8}, {Stream.STDOUT: 1008, Stream.STDERR: 8}, 3)
    chunk = NewChunk(run.id, run.fence, Stream.STDOUT, 1008, rest.service.clock(), b"tail out", gap)
    assert not await rest.service.store.run(output.append, [chunk])
    changes = {"state": State.SUCCESS, "truncated": True} | gap.build_columns()
    assert await rest.service.store.run(transitions.finish, run.id, run.fence, changes)
    whole = b"head outhead errtail out"
    assert (await download(rest, run)).content == whole
    assert (await download(rest, run, stream="stdout")).content == b"head outtail out"
    assert (await download(rest, run, stream="stderr")).content == b"head err"
    answer = await download(rest, run, {"Range": "bytes=14-18"})
    assert (answer.content, answer.headers["Content-Range"]) == (whole[14:19], "bytes 14-18/24")


async def test_other_parameters_are_refused(rest: Face) -> None:
    run = await rest.run()
    for params in ({"format": "zip"}, {"follow": "true"}, {"encoding": "base64"}):
        assert (await download(rest, run, None, "GET", **params)).status_code == 400
