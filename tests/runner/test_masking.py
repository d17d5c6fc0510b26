"""Secrets in output: hidden in every form, across every border and by whoever reads on, and nothing else is touched."""

import base64
import copy
import dataclasses
import html
import json
import pickle
from collections.abc import Iterable
from functools import cache
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.output.encodings import list_encodings
from runner.output.masking import LOOKBACK, Masker
from runner.output.matcher import SecretMatcher
from runner.secrets.secret import Secret
from tests.support.sampling import choose_count

SECRET = "pa55/w+rd <é'$"
PEM = "-----BEGIN KEY-----\n" + "\n".join(f"line{n}of+the/key{n * 7919}" for n in range(8)) + "\n-----END KEY-----\n"


@cache
def make_matcher(*secrets: str) -> SecretMatcher:
    return SecretMatcher(map(Secret, secrets))


def masked(secrets: Iterable[str], *pieces: bytes) -> bytes:
    masker = Masker(make_matcher(*secrets))
    return b"".join(masker.feed(piece) for piece in pieces) + masker.finish()


@pytest.mark.parametrize(
    "form",
    [
        SECRET.encode(),
        quote(SECRET, safe="").encode(),
        quote(SECRET, safe="!'()*").lower().encode(),
        json.dumps(SECRET).encode()[1:-1],
        json.dumps(SECRET).replace("<", "\\u003c").encode()[1:-1],
        html.escape(SECRET).encode(),
        b"'" + SECRET.replace("'", "'\\''").encode() + b"'",
        base64.b64encode(SECRET.encode()).rstrip(b"="),
        base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"="),
        SECRET.encode().hex().encode(),
    ],
)
def test_each_form_is_hidden_wherever_it_is_cut(form: bytes) -> None:
    text = b"before " + form + b" after"
    expected = masked([SECRET], text)
    assert form not in expected
    assert expected.startswith(b"before ")
    assert expected.endswith(b" after")
    assert len(expected) == len(text)
    for cut in range(len(text) + 1):
        assert masked([SECRET], text[:cut], text[cut:]) == expected
    assert masked([SECRET], *(text[n : n + 1] for n in range(len(text)))) == expected


IN_OTHERS = "Schlüssel 密码 文字"
IN_LATIN = "Schlüssel größer"


@pytest.mark.parametrize(
    ("secret", "charset", "codec"),
    [
        (IN_OTHERS, "gb18030", "gb18030"),
        ("密码 文字 功ソ1", "gbk", "gbk"),
        ("密碼 功許 1", "big5", "big5"),
        ("ソ表 暗号 1", "shift_jis", "shift_jis"),
        ("비밀 번호 1", "euc-kr", "euc_kr"),
        (IN_LATIN, "iso-8859-1", "latin-1"),
    ],
)
def test_a_secret_is_hidden_in_the_servers_encoding_as_in_utf_8(secret: str, charset: str, codec: str) -> None:
    matcher = SecretMatcher([Secret(secret)], charset)
    for data in (secret.encode(codec), secret.encode()):
        octal = "".join(f"\\{byte:03o}" if byte > 127 else chr(byte).replace("\\", "\\\\") for byte in data)
        forms = (data, base64.b64encode(data).rstrip(b"="), data.hex().encode(), quote(data).encode(), octal.encode())
        for form in forms:
            masker = Masker(matcher)
            shown = b"".join(masker.feed(form[at : at + 1]) for at in range(len(form))) + masker.finish()
            assert len(shown) == len(form)
            assert set(shown[:-1]) == set(b"*"), form
    assert matcher.mask(b"plain text") == b"plain text"


def test_a_secret_that_the_encoding_does_not_have_is_hidden_in_utf_8() -> None:
    assert set(SecretMatcher([Secret(IN_OTHERS)], "iso-8859-1").mask(IN_OTHERS.encode())) == set(b"*")


@pytest.mark.parametrize("before", [b"", b"u", b"us", b"use", b"user"])
def test_a_secret_within_encoded_text_shows_none_of_its_own_bytes(before: bytes) -> None:
    secret = "correct-horse"
    shown = masked([secret], base64.b64encode(before + secret.encode() + b":tail"))
    whole = base64.b64encode(before + secret.encode() + b":tail")
    visible = [n for n, (a, b) in enumerate(zip(shown, whole, strict=True)) if a == b]
    first, last = len(before), len(before) + len(secret) - 1
    # A character of base64 carries bits of the bytes at n*6//8 and (n*6+5)//8; a border one may share a byte.
    assert not [n for n in visible if first < n * 6 // 8 and (n * 6 + 5) // 8 < last]


def test_overlapping_secrets_are_both_hidden() -> None:
    assert masked(["abcdef", "defghi"], b"-abcdefghi-") == b"-*********-"


def test_a_key_is_hidden_line_by_line_whatever_ends_the_lines() -> None:
    for text in (PEM, PEM.replace("\n", "\r\n"), f"> {PEM.splitlines()[5]} <"):
        shown = masked([PEM], text.encode())
        assert not [line for line in PEM.splitlines()[1:-1] if line.encode() in shown]
        assert shown.count(b"\n") == text.count("\n")
    assert b"-----BEGIN KEY-----" in masked([PEM], b"what -----BEGIN KEY----- is"), "every key begins so"


@pytest.mark.parametrize("width", [64, 76])
def test_what_base64_breaks_into_lines_is_hidden(width: int) -> None:
    encoded = base64.b64encode(PEM.encode()).rstrip(b"=")
    lines = [encoded[n : n + width] for n in range(0, len(encoded), width)]
    for end in (b"\n", b"\r\n"):
        assert set(masked([PEM], end.join(lines))) <= set(b"*\r\n") | {encoded[-1]}


def test_before_a_line_end_at_most_three_characters_of_a_secret_are_shown() -> None:
    assert masked(["secret-value"], b"se\ncret-value") == b"se\n**********"
    assert masked(["secret-value"], b"secr\net-value") == b"****\n********"
    assert masked(["secret-value"], b"secr\n" + b"\n" * 400 + b"et-value")[:4] == b"secr", "that is too far away"


def test_bytes_are_shown_at_once_when_no_secret_can_begin_there() -> None:
    masker = Masker(make_matcher("secret-value"))
    assert masker.feed(b"line\n") == b"line\n"
    assert masker.feed(b"the sec") == b"the "
    assert masker.feed(b"ond\n") == b"second\n"
    assert masker.feed(b"ends with an s\n") == b"ends with an s\n", "a whole line is not kept from who watches"
    assert masker.feed(b"secr\n") == b""


def test_where_the_output_is_cut_off_the_beginning_of_a_secret_is_hidden() -> None:
    for cut, shown in ((True, b"the ****\n***"), (False, b"the secr\net-")):
        masker = Masker(make_matcher("secret-value"))
        assert masker.feed(b"the secr\net-") + masker.finish(cut=cut) == shown


ALPHABET = "ab/+ é\n'\"\\$"
TEXTS = st.text(ALPHABET, min_size=6, max_size=9).filter(lambda text: len(text.strip()) >= 6)
PIECES = st.lists(st.binary(max_size=12) | st.text(ALPHABET, max_size=12).map(str.encode), max_size=12)


def forms_of(secret: bytes) -> st.SearchStrategy[bytes]:
    """As any program may have written it."""
    return st.sampled_from(known_forms(secret.decode()))


@cache
def known_forms(secret: str) -> list[bytes]:
    return sorted(set(list_encodings(secret)))


@st.composite
def outputs(draw: st.DrawFn) -> tuple[list[str], list[bytes]]:
    """Secrets, and pieces of an output in which they and parts of them are frequent, also broken into lines."""
    secrets = draw(st.lists(TEXTS, min_size=1, max_size=3)) + draw(st.lists(st.just(PEM), max_size=1))
    source = st.sampled_from(secrets).map(str.encode)
    encoded = source.map(lambda text: base64.b64encode(b"-" + text)) | source.flatmap(forms_of)
    broken = st.builds(lambda text, at, end: text[:at] + end + text[at:], source | encoded, st.integers(0, 90), ENDS)
    part = st.builds(lambda text, at: text[:at], source | encoded, st.integers(0, 200))
    return secrets, draw(st.lists(source | encoded | broken | part | PIECES.map(b"".join), max_size=10))


ENDS = st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n" * 380])


@pytest.mark.sampled
@settings(deadline=None, max_examples=choose_count(12, 60))
@given(outputs())
def test_the_pieces_never_change_what_is_hidden(case: tuple[list[str], list[bytes]]) -> None:
    secrets, pieces = case
    whole = b"".join(pieces)
    shown = masked(secrets, *pieces)
    assert shown == masked(secrets, whole)
    assert len(shown) == len(whole)
    assert all(secret.encode() not in shown for secret in secrets if "\n" not in secret)
    assert all(a == b or a == ord("*") for a, b in zip(shown, whole, strict=True))


@pytest.mark.sampled
@settings(deadline=None, max_examples=choose_count(12, 60))
@given(outputs(), st.lists(st.tuples(st.integers(1, 300), st.integers(0, 300)), max_size=8))
def test_whoever_reads_on_after_a_crash_hides_what_one_reader_would(
    case: tuple[list[str], list[bytes]], crashes: list[tuple[int, int]]
) -> None:
    """A reader stores a part of what it has shown, and is gone; the next one begins LOOKBACK bytes before that."""
    secrets, pieces = case
    whole, stored = b"".join(pieces), b""
    for reads, keeps in [*crashes, (len(whole), len(whole))]:
        again = min(len(stored), LOOKBACK)
        masker = Masker(make_matcher(*secrets), skip=again)
        rest = whole[len(stored) - again :]
        shown = b"".join(masker.feed(rest[n : n + 7]) for n in range(0, min(reads, len(rest)), 7))
        stored += shown[:keeps]
    assert stored + masker.finish() == masked(secrets, whole)


def test_many_secrets_are_found_as_few_are() -> None:
    secrets = [f"{n:04d}-{word}" for n, word in enumerate(["ab", "abcd", "abcdefgh", "abcdefghijklmnop"] * 40)]
    text = b" ".join(b"x" * (n % 9) + secret.encode() for n, secret in enumerate(secrets))
    assert masked(secrets, text).strip(b"x* ") == b""


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("hunter2-swordfish")
    holder = dataclasses.make_dataclass("Holder", ["secret"])(secret)
    shown = [repr(secret), str(secret), f"{secret:>40}", f"{secret!s}", repr(holder), repr([secret])]
    shown += [repr(copy.deepcopy(holder)), repr(dataclasses.asdict(holder)), repr(make_matcher("hunter2-swordfish"))]
    assert not [text for text in shown if "hunter2" in text]
    for write in (pickle.dumps, json.dumps, orjson.dumps, lambda value: bytes(value)):
        with pytest.raises(TypeError) as refused:
            write(secret)
        assert "hunter2" not in str(refused.value)
    assert secret.reveal() == "hunter2-swordfish"
    assert (secret == Secret("hunter2-swordfish"), secret == Secret("hunter3"), secret == "hunter2-swordfish") == (
        *(True, False, False),
    )
