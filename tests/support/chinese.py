"""Runs what is told to who reads Chinese, and finds English that is left in it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sshcast.words import is_chinese

CHINESE = {"LANG": "zh_CN.UTF-8", "LANGUAGE": "", "LC_ALL": "", "LC_MESSAGES": ""}
# What is written as it is in every language: commands, keys in braces, paths, and what others have said.
AS_IT_IS = re.compile(r"`[^`]*`|\{[^}]*\}|'[^']*'|（[^）]*）|[\w.$~]*/[\w./~-]+")
SENTENCE = re.compile(r"[A-Za-z']+ [a-z']+ [a-z']+")


@contextmanager
def reading_chinese() -> Iterator[None]:
    """Let this process speak Chinese until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CHINESE.items():
            patch.setenv(name, value)
        is_chinese.cache_clear()
        yield
    is_chinese.cache_clear()


def find_english(text: str) -> list[str]:
    """Return the English sentences in a text; the whole text if it has no Chinese at all."""
    if not re.search("[\u4e00-\u9fff]", text):
        return [text]
    return SENTENCE.findall(AS_IT_IS.sub("", text))
