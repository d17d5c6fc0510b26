"""The forms in which a secret may stand in output: as it is, encoded and escaped; without line ends, in pieces."""

import base64
import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 6
LONGEST_PIECE = 128
LINE_ENDS = b"\r\n"
PEM_BORDER = re.compile(r"-----[^\r\n]*-----\s*\Z")
ESCAPED = re.compile(r"%[0-9A-F]{2}")
FOR_HTML = {char: f"\\u{ord(char):04x}" for char in "<>&"}
IN_QUOTES = re.compile(r'([$`"\\])')


def pieces(secret: str) -> Iterator[bytes]:
    """What to look for in output whose line ends were taken out: each 6 to 128 bytes, all of them hide all forms."""
    for part in parts(secret):
        for form in forms(part):
            yield from cut(form.translate(None, LINE_ENDS))


def parts(secret: str) -> set[str]:
    """The whole, without blanks around it too, and each of its lines: programs print keys line by line."""
    lines = [line.strip() for line in secret.splitlines()]
    found = {secret, secret.strip(), *(line for line in lines if not PEM_BORDER.match(line))}
    return {part for part in found if len(part) >= SHORTEST}


def forms(part: str) -> Iterator[bytes]:
    plain = encoded(part)
    yield plain
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for text in {*urls(plain), *literals(part)}:
        yield encoded(text)
    for before in range(3):
        yield from base64_forms(plain, before)


def urls(plain: bytes) -> Iterator[str]:
    """As different programs escape it; some write their hexadecimal digits small."""
    for text in (quote_plus(plain), *(quote(plain, safe=safe) for safe in ("", "/", "!'()*"))):
        yield text
        yield ESCAPED.sub(lambda found: found[0].lower(), text)


def literals(part: str) -> Iterator[str]:
    """Within JSON, HTML, and the quotes of a shell."""
    for text in (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]):
        yield text
        yield text.replace("/", "\\/")
        yield "".join(FOR_HTML.get(char, char) for char in text)
    yield html.escape(part)
    yield part.replace("'", "'\\''")
    yield part.replace("'", "'\"'\"'")
    yield IN_QUOTES.sub(r"\\\1", part)


def base64_forms(plain: bytes, before: int) -> Iterator[bytes]:
    """Its base64 with `before` (0 to 2) unknown bytes in front, without the characters that those bytes decide."""
    start, end = (0, 2, 3)[before], (before + len(plain)) * 8 // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(b"\0" * before + plain)[start:end]


def cut(form: bytes) -> Iterator[bytes]:
    """A long one is hidden piece by piece, so that no more than a piece has to be remembered of any output."""
    if len(form) >= SHORTEST:
        yield from (form[at : at + LONGEST_PIECE] for at in range(0, len(form) - LONGEST_PIECE, LONGEST_PIECE))
        yield form[-LONGEST_PIECE:]


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
