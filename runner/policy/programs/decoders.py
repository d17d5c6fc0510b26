"""What decoders make of text that is known; of other text nobody can say what it holds."""

import base64
import binascii
import re
from collections.abc import Callable

from runner.policy import marks
from runner.policy.following.shell import Argv, Shell, name_of
from runner.policy.following.state import HIDDEN, Values
from runner.policy.programs.changing import changed
from runner.policy.programs.filters import content_of
from runner.policy.programs.options import Takes, anywhere, leading
from runner.policy.tables import each


def decoded(text: str) -> str | None:
    try:
        raw = base64.b64decode("".join(text.split()) + "==", validate=False)
    except (binascii.Error, ValueError):
        return None
    return readable(raw)


def readable(raw: bytes) -> str | None:
    try:
        return marks.cleaned(raw.decode())
    except UnicodeDecodeError:
        return None


def from_base64(shell: Shell, argv: Argv) -> Values:
    """`base64 -d`, of a file that is not known too."""
    found = anywhere(argv[1:], Takes("wi", frozenset({"--wrap", "--input"})))
    if not found.has("d", "D", "--decode", "--dec"):
        return (marks.OUTPUT,)
    if found.rest and found.rest != ("-",):
        shell.stdin = content_of(shell, found.rest[0])
    return changed(shell, decoded, marks.DECODED)


def from_base32(shell: Shell, argv: Argv) -> Values:
    if not leading(argv[1:], Takes("w")).has("d", "--decode"):
        return (marks.OUTPUT,)
    return changed(shell, lambda text: safely(lambda: base64.b32decode(padded("".join(text.split())))), marks.DECODED)


def padded(text: str) -> str:
    text = text.rstrip("=")
    return text + "=" * (-len(text) % 8)


def safely(decode: Callable[[], bytes]) -> str | None:
    try:
        return readable(decode())
    except (binascii.Error, ValueError):
        return None


def xxd(shell: Shell, argv: Argv) -> Values:
    if not any(word.startswith("-") and "r" in word for word in argv[1:]):
        return (marks.OUTPUT,)
    return changed(shell, lambda text: safely(lambda: bytes.fromhex(hex_digits(text))), marks.DECODED)


def hex_digits(text: str) -> str:
    """Of a plain dump, or of one with offsets and characters."""
    rows = [re.sub(r"^[0-9a-fA-F]+:\s|\s\s.*$", "", line) for line in text.splitlines()]
    return re.sub(r"[^0-9a-fA-F]", "", "".join(rows))


def openssl(shell: Shell, argv: Argv) -> Values:
    words = set(argv[1:])
    if argv[1:2] == ("s_client",):
        return (marks.SOCKET,)
    if not words & {"-d", "-decrypt"}:
        return (marks.OUTPUT,)
    if words & {"base64", "-base64", "-a"} and not any(word.startswith("-aes") for word in words):
        return changed(shell, decoded, marks.DECODED)
    return (marks.DECODED,)


def decoder(shell: Shell, argv: Argv) -> Values:
    return (marks.DECODED,)


def gpg(shell: Shell, argv: Argv) -> Values:
    return (marks.DECODED,) if {"-d", "--decrypt"} & set(argv[1:]) else (marks.OUTPUT,)


def unpacked(shell: Shell, argv: Argv) -> Values:
    """What is unpacked cannot be read; what is packed is no text."""
    packs = name_of(argv[0]) in ("gzip", "bzip2", "xz", "zstd")
    return (marks.OUTPUT,) if packs and not leading(argv[1:], Takes()).has("d", "--decompress") else HIDDEN


HANDLERS: dict[str, Callable[[Shell, Argv], Values]] = {
    "base64": from_base64,
    "base32": from_base32,
    "xxd": xxd,
    "openssl": openssl,
    "uudecode": decoder,
    "gpg": gpg,
    **each("gunzip zcat bunzip2 bzcat xzcat unxz zstdcat lz4cat uncompress gzip bzip2 xz zstd", unpacked),
}
