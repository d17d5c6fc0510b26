"""Secrets in output: hidden in every form and across every border, and nothing else is touched."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.masking import Masker

SECRET = "pa55/w+rd é"


def masked(secrets: list[str], *pieces: bytes) -> bytes:
    masker = Masker(secrets)
    return b"".join(masker.feed(piece) for piece in pieces) + masker.finish()


@pytest.mark.parametrize(
    "form",
    [
        SECRET.encode(),
        quote(SECRET, safe="").encode(),
        json.dumps(SECRET).encode()[1:-1],
        base64.b64encode(SECRET.encode()).rstrip(b"="),
        base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"="),
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


def test_a_short_secret_hides_nothing() -> None:
    assert masked(["abc"], b"abc") == b"abc"


def test_bytes_are_shown_at_once_when_no_secret_can_begin_there() -> None:
    masker = Masker(["secret-value"])
    assert masker.feed(b"line\n") == b"line\n"
    assert masker.feed(b"the sec") == b"the "
    assert masker.feed(b"ond\n") == b"second\n"


@given(
    st.lists(st.text("ab/+ é", min_size=6, max_size=9), min_size=1, max_size=3),
    st.lists(st.binary(max_size=12) | st.text("ab/+ é", max_size=12).map(str.encode), max_size=12),
)
def test_the_pieces_never_change_what_is_hidden(secrets: list[str], pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    shown = masked(secrets, *pieces)
    assert shown == masked(secrets, whole)
    assert len(shown) == len(whole)
    assert all(secret.encode() not in shown for secret in secrets if b"*" not in secret.encode())
    assert all(a == b or a == ord("*") for a, b in zip(shown, whole, strict=True))


def test_a_masker_does_not_show_its_secrets() -> None:
    assert "hunter22" not in repr(Masker(["hunter22"]))
