"""Our grammar against two others: bash says what is a program at all, shfmt where its command words stand."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.policy.grammar.source import LONGEST, SyntaxFault, TooComplex
from tests.support.policy_cases import read
from tests.support.policy_oracles import Spans, bash_accepts, our_spans, shfmt_spans
from tests.support.sampling import choose_count

pytestmark = pytest.mark.sampled()

FILES = ("policy-dev.jsonl", "policy-unseen.jsonl", "unseen.jsonl", "fresh.jsonl")
EVERY = choose_count(24, 4)
"""Of so many cases one is tried, as each costs two processes."""
KNOWN = ("time -f ", "\r")
"""shfmt takes `-f` as the command; a carriage return is blank to it alone."""
FOLDERS = ("/etc/init.d", "/usr/bin", "/usr/sbin", "/etc/profile.d")
MOST_SCRIPTS = choose_count(10, 60)


def ours(text: str) -> Spans | None:
    try:
        return our_spans(text)
    except (SyntaxFault, TooComplex):
        return None


def cases() -> list[str]:
    commands = [case.command for name in FILES for case in read(name)]
    return [command for command in commands[::EVERY] if "\0" not in command]


def scripts() -> list[str]:
    """Shell scripts of this system that are short enough."""
    found = [path for folder in FOLDERS for path in sorted(Path(folder).glob("*")) if path.is_file()]
    short = (path.read_bytes() for path in found if path.stat().st_size < LONGEST)
    texts = (raw.decode("utf-8", "replace") for raw in short if b"sh" in raw[:20].split(b"\n")[0] and raw[:2] == b"#!")
    return [text for text, _ in zip(texts, range(MOST_SCRIPTS), strict=False)]


def test_what_bash_or_shfmt_refuses_or_takes_we_refuse_or_take() -> None:
    texts = [*cases(), *scripts()]
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(bash_accepts, texts))
        parsed = list(pool.map(shfmt_spans, texts))

    differing = [
        text
        for text, bash, shfmt in zip(texts, taken, parsed, strict=True)
        if (ours(text) is not None) not in (bash, shfmt is not None)
    ]
    assert differing == []


def test_no_command_word_that_shfmt_sees_is_hidden_from_us() -> None:
    texts = [text for text in cases() if not any(known in text for known in KNOWN)]
    with ThreadPoolExecutor(4) as pool:
        parsed = list(pool.map(shfmt_spans, texts))

    hidden = {
        text: missed
        for text, spans in zip(texts, parsed, strict=True)
        if spans is not None and (missed := set(spans) - set(ours(text) or ()))
    }
    assert len(texts) > 2000 // EVERY
    assert hidden == {}
