"""Whatever is written, a check ends with a verdict whose findings lie within the text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.policy import Policy
from tests.support.policy_cases import read
from tests.support.sampling import choose_count

pytestmark = pytest.mark.sampled()

POLICY = Policy.load()
COMMANDS = [case.command for name in ("policy-dev.jsonl", "unseen.jsonl") for case in read(name)]
PIECES = [
    *(
        "'",
        '"',
        "`",
        "$",
        "$(",
        "${",
        "$((",
        ")",
        "}",
        "{",
        "(",
        "|",
        "&&",
        "||",
        ";",
        "&",
        "\n",
        " ",
        "\\",
        "#",
        "<",
        ">",
    ),
    *(
        "<<E\n",
        "<<<",
        "<(",
        ">&",
        "[[",
        "]]",
        "((",
        "if ",
        "then ",
        "fi",
        "for x in ",
        "do ",
        "done",
        "case x in ",
        "esac",
    ),
    *(
        "eval ",
        "sh -c ",
        "x=",
        "$x",
        "${x:-",
        "${x%%",
        "*",
        "?",
        "[",
        "{a,b}",
        "~",
        "$'",
        "\\x41",
        "alias a=",
        "f() {",
        "!",
    ),
    *(
        "sudo ",
        "rm -rf ",
        "/",
        "echo ",
        "| sh",
        "xargs ",
        "find / -exec ",
        "env -S ",
        "trap ",
        "coproc ",
        "time ",
        "é",
        "字",
    ),
]


def holds(command: str) -> None:
    verdict = POLICY.check(command)
    for finding in verdict.findings:
        assert 0 <= finding.start <= finding.end <= len(command)
        assert finding.line >= 1
        assert finding.column >= 1
    assert POLICY.check(command) == verdict


@settings(max_examples=choose_count(50, 250), deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_heap_of_shell_pieces_gets_a_verdict(command: str) -> None:
    holds(command)


@settings(max_examples=choose_count(50, 250), deadline=None)
@given(
    st.sampled_from(COMMANDS),
    st.lists(st.tuples(st.integers(0, 80), st.integers(0, 6), st.sampled_from(PIECES)), max_size=4),
)
def test_any_change_of_a_command_gets_a_verdict(command: str, changes: list[tuple[int, int, str]]) -> None:
    for place, removed, piece in changes:
        command = command[:place] + piece + command[place + removed :]
    holds(command)


@settings(max_examples=choose_count(30, 150), deadline=None)
@given(st.text(max_size=200))
def test_any_text_gets_a_verdict(command: str) -> None:
    holds(command)
