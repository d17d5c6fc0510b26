"""A user name is prepared as asyncssh prepares it when it signs in: otherwise another account would be signed in to."""

import sys
import unicodedata

import pytest
from asyncssh.saslprep import SASLPrepError, saslprep
from hypothesis import given
from hypothesis import strategies as st

from runner.ssh.sign_in.usernames import BadUsername, prepare_username
from tests.support.sampling import choose_count, sample

# Of both directions, of none, what is mapped, and what may not be there at all.
TELLING = "ab1-_. \u00a0\u00ad\u00df\u05d0\u05d1\u0627\u0661\u200b\u2168\u3000\ufb01\uff21\U00010400\u0300\u0007\ue000"
# Behind them are planes of no character, tags, and private ones.
LAST_LETTER, FIRST_TAG = 0x30000, 0xE0000


def prepare(name: str) -> str | None:
    try:
        return prepare_username(name)
    except BadUsername:
        return None


def prepare_by_asyncssh(name: str) -> str | None:
    """None where it refuses the name, and where a character that nobody sees would be left out."""
    try:
        if any(unicodedata.category(char) in ("Cf", "Cs") or not saslprep(char) for char in name):
            return None
        return saslprep(name)
    except SASLPrepError:
        return None


@pytest.mark.sampled
def test_each_character_is_taken_as_asyncssh_takes_it() -> None:
    codes = [*range(LAST_LETTER), *range(FIRST_TAG, FIRST_TAG + 256), sys.maxunicode]
    characters = [chr(code) for code in sample(codes, 8)]
    taken = {char: prepare(char) for char in characters}
    assert {char: done for char, done in taken.items() if done != prepare_by_asyncssh(char)} == {}
    assert sum(done is not None for done in taken.values()) > choose_count(11_000, 90_000)


@given(st.text(st.sampled_from(TELLING) | st.characters(), max_size=8))
def test_a_name_is_taken_as_asyncssh_takes_it(name: str) -> None:
    assert prepare(name) == prepare_by_asyncssh(name)


@pytest.mark.parametrize("name", ["a\u05d0", "\u05d0a\u05d0", "\u05d01", "1\u05d0", "\u0627\u0661"])
def test_a_name_of_both_directions_is_refused_whole(name: str) -> None:
    with pytest.raises(BadUsername) as refused:
        prepare_username(name)
    assert refused.value.char is None
