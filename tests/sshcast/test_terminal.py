"""Output made safe for a terminal: what is left out, what is kept, and that hostile text costs no more to read."""

import random

import pytest

from sshcast.terminal import Sanitiser, Screen

STRINGS = "\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\x1bPq\x1b\\c\x9d0;t\x9cd"
HOSTILE = ["\x1b]", "\x1bP\x1b", "\x9d", "\x1b[", "\x9b", "\x1b[1;", "\x1b ", "\x1b]x", "\x1b"]


def safe(text: str, *, colours: bool = True) -> str:
    return Sanitiser(colours=colours).feed(text, final=True)


def test_nothing_is_left_that_a_terminal_would_obey() -> None:
    assert safe(STRINGS) == "abcd"
    assert safe("\x1b[2J\x1b[1;1Hx\x1bcy\x08\x07\r\nz\u202eend") == "xy\nzend"


def test_colours_are_kept_where_they_are_wanted() -> None:
    assert safe("\x1b[31mred\x1b[0m") == "\x1b[31mred\x1b[0m"
    assert safe("\x1b[31mred\x1b[0m", colours=False) == "red"


def test_a_string_without_an_end_hides_only_its_beginning() -> None:
    assert safe("\x1b]0;x\x1b[31mred") == "]0;x\x1b[31mred"


@pytest.mark.parametrize("seed", range(20))
def test_a_sequence_that_is_split_anywhere_stays_whole(seed: int) -> None:
    data, chance, found = "界" + STRINGS + "\x1b[38;5;9mend", random.Random(seed), ""
    sanitiser = Sanitiser(colours=True)
    while data:
        size = chance.randint(1, 9)
        found += sanitiser.feed(data[:size])
        data = data[size:]
    assert found + sanitiser.feed("", final=True) == "界abcd\x1b[38;5;9mend"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", HOSTILE)
def test_text_made_of_beginnings_without_an_end_is_read_once(piece: str) -> None:
    """Reading it again from every beginning would take hours."""
    assert "\x1b" not in safe(piece * 500_000, colours=False)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["\b", "a\b", "\r", "a\rb\n", "a", "\x1b[31m"])
def test_text_made_of_moves_is_placed_at_the_cost_of_one_reading(piece: str) -> None:
    screen, text = Screen(), piece * 300_000
    assert screen.place(text) in (text, "")


def test_no_step_goes_back_beyond_where_its_own_line_began() -> None:
    screen = Screen()
    assert screen.place("above\n\b\bab\b\b\b\b\rc\b\b") == "above\nab\b\b\rc\b"
    assert screen.end_line() == "\n"
    assert screen.place("\b") == ""
    assert screen.end_line() == ""
