"""Check the user name at a server: every name that SSH can carry is accepted, since real systems use all kinds."""

import unicodedata

from resolvers.errors import Invalid
from runner.ssh.sign_in.usernames import BadUsername, prepare_username

LONGEST = 64


def check_username(value: str) -> str:
    """Return the name as it is sent: without blanks around it, and in normalized Unicode."""
    try:
        name = prepare_username(value.strip())
    except BadUsername as error:
        raise _build_character_error(error.char) from None
    if not 1 <= len(name) <= LONGEST:
        raise Invalid("username", f"must be 1 to {LONGEST} characters.", f"长度须为 1 到 {LONGEST} 个字符。")
    if name.startswith("-"):
        raise Invalid("username", "must not begin with -.", "不能以 - 开头。")
    return name


def _build_character_error(char: str | None) -> Invalid:
    if char is None:
        return Invalid(
            "username",
            "mixes scripts of both writing directions in a way that SSH cannot carry.",
            "混用了 SSH 无法传送的两种书写方向的文字。",
        )
    code = f"U+{ord(char):04X}"
    known = f"{code} ({unicodedata.name(char, 'a control character').lower()})"
    return Invalid("username", f"holds {known}, which SSH cannot carry.", f"包含 SSH 无法传送的字符 {code}。")
