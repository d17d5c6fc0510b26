"""Hides secrets in output: each byte of one becomes `*`, so offsets stay those of the target.

A secret is found across the borders of pieces: bytes that may be its beginning are held back until more come. Its
base64 form (wherever it lies in the encoded text), its URL-encoded and its JSON-escaped form are hidden too.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 6
STAR = b"*"


class Masker:
    """One stream's output with the `secrets` hidden. Secrets of fewer than 6 characters would hide everything."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._needles = sorted({form for secret in secrets for form in forms(secret)}, key=len)
        self._held = b""
        self._shown = b""

    def __repr__(self) -> str:
        return f"Masker({len(self._needles)} forms)"

    def feed(self, data: bytes) -> bytes:
        """What may be shown by now, in order."""
        if not self._needles:
            return data
        whole = self._held + data
        shown = self._merged(hidden(whole, self._needles))
        end = len(whole) - max(unfinished(whole, needle) for needle in self._needles)
        # Kept as it came, for what it may begin, and as it shows by now, for the secret that it may end.
        self._held, self._shown = whole[end:], shown[end:]
        return shown[:end]

    def finish(self) -> bytes:
        """The rest: nothing more comes."""
        shown, self._held, self._shown = self._shown, b"", b""
        return shown

    def _merged(self, shown: bytes) -> bytes:
        """What was hidden of the bytes held back stays hidden."""
        before = self._shown
        again = bytes(b if a == b else STAR[0] for a, b in zip(before, shown, strict=False))
        return again + shown[len(before) :]


def forms(secret: str) -> Iterator[bytes]:
    """The secret as it may stand in output."""
    plain = secret.encode("utf-8", "surrogateescape")
    if len(secret) < SHORTEST:
        return
    yield plain
    yield quote(plain, safe="").encode()
    yield quote_plus(plain).encode()
    yield json.dumps(secret)[1:-1].encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape")
    for before in range(3):
        yield from (form for form in base64_forms(plain, before) if len(form) >= SHORTEST)


def base64_forms(plain: bytes, before: int) -> Iterator[bytes]:
    """Its base64 with `before` (0 to 2) unknown bytes in front, without the characters that those bytes decide."""
    start, end = (0, 2, 3)[before], (before + len(plain)) * 8 // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(b"\0" * before + plain)[start:end]


def hidden(data: bytes, needles: Iterable[bytes]) -> bytes:
    """`data` with every occurrence of every needle, overlapping ones too, starred out."""
    out: bytearray | None = None
    for needle in needles:
        at = data.find(needle)
        while at >= 0:
            out = bytearray(data) if out is None else out
            out[at : at + len(needle)] = STAR * len(needle)
            at = data.find(needle, at + 1)
    return data if out is None else bytes(out)


def unfinished(data: bytes, needle: bytes) -> int:
    """How many bytes at the end of `data` may be the beginning of `needle`."""
    tail = data[-(len(needle) - 1) :]
    at = tail.find(needle[:1])
    while at >= 0:
        if needle.startswith(tail[at:]):
            return len(tail) - at
        at = tail.find(needle[:1], at + 1)
    return 0
