"""An account's name as SSH carries it: UTF-8 text after the rules of SASLprep (RFC 4013), which the client applies."""

import unicodedata

from asyncssh.saslprep import SASLPrepError, saslprep


class BadUsername(ValueError):
    """No client could send this name. `char` is the character that it cannot hold, if it is a single one."""

    def __init__(self, char: str | None) -> None:
        super().__init__(char or "")
        self.char = char


def prepare_username(name: str) -> str:
    """The name as the client sends it. Raises BadUsername."""
    for char in name:
        if not _is_sendable(char):
            raise BadUsername(char)
    return _apply_saslprep(name)


def _is_sendable(char: str) -> bool:
    """What nobody sees would be left out on the way or become a blank, and the name would be another account's."""
    try:
        return unicodedata.category(char) not in ("Cf", "Cs") and saslprep(char) != ""
    except SASLPrepError:
        return False


def _apply_saslprep(name: str) -> str:
    try:
        return saslprep(name)
    except SASLPrepError:
        raise BadUsername(None) from None
