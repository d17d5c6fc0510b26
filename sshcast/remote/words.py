"""Chooses between English and Chinese by the locale, as the user's other programs do."""

import os
from functools import cache

VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@cache
def is_chinese() -> bool:
    """Tell whether messages are to be in Chinese: by the first of these variables that says anything."""
    return next((text for name in VARIABLES if (text := os.environ.get(name))), "").lower().startswith("zh")


def choose(english: str, chinese: str) -> str:
    return chinese if is_chinese() else english
