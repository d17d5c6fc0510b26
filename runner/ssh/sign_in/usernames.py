"""User names as SSH carries them: UTF-8 after SASLprep (RFC 4013), which the client applies."""

import stringprep
import unicodedata

# What RFC 4013 section 2.3 prohibits, by the tables of RFC 3454.
_PROHIBITED = (
    *(stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3, stringprep.in_table_c4),
    *(stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7, stringprep.in_table_c8),
    stringprep.in_table_c9,
)


class BadUsername(ValueError):
    """No client can send this name. `char` is the character that is not allowed, if it is a single one."""

    def __init__(self, char: str | None) -> None:
        super().__init__(char or "")
        self.char = char


def prepare_username(name: str) -> str:
    """Return the name as the client sends it. Raises BadUsername."""
    for char in name:
        if not _is_sendable(char):
            raise BadUsername(char)
    return _apply_saslprep(name)


def _is_sendable(char: str) -> bool:
    """True if SASLprep keeps the character. One that it drops would make the name that of another account."""
    try:
        return unicodedata.category(char) not in ("Cf", "Cs") and _apply_saslprep(char) != ""
    except BadUsername:
        return False


def _apply_saslprep(name: str) -> str:
    """Raises BadUsername."""
    visible = (char for char in name if stringprep.in_table_c12(char) or not stringprep.in_table_b1(char))
    mapped = "".join(" " if stringprep.in_table_c12(char) else char for char in visible)
    text = unicodedata.normalize("NFKC", mapped)
    if any(map(stringprep.in_table_a1, name)) or any(is_in(char) for char in text for is_in in _PROHIBITED):
        raise BadUsername(None)
    if _mixes_directions(text):
        raise BadUsername(None)
    return text


def _mixes_directions(text: str) -> bool:
    """True if RFC 3454 section 6 forbids it: right-to-left text has such characters at both ends, and no others."""
    if not any(map(stringprep.in_table_d1, text)):
        return False
    is_turned = all(map(stringprep.in_table_d1, (text[0], text[-1])))
    return not is_turned or any(map(stringprep.in_table_d2, text))
