"""Output cursors are opaque, and nothing but one of ours is taken for one."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers import cursor
from resolvers.errors import Invalid


@given(st.integers(0, 2**63 - 1))
def test_a_cursor_comes_back_as_its_place(position: int) -> None:
    assert cursor.decode(cursor.encode(position)) == position


def test_no_cursor_is_the_start() -> None:
    assert cursor.decode(None) == 0


@pytest.mark.parametrize(
    "text", ["", "o", "7", "x7", "o-1", "o+1", "o1.0", "o 1", "o1 ", "o1_0", "o٣", "o1\n", f"o{2**63}", "o" + "0" * 20]
)
def test_anything_else_is_refused_by_the_name_of_its_field(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        cursor.decode(text, "since")
    assert caught.value.field == ("since",)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_a_place_or_refused(text: str) -> None:
    with suppress(Invalid):
        assert 0 <= cursor.decode(text) < 2**63


@given(st.integers(0, 2**63 - 1), st.sampled_from([None, 0, 1, 2]))
def test_a_cursor_may_say_how_much_of_the_end_was_told(position: int, rests: int | None) -> None:
    made = cursor.encode(position, rests)
    assert (cursor.decode(made), cursor.count_rests_told(made), cursor.is_end(made)) == (position, rests, False)


@given(st.integers(0, 2**63 - 1), st.sampled_from([None, 0, 1, 2]))
def test_the_end_is_the_same_place_under_a_name_of_its_own(position: int, rests: int | None) -> None:
    made = cursor.encode_end(cursor.encode(position, rests))
    assert (cursor.decode(made), cursor.is_end(made)) == (position, True)
    assert cursor.encode_end(made) == made


@pytest.mark.parametrize("text", ["o1-", "o1-3", "o1-end ", "o1-END", "o1-1-end", "-end", "o-end", "o1.1", "o1-01"])
def test_what_only_looks_like_one_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        cursor.decode(text)
