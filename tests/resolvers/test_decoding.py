"""Bytes as text, chunk by chunk: no character is torn, wherever the chunks are cut and the watcher begins."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from db.values import Stream
from resolvers.decoding import Decoders

BYTES = st.lists(st.one_of(st.binary(max_size=4), st.text(max_size=3).map(str.encode)), max_size=8).map(b"".join)
WHOLE = "héllo 世界 🏃"


def decoded(decoders: Decoders, data: bytes, cuts: list[int]) -> str:
    """`data` of one stream, given in pieces."""
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [data[start:end] for start, end in pairwise(edges)]
    text = "".join(decoders.decode(Stream.STDOUT, part) for part in parts)
    return text + decoders.rest().get(Stream.STDOUT, "")


def test_a_character_that_chunks_share_is_shown_whole_and_with_the_last_of_them() -> None:
    decoders = Decoders({})
    shown = [decoders.decode(Stream.STDOUT, bytes([byte])) for byte in "🏃".encode()]
    assert shown == ["", "", "", "🏃"]


def test_the_two_streams_do_not_mix() -> None:
    decoders = Decoders({})
    first, last = "世".encode()[:1], "世".encode()[1:]
    assert decoders.decode(Stream.STDOUT, first) == ""
    assert decoders.decode(Stream.STDERR, b"ok") == "ok"
    assert decoders.decode(Stream.STDOUT, last) == "世"


def test_a_character_that_never_ends_shows_as_a_replacement_once() -> None:
    decoders = Decoders({})
    assert decoders.decode(Stream.STDERR, b"a\xe4\xb8") == "a"
    assert decoders.rest() == {Stream.STDERR: "\ufffd"}
    assert decoders.rest() == {}


@given(data=BYTES, cuts=st.lists(st.integers(0, 40), max_size=6))
def test_the_text_is_that_of_the_whole_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    assert decoded(Decoders({}), data, cuts) == data.decode("utf-8", "replace")


@given(before=BYTES, after=BYTES)
def test_one_who_begins_in_the_middle_of_a_character_reads_what_the_others_read(before: bytes, after: bytes) -> None:
    others = Decoders({})
    others.decode(Stream.STDOUT, before)
    late = Decoders({Stream.STDOUT: before[-3:]})
    assert decoded(late, after, []) == decoded(others, after, [])
