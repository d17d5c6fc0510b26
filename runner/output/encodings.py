"""The forms in which a secret may appear in output: plain, encoded and escaped, without line ends, in pieces."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from operator import methodcaller

from runner.charsets import CODECS, DEFAULT
from runner.output import escapes as output_escapes
from runner.output.escapes import Escaped, encode_utf8
from runner.secrets.secret import SHORTEST

LONGEST_PIECE = 128
LINE_ENDS = b"\r\n"
PEM_BORDER = re.compile(r"-----[^\r\n]*-----\s*\Z")
NEVER_ESCAPED = re.compile(r"\w+", re.ASCII)


def list_needles(secret: str, charset: str = DEFAULT) -> Iterator[bytes]:
    """Yield the needles that mask all forms of a secret in UTF-8 and in the server's encoding, 6 to 128 bytes each.

    They are searched in output without its line ends.
    """
    for part in _split_secret(secret):
        for form in list_encodings(part, charset):
            yield from _split_long(form.translate(None, LINE_ENDS))


def _split_secret(secret: str) -> set[str]:
    """Return the secret, its text without blanks around it, and each of its lines: programs print keys line by line."""
    lines = [line.strip() for line in secret.splitlines()]
    found = {secret, secret.strip(), *(line for line in lines if not PEM_BORDER.match(line))}
    return {part for part in found if len(part) >= SHORTEST}


def list_encodings(part: str, charset: str = DEFAULT) -> Iterator[bytes]:
    for text, encode in _list_readings(part, charset):
        for family in FAMILIES.values():
            for form in family(text):
                with suppress(UnicodeEncodeError):
                    yield form if isinstance(form, bytes) else encode(form)


def _list_readings(part: str, charset: str) -> Iterator[tuple[str, Callable[[str], bytes]]]:
    """Yield the text with the function that encodes its forms, as programs see it that escape it.

    In the server's encoding that is twice: some know its characters, some see bytes, each of which is one surrogate.
    """
    yield part, encode_utf8
    codec = CODECS[charset]
    if charset == DEFAULT or part.isascii():
        return
    with suppress(UnicodeEncodeError):
        encoded = part.encode(codec)
        yield part, methodcaller("encode", codec)
        yield encoded.decode("ascii", "surrogateescape"), encode_utf8


def _as_it_is(part: str) -> Iterator[str]:
    yield part


def _in_hexadecimal(part: str) -> Iterator[str]:
    digits = encode_utf8(part).hex()
    yield from (digits, digits.upper())


def _in_base64(part: str) -> Iterator[bytes]:
    """Yield the base64 of a text at any of the three alignments."""
    for before in range(3):
        yield from _encode_base64(encode_utf8(part), before)


def _escaped_by(escapes: Callable[[str], Escaped]) -> Callable[[str], Escaped]:
    """Return the same function for texts that need escaping; other texts have no escaped form."""

    def escape(part: str) -> Escaped:
        return iter(()) if NEVER_ESCAPED.fullmatch(part) else escapes(part)

    return escape


FAMILIES: Mapping[str, Callable[[str], Escaped]] = {
    "plain": _as_it_is,
    "hexadecimal": _in_hexadecimal,
    "base64": _in_base64,
    "URL": _escaped_by(output_escapes.in_urls),
    "JSON": _escaped_by(output_escapes.in_json),
    "JSON within JSON": _escaped_by(output_escapes.in_json_within_json),
    "XML and HTML": _escaped_by(output_escapes.in_xml),
    "shell, single quotes": _escaped_by(output_escapes.in_single_quotes),
    "shell, double quotes": _escaped_by(output_escapes.in_double_quotes),
    "shell, $'...'": _escaped_by(output_escapes.in_dollar_quotes),
    "shell, backslashes": _escaped_by(output_escapes.after_backslashes),
    "shell, in pieces": _escaped_by(output_escapes.in_pieces),
    "string literals": _escaped_by(output_escapes.in_strings),
    "SQL and CSV": _escaped_by(output_escapes.in_sql),
}
"""The names are those in docs/security.md."""


def _encode_base64(plain: bytes, before: int) -> Iterator[bytes]:
    """Return the base64 after `before` (0 to 2) unknown bytes, without the characters that depend on those bytes."""
    start, end = (0, 2, 3)[before], (before + len(plain)) * 8 // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(b"\0" * before + plain)[start:end]


def _split_long(form: bytes) -> Iterator[bytes]:
    """Split a long needle into pieces, so that masking holds back no more than a piece of any output."""
    if len(form) >= SHORTEST:
        yield from (form[at : at + LONGEST_PIECE] for at in range(0, len(form) - LONGEST_PIECE, LONGEST_PIECE))
        yield form[-LONGEST_PIECE:]
