"""Splits a line of ssh's configuration into its words, by the rules of ssh_config(5)."""

import re

from sshcast.words import choose

KEYWORD = re.compile(r'\s*"?(?P<keyword>[A-Za-z0-9]+)"?(?:\s*=\s*|\s+|$)(?P<rest>.*)', re.DOTALL)
ESCAPED = "\\\"' "


def split_keyword(line: str) -> tuple[str, str] | None:
    """Return the keyword in lower case and what follows it; None for a blank line and a comment."""
    text = line.strip(" \t\r\n\f\v")
    if not text or text.startswith("#"):
        return None
    found = KEYWORD.fullmatch(text)
    return (text.lower(), "") if found is None else (found["keyword"].lower(), found["rest"])


def split_words(text: str) -> list[str]:
    """Return the arguments. Quotes hold words together, a `#` at the start of a word begins a comment.

    Raises ValueError for a quote that is never closed.
    """
    words: list[str] = []
    place = 0
    while place < len(text):
        if text[place] in " \t":
            place += 1
        elif text[place] == "#":
            break
        else:
            word, place = _read_word(text, place)
            words.append(word)
    return words


def _read_word(text: str, place: int) -> tuple[str, int]:
    """Return the word that begins at `place`, and where it ends."""
    found, quote = "", ""
    while place < len(text) and (quote or text[place] not in " \t"):
        letter = text[place]
        if letter == "\\" and text[place + 1 : place + 2] and text[place + 1] in ESCAPED:
            place += 1
            found += text[place]
        elif letter == quote:
            quote = ""
        elif not quote and letter in "\"'":
            quote = letter
        else:
            found += letter
        place += 1
    if quote:
        raise ValueError(choose("a quote is not closed", "引号未闭合"))
    return found, place
