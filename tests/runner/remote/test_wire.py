"""Whatever bytes a command writes and however the network cuts them, they come out as they were, and at once."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from db.values import Stream
from runner.remote.wire import ExitRecord, RunStream

OUT, ERR = Stream
# What begins like a line for us, above all.
BYTES = st.lists(st.sampled_from([b"\x01", b"a", b"\n", b"\x01a", b"\x01\x01", b"\x00\xff"]), max_size=6).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(out=BYTES, err=BYTES, places=st.lists(st.integers(0, 200), max_size=8), noise=BYTES)
def test_a_run_is_complete_once_its_last_byte_has_come(out: bytes, err: bytes, places: list[int], noise: bytes) -> None:
    kept = {OUT: b"", ERR: b""}

    def keep(stream: str, data: bytes) -> None:
        kept[Stream(stream)] += data

    wire = RunStream(keep, dict.fromkeys(Stream, 0))
    say = wire.nonce.encode()
    told = say + b" begin fresh - /spool\n" + out + say + b" end 3 %d %d -\n" % (len(out), len(err))
    for stream, data in ((OUT, noise + told), (ERR, noise + say + b" begin\n" + err)):
        for piece in cut(data, places):
            wire.feed(stream, piece)
    assert kept == {OUT: out, ERR: err}
    assert wire.record == ExitRecord(3, len(out), len(err), "-")
    assert wire.is_complete
