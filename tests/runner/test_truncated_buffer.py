"""The buffer of a run that goes on at its limit, by random writes, limits, secrets and take-overs."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.output import StreamEnds
from db.output_gap import OutputGap
from db.values import Stream
from runner.output import kept_tail
from runner.output.buffer import MemoryBudget, OutputBuffer
from runner.output.kept_tail import find_head_limit
from runner.output.masking import Masker
from runner.output.matcher import SecretMatcher, build_matcher
from runner.secrets.secret import Secret
from tests.support import runs
from tests.support.sampling import choose_count

SECRET = "hunter2-hunter2"
MATCHER = build_matcher(frozenset({Secret(SECRET)}))
PIECES = [b"\n", b"x", b"hunter2-", b"hunter2", SECRET.encode(), b"lines\nof\ntext\n", b"y" * 70]
Writes = list[tuple[Stream, bytes]]

writes = st.lists(st.tuples(st.sampled_from(Stream), st.lists(st.sampled_from(PIECES), max_size=4).map(b"".join)))
limits = st.integers(min_value=1, max_value=400)
matchers = st.sampled_from([None, MATCHER])


@dataclass
class Kept:
    """What a writer would have stored of one execution."""

    limit: int = 10**9
    matcher: SecretMatcher | None = None
    truncates: bool = True
    ends: StreamEnds = field(default_factory=lambda: StreamEnds(dict.fromkeys(Stream, 0)))
    rows: list[dict[str, Any]] = field(default_factory=list)
    gap: OutputGap | None = None

    def open(self) -> tuple[OutputBuffer, dict[Stream, int]]:
        """A buffer that goes on after what is stored, and where each stream is to be read from."""
        buffer = OutputBuffer(
            execution_id=1,
            fence=1,
            limit=self.limit,
            clock=runs.now,
            offsets=dict(self.ends.ends),
            budget=MemoryBudget(),
            wake=lambda buffer: None,
            truncates=self.truncates,
        )
        return buffer, buffer.start_masking(self.matcher)

    def store(self, buffer: OutputBuffer) -> None:
        """Store all that the buffer has to give by now."""
        while chunks := buffer.take(64):
            self.rows += [row for chunk in chunks if (row := self.ends.accept(chunk)) is not None]
            buffer.acknowledge(stale=False)

    def end(self, buffer: OutputBuffer) -> None:
        self.store(buffer)
        buffer.finish(cut=False)
        last = asyncio.run(buffer.take_end())
        self.gap = last.find_gap()
        assert buffer.is_incomplete == (self.gap is not None)
        assert last.build_starts() == {f"stored_{stream}": end for stream, end in self.ends.ends.items()}
        new, lines = last.build_rows(self.ends.lines), self.ends.lines + last.count_lines()
        assert new == [self.ends.accept(chunk) for chunk in last.chunks]
        assert (self.ends.ends, self.ends.lines) == (last.ends, lines)
        self.rows += new

    def list_bytes(self) -> list[tuple[Stream, int]]:
        return [(row["stream"], byte) for row in self.rows for byte in row["data"]]


def write_all(buffer: OutputBuffer, given: Writes, starts: dict[Stream, int]) -> None:
    """Write what comes after these offsets of the streams."""
    ends = dict.fromkeys(Stream, 0)
    for stream, data in given:
        skipped = max(0, starts[stream] - ends[stream])
        ends[stream] += len(data)
        buffer.write(stream, data[skipped:])


def mask(given: Writes, stream: Stream, matcher: SecretMatcher | None) -> bytes:
    whole = b"".join(data for which, data in given if which is stream)
    if matcher is None:
        return whole
    masker = Masker(matcher)
    return masker.feed(whole) + masker.finish()


def require_true_rows(kept: Kept, given: Writes) -> None:
    """Require that each row holds its place's bytes, and that rows, gap and counts make up the whole output."""
    whole = {stream: mask(given, stream, kept.matcher) for stream in Stream}
    lines = position = 0
    for row in kept.rows:
        if kept.gap is not None and position == kept.gap.position:
            position, lines = position + kept.gap.size, lines + kept.gap.lines
        assert (row["position"], row["lines_before"]) == (position, lines)
        assert row["data"] == whole[row["stream"]][row["stream_offset"] :][: row["size"]]
        position, lines = position + row["size"], lines + row["data"].count(b"\n")
    assert kept.ends.ends == {stream: len(data) for stream, data in whole.items()}
    assert kept.ends.lines == lines == sum(data.count(b"\n") for data in whole.values())
    assert sum(row["size"] for row in kept.rows) == min(kept.limit, position)


@pytest.mark.parametrize("matcher", [None, MATCHER])
@pytest.mark.sampled
@settings(deadline=None, max_examples=choose_count(30, 150))
@given(given_writes=writes, limit=limits, stores=st.integers(0, 5))
def test_the_beginning_and_the_end_are_kept_in_order_and_what_is_between_is_counted(
    matcher: SecretMatcher | None, given_writes: Writes, limit: int, stores: int
) -> None:
    whole, kept = Kept(matcher=matcher, truncates=False), Kept(limit=limit, matcher=matcher)
    for each in (whole, kept):
        buffer, _ = each.open()
        for number, (stream, data) in enumerate(given_writes):
            buffer.write(stream, data)
            if stores and number % stores == 0:
                each.store(buffer)
        assert not buffer.overflowed.is_set()
        each.end(buffer)
    expected = whole.list_bytes()
    if len(expected) > limit:
        head = find_head_limit(limit)
        expected = expected[:head] + expected[len(expected) - limit + head :]
    assert (kept.gap is None) == (len(whole.list_bytes()) <= limit)
    assert kept.list_bytes() == expected
    require_true_rows(kept, given_writes)


@pytest.mark.parametrize("matcher", [None, MATCHER])
@pytest.mark.sampled
@settings(deadline=None, max_examples=choose_count(30, 150))
@given(given_writes=writes, limit=limits, kills=st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=3))
def test_who_takes_over_reads_on_after_what_is_stored_and_comes_to_a_true_record(
    matcher: SecretMatcher | None, given_writes: Writes, limit: int, kills: list[tuple[int, bool]]
) -> None:
    kept = Kept(limit=limit, matcher=matcher)
    for count, stores in kills:
        buffer, starts = kept.open()
        write_all(buffer, given_writes[:count], starts)
        if stores:
            kept.store(buffer)
    buffer, starts = kept.open()
    write_all(buffer, given_writes, starts)
    kept.end(buffer)
    require_true_rows(kept, given_writes)


def test_the_memory_of_an_output_without_end_is_bounded() -> None:
    kept = Kept(limit=4 * kept_tail.TAIL_BYTES)
    buffer, _ = kept.open()
    for _ in range(1000):
        buffer.write("stdout", b"x" * 10_000)
        kept.store(buffer)
        assert buffer.waiting == 0
    last = asyncio.run(buffer.take_end())
    assert sum(len(chunk.data) for chunk in last.chunks) == kept_tail.TAIL_BYTES
    assert buffer.budget.held_bytes == 0
