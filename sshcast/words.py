"""Chooses between English and Chinese by the locale, as the user's other programs do."""

import os
from functools import cache
from typing import Self

VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@cache
def is_chinese() -> bool:
    """Tell whether messages are to be in Chinese: by the first of these variables that says anything."""
    return next((text for name in VARIABLES if (text := os.environ.get(name))), "").lower().startswith("zh")


def choose(english: str, chinese: str) -> str:
    return chinese if is_chinese() else english


class Bilingual(str):
    """A sentence in English, which is what JSON answers have, that knows its Chinese for `translate`."""

    chinese: str

    def __new__(cls, english: str, chinese: str) -> Self:
        made = super().__new__(cls, english)
        made.chinese = chinese
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        return (str(self), self.chinese)


def translate(text: str) -> str:
    """Return a sentence in the reader's language; a text that is no Bilingual as it is."""
    return text.chinese if isinstance(text, Bilingual) and is_chinese() else text
