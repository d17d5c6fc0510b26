"""The forms in which a secret may stand in output: as it is, encoded and escaped; without line ends, in pieces."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping

from runner.output import escapes as output_escapes
from runner.output.escapes import Escaped, encoded
from runner.secrets.secret import SHORTEST

LONGEST_PIECE = 128
LINE_ENDS = b"\r\n"
PEM_BORDER = re.compile(r"-----[^\r\n]*-----\s*\Z")
NEVER_ESCAPED = re.compile(r"\w+", re.ASCII)


def list_needles(secret: str) -> Iterator[bytes]:
    """What to look for in output whose line ends were taken out: each 6 to 128 bytes, all of them hide all forms."""
    for part in _split_secret(secret):
        for form in list_encodings(part):
            yield from _split_long(form.translate(None, LINE_ENDS))


def _split_secret(secret: str) -> set[str]:
    """The whole, without blanks around it too, and each of its lines: programs print keys line by line."""
    lines = [line.strip() for line in secret.splitlines()]
    found = {secret, secret.strip(), *(line for line in lines if not PEM_BORDER.match(line))}
    return {part for part in found if len(part) >= SHORTEST}


def list_encodings(part: str) -> Iterator[bytes]:
    for family in FAMILIES.values():
        for form in family(part):
            yield form if isinstance(form, bytes) else encoded(form)


def _as_it_is(part: str) -> Iterator[str]:
    yield part


def _in_hexadecimal(part: str) -> Iterator[str]:
    digits = encoded(part).hex()
    yield from (digits, digits.upper())


def _in_base64(part: str) -> Iterator[bytes]:
    """Wherever it begins in what was encoded."""
    for before in range(3):
        yield from _encode_base64(encoded(part), before)


def _escaped_by(escapes: Callable[[str], Escaped]) -> Callable[[str], Escaped]:
    """The same for texts that have something to escape."""

    def found(part: str) -> Escaped:
        return iter(()) if NEVER_ESCAPED.fullmatch(part) else escapes(part)

    return found


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
"""By what docs/security.md calls them."""


def _encode_base64(plain: bytes, before: int) -> Iterator[bytes]:
    """Its base64 with `before` (0 to 2) unknown bytes in front, without the characters that those bytes decide."""
    start, end = (0, 2, 3)[before], (before + len(plain)) * 8 // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(b"\0" * before + plain)[start:end]


def _split_long(form: bytes) -> Iterator[bytes]:
    """A long one is hidden piece by piece, so that no more than a piece has to be remembered of any output."""
    if len(form) >= SHORTEST:
        yield from (form[at : at + LONGEST_PIECE] for at in range(0, len(form) - LONGEST_PIECE, LONGEST_PIECE))
        yield form[-LONGEST_PIECE:]
