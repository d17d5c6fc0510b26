"""Outputs are compared as `clubak -b` compares them, however they are cut into chunks; and with placeholders."""

import random

import pytest

from runner.fleet.groups import (
    LINE_BYTES,
    Answer,
    Fingerprint,
    Placeholders,
    build_placeholders,
    group,
)
from tests.support.clubak import run_clubak
from tests.support.sampling import choose_count

# `clubak` orders groups of one size by the name of a node, as text.
FIRST = 101
WEB = build_placeholders(["web-1.example.org", "10.0.0.7"])
PIECES = (b"\r", b"\n", b"\r\n", b"a", b"b c", b" 12:30", b"Nov 3 ", b"web-1", b"\xc3", b"\xa9", b"7" * 9)


def digest(*parts: bytes, placeholders: Placeholders | None = None) -> bytes:
    """The digest of an output that comes in these parts."""
    made, position = Fingerprint(placeholders), 0
    for part in parts:
        made.feed(position, part)
        position += len(part)
    return made.compute()


def cut(data: bytes, source: random.Random) -> list[bytes]:
    places = sorted(source.randrange(len(data) + 1) for _ in range(source.randrange(4)))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def make_output(source: random.Random, most: int = 6) -> bytes:
    return b"".join(source.choice(PIECES) for _ in range(source.randrange(most)))


def test_the_groups_are_those_of_clubak() -> None:
    pytest.importorskip("ClusterShell")
    source = random.Random(18)
    for _ in range(choose_count(6, 40)):
        few = [make_output(source) for _ in range(12)]
        outputs = [source.choice(few) for _ in range(60)]
        answers = [Answer(id, "SUCCESS", 0, digest(*cut(each, source))) for id, each in enumerate(outputs, FIRST)]
        # What wrote nothing at all is shown by us alone.
        ours = [each.execution_ids for each in group(answers) if outputs[each.first_id - FIRST]]
        assert [set(ids) for ids in ours] == run_clubak(enumerate(outputs, FIRST))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"a", b"a\n"),
        (b"a\n", b"a\r\n"),
        (b"a\r\r\nb", b"a\nb\r"),
        (b"\r", b"\n"),
    ],
)
def test_line_ends_make_no_difference(one: bytes, other: bytes) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(b"", b"\n"), (b"a\n", b"a\n\n"), (b"a", b"A"), (b"a\rb", b"a\nb"), (b"a ", b"a"), (b"a\nb\n", b"b\na\n")],
)
def test_everything_else_makes_one(one: bytes, other: bytes) -> None:
    assert digest(one) != digest(other)


def test_it_makes_no_difference_how_an_output_is_cut() -> None:
    source = random.Random(7)
    for number in range(choose_count(300, 3000)):
        long = (
            b"1" * source.choice((LINE_BYTES - 1, LINE_BYTES, LINE_BYTES + 1, 3 * LINE_BYTES))
            if number % 9 == 0
            else b""
        )
        output = make_output(source, 12) + long + make_output(source, 12)
        for placeholders in (None, WEB):
            whole = digest(output, placeholders=placeholders)
            assert digest(*cut(output, source), placeholders=placeholders) == whole


def test_what_was_left_out_at_the_limit_makes_a_difference() -> None:
    whole, shorter, longer = Fingerprint(), Fingerprint(), Fingerprint()
    for each in (whole, shorter, longer):
        each.feed(0, b"begin\n")
    shorter.skip(10)
    longer.skip(11)
    assert len({each.compute() for each in (whole, shorter, longer)}) == 3


def test_a_copy_goes_on_by_itself() -> None:
    first = Fingerprint()
    first.feed(0, b"one\r")
    second = first.copy()
    second.feed(4, b"\ntwo")
    assert (first.compute(), second.compute()) == (digest(b"one"), digest(b"one\ntwo"))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("web-1 is up", "<host> is up"),
        ("WEB-1.example.org: ok", "<host>: ok"),
        ("10.0.0.7:22 and 10.0.0.77", "<host>:<number> and <number>"),
        ("web-10 and aweb-1", "web-<number> and aweb-<number>"),
        ("2026-11-30T11:00:44.123Z x", "<time> x"),
        ("2026/11/30 at 11:00", "<time> at <time>"),
        ("Mon Nov 30 11:00:44 UTC 2026", "<time>"),
        ("Mon, 30 Nov 2026 11:00:44 +0000", "<time>"),
        ("30-Nov-2026 11:30 pm.", "<time>."),
        ("march 2 maybe 12", "<time> maybe <number>"),
        ("load 0.31, 1,234 and 0xFEED", "load <number>, <number> and <number>"),
        ("no digits here, monday or may", "no digits here, monday or may"),
    ],
)
def test_placeholders_stand_for_hosts_times_and_numbers(line: str, shown: str) -> None:
    assert WEB.replace(line.encode()).decode() == shown


def test_a_placeholder_never_reaches_over_a_line_end() -> None:
    assert WEB.replace(b"Nov\n30 1\n2:30") == b"Nov\n<number> <number>\n<time>"


def test_long_runs_of_carriage_returns_take_linear_time() -> None:
    made = Fingerprint()
    for at in range(30):
        made.feed(at * 100_001, b"\r" * 100_000 + b"a")
    assert made.compute() != digest(b"a" * 30)
