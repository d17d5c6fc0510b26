"""What a slice costs does not depend on where it is, nor on how long the log is: counted, on both databases."""

from typing import Any

import pytest
from sqlalchemy import Connection, insert

from db import executions, output
from db.models import TaskExecution
from db.values import State, Stream
from resolvers.output_slices import load_slice
from resolvers.slice_request import SliceRequest
from tests.support import rows
from tests.support.costs import cost, plan
from tests.support.desk import Desk
from tests.support.statements import counted

pytestmark = pytest.mark.anyio

SIZE, LINES = 1000, 10
SHORT, LONG = 400, 6000
DATA = (b"x" * (SIZE // LINES - 1) + b"\n") * LINES


def add_log(conn: Connection, count: int) -> TaskExecution:
    """A log of as many chunks of ten lines; every hundredth is of the other stream."""
    ends = {Stream.STDOUT: 0, Stream.STDERR: 0}
    found: list[dict[str, Any]] = []
    totals = {"stdout_bytes": count // 100 * 99 * SIZE, "stderr_bytes": count // 100 * SIZE}
    row = rows.pending(conn, server_id=1, created_by=1, state=State.SUCCESS, output_lines=count * LINES, **totals)
    for n in range(count):
        stream = Stream.STDERR if n % 100 == 0 else Stream.STDOUT
        place = {"position": n * SIZE, "stream": stream, "stream_offset": ends[stream], "lines_before": n * LINES}
        found.append({"execution_id": row.id, "size": SIZE, "at": rows.NOON, "data": DATA} | place)
        ends[stream] += SIZE
    conn.execute(insert(output.chunks), found)
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql("ANALYZE")
    loaded = executions.by_id(conn, row.id)
    assert loaded is not None
    return loaded


def list_requests(count: int) -> dict[str, dict[str, Any]]:
    """Slices of the same size everywhere in a log."""
    end = count * SIZE
    return {
        "line 1": {"from_line": 1, "lines": 20},
        "a line in the middle": {"from_line": count * LINES // 2, "lines": 20},
        "a line near the end": {"from_line": count * LINES - 50, "lines": 20},
        "the tail": {"last_lines": 20},
        "after a cursor in the middle": {"after": f"o{end // 2 + 7}", "max_bytes": 2000},
        "lines after a cursor": {"after": f"o{end // 2 + 7}", "lines": 20},
        "before the end": {"before": f"o{end}", "max_bytes": 2000},
        "the rare stream's end": {"before": f"o{end}", "max_bytes": 2000, "stream": Stream.STDERR},
        "the rare stream from the middle": {"after": f"o{end // 2}", "max_bytes": 2000, "stream": Stream.STDERR},
    }


async def test_a_slice_costs_the_same_in_a_short_and_in_a_long_log(either_desk: Desk) -> None:
    store = either_desk.service.store
    short, long = await store.run(add_log, SHORT), await store.run(add_log, LONG)
    (few, many), dearest = (list_requests(count) for count in (SHORT, LONG)), 0
    for name in many:
        low = await store.run(cost, load_slice, short, SliceRequest(**few[name]))
        high = await store.run(cost, load_slice, long, SliceRequest(**many[name]))
        assert high <= 2 * low + 100, (
            name,
            low,
            high,
            await store.run(plan, load_slice, long, SliceRequest(**many[name])),
        )
        dearest = max(dearest, high)
    first = await store.run(cost, load_slice, long, SliceRequest(**many["line 1"]))
    assert dearest <= 5 * first + 300


async def test_a_slice_is_a_few_statements(either_desk: Desk) -> None:
    store = either_desk.service.store
    row = await store.run(add_log, SHORT)
    for name, asked in list_requests(SHORT).items():
        with counted() as statements:
            found = await store.read(load_slice, row, SliceRequest(**asked))
        assert found.data, name
        assert len(statements) <= 8, (name, statements)


async def test_a_line_without_an_end_is_found_as_fast(either_desk: Desk) -> None:
    """All its chunks have as many lines before them: only their order by position tells which is the last one."""

    def add_line(conn: Connection, count: int) -> TaskExecution:
        row = rows.pending(
            conn, server_id=1, created_by=1, state=State.SUCCESS, stdout_bytes=count * 10, output_lines=1
        )
        place = {"execution_id": row.id, "size": 10, "at": rows.NOON, "stream": Stream.STDOUT}
        ends = [b"x" * 10] * (count - 1) + [b"xxxxxxxx\nx"]
        chunks = [{"position": n * 10, "stream_offset": n * 10, "data": data} for n, data in enumerate(ends)]
        conn.execute(insert(output.chunks), [place | {"lines_before": 0} | each for each in chunks])
        loaded = executions.by_id(conn, row.id)
        assert loaded is not None
        return loaded

    store = either_desk.service.store
    short, long = await store.run(add_line, SHORT), await store.run(add_line, LONG)
    request = SliceRequest(last_lines=1)
    assert (await store.read(load_slice, long, request)).data == b"x"
    low, high = [await store.run(cost, load_slice, row, request) for row in (short, long)]
    assert high <= 2 * low + 100, await store.run(plan, load_slice, long, request)
