"""The forms in which a secret may stand in output: as it is, encoded and escaped; without line ends, in pieces."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping

from runner import secret_escapes
from runner.secret_escapes import Escaped, encoded

SHORTEST = 6
LONGEST_PIECE = 128
LINE_ENDS = b"\r\n"
PEM_BORDER = re.compile(r"-----[^\r\n]*-----\s*\Z")
NEVER_ESCAPED = re.compile(r"\w+", re.ASCII)


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
    for family in FAMILIES.values():
        for form in family(part):
            yield form if isinstance(form, bytes) else encoded(form)


def as_it_is(part: str) -> Iterator[str]:
    yield part


def in_hexadecimal(part: str) -> Iterator[str]:
    digits = encoded(part).hex()
    yield from (digits, digits.upper())


def in_base64(part: str) -> Iterator[bytes]:
    """Wherever it begins in what was encoded."""
    for before in range(3):
        yield from base64_forms(encoded(part), before)


def escaped_by(escapes: Callable[[str], Escaped]) -> Callable[[str], Escaped]:
    """The same for texts that have something to escape."""

    def found(part: str) -> Escaped:
        return iter(()) if NEVER_ESCAPED.fullmatch(part) else escapes(part)

    return found


FAMILIES: Mapping[str, Callable[[str], Escaped]] = {
    "plain": as_it_is,
    "hexadecimal": in_hexadecimal,
    "base64": in_base64,
    "URL": escaped_by(secret_escapes.in_urls),
    "JSON": escaped_by(secret_escapes.in_json),
    "JSON within JSON": escaped_by(secret_escapes.in_json_within_json),
    "XML and HTML": escaped_by(secret_escapes.in_xml),
    "shell, single quotes": escaped_by(secret_escapes.in_single_quotes),
    "shell, double quotes": escaped_by(secret_escapes.in_double_quotes),
    "shell, $'...'": escaped_by(secret_escapes.in_dollar_quotes),
    "shell, backslashes": escaped_by(secret_escapes.after_backslashes),
    "shell, in pieces": escaped_by(secret_escapes.in_pieces),
    "string literals": escaped_by(secret_escapes.in_strings),
    "SQL and CSV": escaped_by(secret_escapes.in_sql),
}
"""By what docs/security.md calls them."""


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
