"""Bytes as text, chunk by chunk: no character is torn, wherever the chunks are cut and the watcher begins."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.output_leads import Lead
from db.values import Stream
from resolvers import decoding
from resolvers.decoding import Decoders, StreamDecoder, find_start
from runner.charsets import CODECS, MULTIBYTE, find_charset
from tests.support.sampling import choose_count

SPECIAL = b"\n /09@AZaz~\x80\x81\x88\x8e\x8f\xa1\xa4\xb0\xc8\xd4\xfe\xff"
TEXT = "한글 日本語 文字, 中文 ab09\n"
SMALL_RESTART = 32
TRIED = sorted({"utf-8", "iso-8859-1", "tis-620"} | MULTIBYTE)
EXAMPLES = settings(max_examples=choose_count(12, 60), suppress_health_check=[HealthCheck.too_slow])


def pieces_of(charset: str) -> st.SearchStrategy[bytes]:
    """Text of the encoding, its bytes in any order, and any bytes at all."""
    text = st.text(st.sampled_from(TEXT), max_size=6).map(lambda text: text.encode(CODECS[charset], "ignore"))
    special = st.lists(st.sampled_from(SPECIAL), max_size=6).map(bytes)
    return st.lists(st.one_of(text, special, st.binary(max_size=4)), max_size=12).map(b"".join)


def split(data: bytes, cuts: list[int]) -> Iterator[tuple[int, bytes]]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return ((start, data[start:end]) for start, end in pairwise(edges))


def decoded(decoders: Decoders, data: bytes, cuts: list[int], *, at: int = 0) -> str:
    """`data` of one stream, from its byte `at` on, given in pieces."""
    text = "".join(decoders.decode(Stream.STDOUT, part, at + start) for start, part in split(data, cuts))
    return text + decoders.rest().get(Stream.STDOUT, "")


def load_lead(charset: str, before: bytes) -> Lead:
    """The lead as it is loaded of a stream with these bytes: from a few on, and from more if these do not tell."""
    for most in (3,) if charset not in MULTIBYTE else (16, 2 * decoding.RESTART_BYTES + 8):
        data = before[-most:]
        lead = Lead(len(before) - len(data), data, is_whole=len(data) == len(before))
        start = find_start(lead) if charset in MULTIBYTE else lead.offset
        if start is not None:
            return lead.drop_before(start)
    raise AssertionError("the most bytes do not tell where a character begins")


def test_a_character_that_chunks_share_is_shown_whole_and_with_the_last_of_them() -> None:
    decoders = Decoders()
    shown = [decoders.decode(Stream.STDOUT, bytes([byte])) for byte in "🏃".encode()]
    assert shown == ["", "", "", "🏃"]


def test_the_two_streams_do_not_mix() -> None:
    decoders = Decoders()
    first, last = "世".encode()[:1], "世".encode()[1:]
    assert decoders.decode(Stream.STDOUT, first) == ""
    assert decoders.decode(Stream.STDERR, b"ok") == "ok"
    assert decoders.decode(Stream.STDOUT, last) == "世"


def test_a_character_that_never_ends_shows_as_a_replacement_once() -> None:
    decoders = Decoders()
    assert decoders.decode(Stream.STDERR, b"a\xe4\xb8") == "a"
    assert decoders.rest() == {Stream.STDERR: "\ufffd"}
    assert decoders.rest() == {}


@pytest.mark.sampled
@pytest.mark.parametrize("charset", TRIED)
def test_the_text_is_that_of_the_whole_however_it_is_cut(charset: str) -> None:
    @EXAMPLES
    @given(data=pieces_of(charset), cuts=st.lists(st.integers(0, 60), max_size=6))
    def check(data: bytes, cuts: list[int]) -> None:
        assert decoded(Decoders(charset), data, cuts) == data.decode(CODECS[charset], "replace")

    check()


@pytest.mark.sampled
@pytest.mark.parametrize("charset", TRIED)
def test_one_who_begins_anywhere_reads_what_the_others_read(charset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an encoding that begins anew after 32 bytes without a blank, so that such outputs come up."""
    monkeypatch.setattr(decoding, "RESTART_BYTES", SMALL_RESTART)

    @EXAMPLES
    @given(before=pieces_of(charset), after=pieces_of(charset), more=st.integers(1, 9))
    def check(before: bytes, after: bytes, more: int) -> None:
        before *= more
        others = Decoders(charset)
        others.decode(Stream.STDOUT, before)
        late = Decoders(charset, {Stream.STDOUT: load_lead(charset, before)})
        assert late.count_pending(Stream.STDOUT) == others.count_pending(Stream.STDOUT)
        at = len(before)
        assert decoded(late, after * more, [], at=at) == decoded(others, after * more, [5, 9], at=at)

    check()


@pytest.mark.parametrize("charset", sorted(MULTIBYTE))
def test_a_break_always_begins_a_character(charset: str) -> None:
    """What finding a beginning rests on: no byte below 0x30 is part of a longer character, after whatever bytes."""
    codec, rest = CODECS[charset], b"abcdefgh"
    firsts = [bytes([one]) for one in range(128, 256)]
    leads = firsts + [one + bytes([two]) for one in firsts for two in SPECIAL]
    for lead in [*leads, *(b"\x81\x30" + one for one in firsts), b"\xa4\xd4\xa4\xa1\xa4\xbf"]:
        for each in (b"\n", b" ", b"/"):
            assert (lead + each + rest).decode(codec, "replace").endswith((each + rest).decode()), lead + each


@pytest.mark.parametrize("charset", sorted(CODECS))
def test_every_encoding_holds_ascii_as_it_is_and_is_found_by_any_case(charset: str) -> None:
    ascii_text = bytes(range(128))
    assert ascii_text.decode(CODECS[charset]) == ascii_text.decode()
    assert find_charset(charset.upper()) == charset


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("UTF8", "utf-8"),
        ("Latin-1", "iso-8859-1"),
        ("ISO_8859-1", "iso-8859-1"),
        ("Shift-JIS", "shift_jis"),
        ("cp932", "windows-31j"),
        ("EUC_KR", "euc-kr"),
        ("uhc", "windows-949"),
        ("GB 18030", "gb18030"),
    ],
)
def test_common_names_are_stored_as_the_iana_name(name: str, stored: str) -> None:
    assert find_charset(name) == stored


def test_after_a_gap_decoding_begins_anew() -> None:
    decoder = StreamDecoder("gbk")
    assert decoder.decode("中文".encode("gbk")[:3], 0) == "中"
    assert decoder.decode("字".encode("gbk"), 900) == "\ufffd字"


def test_text_without_a_break_is_whole_up_to_a_restart() -> None:
    """A restart may tear one character, once a megabyte; the search for a beginning is bounded by it."""
    data = b"a" + "中".encode("gbk") * (decoding.RESTART_BYTES // 2 - 1)
    assert "\ufffd" not in StreamDecoder("gbk").decode(data)
    shown = StreamDecoder("gbk").decode(data + "中".encode("gbk") * 9)
    assert shown.count("\ufffd") <= 2
