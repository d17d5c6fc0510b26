"""Output is kept by offset: each byte once, in its place, from whoever holds the fence."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, event

from db import claims, output, output_leads, transitions
from db.models import TaskExecution
from db.output import NewChunk
from db.store import Store
from db.values import State, Stream
from tests.support import rows
from tests.support.sampling import choose_count

pytestmark = pytest.mark.anyio

OUT, ERR = Stream
KIB = 1024


def chunk(row: TaskExecution, stream: Stream, offset: int, data: bytes, fence: int | None = None) -> NewChunk:
    return NewChunk(row.id, row.fence if fence is None else fence, stream, offset, rows.NOON, data)


@pytest.fixture
async def row(store: Store) -> TaskExecution:
    """A running execution."""
    await store.run(rows.pending)
    (found,) = await store.run(claims.claim, runner_id="runner", at=rows.NOON, limit=1)
    return found


def stored(conn: Connection, id: int) -> tuple[bytes, bytes]:
    """Both streams; every position and offset must follow the one before."""
    kept = {stream: bytearray() for stream in Stream}
    position = 0
    while found := output.list_after(conn, id, position):
        for each in found:
            stream = Stream(each.stream)
            assert (each.position, each.stream_offset, each.size) == (position, len(kept[stream]), len(each.data))
            kept[stream] += bytes(each.data)
            position += each.size
    assert output.load_totals(conn, id) == (len(kept[OUT]), len(kept[ERR]))
    return bytes(kept[OUT]), bytes(kept[ERR])


async def test_chunks_are_kept_in_their_order(store: Store, row: TaskExecution) -> None:
    new = [chunk(row, OUT, 0, b"one"), chunk(row, ERR, 0, b"\x00\xff"), chunk(row, OUT, 3, b"two")]
    assert await store.run(output.append, new) == set()
    assert await store.run(output.append, [chunk(row, ERR, 2, b"!")]) == set()
    assert await store.read(stored, row.id) == (b"onetwo", b"\x00\xff!")
    assert [bytes(each.data) for each in await store.read(output.list_after, row.id, 0)] == [
        b"one",
        b"\x00\xff",
        b"two",
        b"!",
    ]


async def test_the_same_chunks_again_change_nothing(store: Store, row: TaskExecution) -> None:
    new = [chunk(row, OUT, 0, b"one"), chunk(row, ERR, 0, b"two"), chunk(row, OUT, 3, b"three")]
    for _ in range(3):
        assert await store.run(output.append, new) == set()
    await asyncio.gather(*(store.run(output.append, new) for _ in range(5)))
    assert await store.read(stored, row.id) == (b"onethree", b"two")


@pytest.mark.sampled
async def test_bytes_read_again_in_other_pieces_are_kept_once(store: Store, row: TaskExecution) -> None:
    whole, parts = bytes(range(256)) * 40, []

    @given(
        st.lists(st.tuples(st.sampled_from(Stream), st.integers(0, 400), st.integers(1, 300)), min_size=1, max_size=30)
    )
    @settings(max_examples=choose_count(12, 60), deadline=None, database=None)
    def collect(reads: list[tuple[Stream, int, int]]) -> None:
        parts.append(reads)

    def reads_of(case: list[tuple[Stream, int, int]]) -> tuple[list[tuple[Stream, int, bytes]], dict[Stream, int]]:
        """Reads that begin anywhere up to what was read before, and how far each stream was read."""
        ends, found = dict.fromkeys(Stream, 0), []
        for stream, back, size in case:
            start = max(0, ends[stream] - back)
            found.append((stream, start, whole[start : start + size]))
            ends[stream] = max(ends[stream], start + size)
        return found, ends

    collect()

    def played(conn: Connection) -> None:
        for case in parts:
            fresh = rows.pending(conn, server_id=1, state=State.RUNNING, fence=1, runner_id="runner")
            reads, ends = reads_of(case)
            half = len(reads) // 2
            for batch in (reads[:half], reads[half:]):
                assert output.append(conn, [chunk(fresh, *each) for each in batch]) == set()
            assert stored(conn, fresh.id) == (whole[: ends[OUT]], whole[: ends[ERR]])

    await store.run(played)


async def test_a_stale_writers_output_is_dropped_and_it_is_told(store: Store, row: TaskExecution) -> None:
    fresh = await store.run(rows.pending, server_id=row.server_id, state=State.RUNNING, fence=1, runner_id="runner")
    (_, taken) = sorted(await store.run(transitions.adopt, runner_id="next"), key=lambda each: each.id == row.id)
    new = [chunk(row, OUT, 0, b"stale"), chunk(fresh, OUT, 0, b"stale too", fence=2)]
    assert await store.run(output.append, new) == {row.id}
    assert await store.read(stored, row.id) == (b"", b"")
    assert await store.read(stored, fresh.id) == (b"stale too", b"")
    assert await store.run(output.append, [chunk(taken, OUT, 0, b"fresh")]) == set()
    assert await store.read(stored, row.id) == (b"fresh", b"")


async def test_nothing_is_added_once_it_has_ended(store: Store, row: TaskExecution) -> None:
    await store.run(transitions.finish, row.id, row.fence, {"state": State.SUCCESS})
    assert await store.run(output.append, [chunk(row, OUT, 0, b"late")]) == {row.id}
    assert await store.run(output.append, [NewChunk(4711, 1, OUT, 0, rows.NOON, b"nobody's")]) == {4711}
    assert await store.read(stored, row.id) == (b"", b"")


async def test_reading_starts_at_any_byte(store: Store, row: TaskExecution) -> None:
    pieces = [(OUT, 0, b"abc"), (ERR, 0, b"1"), (OUT, 3, b"defgh"), (ERR, 1, b"234")]
    await store.run(output.append, [chunk(row, *piece) for piece in pieces])
    for position, first in enumerate([0] * 3 + [3] + [4] * 5 + [9] * 3):
        found = await store.read(output.list_after, row.id, position)
        assert [each.position for each in found] == [each for each in (0, 3, 4, 9) if each >= first], position
    assert await store.read(output.list_after, row.id, 12) == []


async def test_a_read_gives_about_as_much_as_was_asked_for(store: Store, row: TaskExecution) -> None:
    size = 64 * KIB
    new = [chunk(row, OUT, n * size, bytes([n]) * size) for n in range(10)]
    await store.run(output.append, new)
    for most, count in ((1, 1), (size, 1), (size + 1, 2), (4 * size, 4), (100 * size, 10)):
        assert len(await store.read(output.list_after, row.id, 0, max_bytes=most)) == count, most
    (first, *_) = await store.read(output.list_after, row.id, 5 * size + 7, max_bytes=1)
    assert first.position == 5 * size


async def test_the_bytes_before_a_place_are_each_streams_own(store: Store, row: TaskExecution) -> None:
    pieces = [(OUT, 0, b"a"), (OUT, 1, b"b"), (ERR, 0, b"12345"), (OUT, 2, b"cdef")]
    await store.run(output.append, [chunk(row, *piece) for piece in pieces])

    async def before(position: int) -> tuple[bytes, bytes]:
        found = await store.read(output_leads.load_leads, row.id, position, 3)
        return found[OUT].data, found[ERR].data

    assert await before(0) == (b"", b"")
    assert await before(2) == (b"ab", b"")
    assert await before(4) == (b"ab", b"12")
    assert await before(9) == (b"bcd"[-3:], b"345")
    assert await before(11) == (b"def", b"345")


async def test_writers_of_many_executions_at_once_mix_nothing_up(store: Store, row: TaskExecution) -> None:
    def more(conn: Connection) -> list[TaskExecution]:
        made: dict[str, Any] = {"server_id": row.server_id, "state": State.RUNNING, "fence": 1, "runner_id": "runner"}
        return [rows.pending(conn, **made) for _ in range(12)]

    many = await store.run(more)
    for n in range(5):
        orders = (many, many[::-1])
        await asyncio.gather(
            *(
                store.run(output.append, [chunk(each, OUT, n * 4, b"%04d" % each.id) for each in order])
                for order in orders
            )
        )
    for each in many:
        assert await store.read(stored, each.id) == (b"%04d" % each.id * 5, b"")


async def test_on_sqlite_the_driver_runs_each_statement_of_a_flush(store: Store, row: TaskExecution) -> None:
    """SQLAlchemy takes several times as long for it, and a run that is followed is stored a hundred times a second."""
    if store.dialect != "sqlite":
        pytest.skip("SQLAlchemy runs them on PostgreSQL")
    assert await store.run(output.append, [chunk(row, OUT, 0, b"one")]) == set()
    run_by_sqlalchemy: list[str] = []

    def note(conn: Connection, statement: Any, *rest: Any) -> None:
        run_by_sqlalchemy.append(str(statement))

    event.listen(Engine, "before_execute", note)
    try:
        assert await store.run(output.append, [chunk(row, OUT, 3, b"two")]) == set()
    finally:
        event.remove(Engine, "before_execute", note)
    assert run_by_sqlalchemy == []


async def test_one_flush_stores_the_output_of_many_runs(store: Store) -> None:
    for _ in range(3):
        await store.run(rows.pending)
    found = await store.run(claims.claim, runner_id="runner", at=rows.NOON, limit=3)
    new = [chunk(each, OUT, 0, b"of %d" % each.id) for each in found]
    old = chunk(found[1], OUT, 0, b"stale", fence=found[1].fence - 1)
    assert await store.run(output.append, [new[0], old, new[2]]) == {found[1].id}
    assert await store.run(output.append, new) == set()
    for each in found:
        assert await store.read(stored, each.id) == (b"of %d" % each.id, b"")
