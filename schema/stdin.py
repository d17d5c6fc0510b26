"""A command's standard input: base64 in GraphQL, bytes everywhere else."""

import base64
import binascii

from resolvers.errors import Invalid

FIELD = "stdin"
LINE_BREAKS = str.maketrans("", "", "\r\n")
URL_SAFE = frozenset("-_")


def decode(text: str | None) -> bytes | None:
    """Decode base64 and skip line breaks, as MIME and the program `base64` add them; raise Invalid for all else."""
    if text is None:
        return None
    packed = text.translate(LINE_BREAKS)
    try:
        return base64.b64decode(packed.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _url_safe() if URL_SAFE & set(packed) else _no_base64() from None


def _no_base64() -> Invalid:
    return Invalid(
        FIELD,
        "must be base64 of the standard alphabet (A-Z a-z 0-9 + /), padded with = to a multiple of 4 characters; "
        "MIME's line breaks may stand in it, and nothing else.",
        "必须是标准字母表（A-Z a-z 0-9 + /）的 base64，以 = 补足为 4 的倍数；可含 MIME 换行，不能含其他字符。",
    )


def _url_safe() -> Invalid:
    return Invalid(
        FIELD,
        "must be base64 of the standard alphabet: it holds - or _, as the URL-safe alphabet has them; use + and /.",
        "必须是标准字母表的 base64：其中含有 URL 安全字母表的 - 或 _，请改用 + 和 /。",
    )
