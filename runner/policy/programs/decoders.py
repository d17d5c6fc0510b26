"""Simulates decoders of known text; the result for unknown text is a placeholder."""

import base64
import binascii
import re
from collections.abc import Callable

from runner.policy import placeholders
from runner.policy.programs.filters import read_file
from runner.policy.programs.options import OptionSpec, parse_leading_options, parse_mixed_options
from runner.policy.programs.transform import transform_stdin
from runner.policy.shell.protocol import Argv, SimulatedShell, get_program_name
from runner.policy.shell.state import HIDDEN, Values
from runner.policy.tables import map_names


def _decode_base64(text: str) -> str | None:
    try:
        raw = base64.b64decode("".join(text.split()) + "==", validate=False)
    except (binascii.Error, ValueError):
        return None
    return _decode_utf8(raw)


def _decode_utf8(raw: bytes) -> str | None:
    try:
        return placeholders.replace_reserved(raw.decode())
    except UnicodeDecodeError:
        return None


def _simulate_base64(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `base64 -d`, also of a file."""
    found = parse_mixed_options(argv[1:], OptionSpec("wi", frozenset({"--wrap", "--input"})))
    if not found.has("d", "D", "--decode", "--dec"):
        return (placeholders.OUTPUT,)
    if found.rest and found.rest != ("-",):
        shell.stdin = read_file(shell, found.rest[0])
    return transform_stdin(shell, _decode_base64, placeholders.DECODED)


def _simulate_base32(shell: SimulatedShell, argv: Argv) -> Values:
    if not parse_leading_options(argv[1:], OptionSpec("w")).has("d", "--decode"):
        return (placeholders.OUTPUT,)
    return transform_stdin(
        shell,
        lambda text: _try_decode(lambda: base64.b32decode(_pad_base32("".join(text.split())))),
        placeholders.DECODED,
    )


def _pad_base32(text: str) -> str:
    text = text.rstrip("=")
    return text + "=" * (-len(text) % 8)


def _try_decode(decode: Callable[[], bytes]) -> str | None:
    try:
        return _decode_utf8(decode())
    except (binascii.Error, ValueError):
        return None


def _simulate_xxd(shell: SimulatedShell, argv: Argv) -> Values:
    if not any(word.startswith("-") and "r" in word for word in argv[1:]):
        return (placeholders.OUTPUT,)
    return transform_stdin(
        shell, lambda text: _try_decode(lambda: bytes.fromhex(_extract_hex_digits(text))), placeholders.DECODED
    )


def _extract_hex_digits(text: str) -> str:
    """Extract the hex digits of a plain dump, or of one with offsets and characters."""
    rows = [re.sub(r"^[0-9a-fA-F]+:\s|\s\s.*$", "", line) for line in text.splitlines()]
    return re.sub(r"[^0-9a-fA-F]", "", "".join(rows))


def _simulate_openssl(shell: SimulatedShell, argv: Argv) -> Values:
    words = set(argv[1:])
    if argv[1:2] == ("s_client",):
        return (placeholders.SOCKET,)
    if not words & {"-d", "-decrypt"}:
        return (placeholders.OUTPUT,)
    if words & {"base64", "-base64", "-a"} and not any(word.startswith("-aes") for word in words):
        return transform_stdin(shell, _decode_base64, placeholders.DECODED)
    return (placeholders.DECODED,)


def _simulate_uudecode(shell: SimulatedShell, argv: Argv) -> Values:
    return (placeholders.DECODED,)


def _simulate_gpg(shell: SimulatedShell, argv: Argv) -> Values:
    return (placeholders.DECODED,) if {"-d", "--decrypt"} & set(argv[1:]) else (placeholders.OUTPUT,)


def _simulate_compressor(shell: SimulatedShell, argv: Argv) -> Values:
    """Return a placeholder: unpacked data cannot be known, and packed data is not text."""
    packs = get_program_name(argv[0]) in ("gzip", "bzip2", "xz", "zstd")
    return (
        (placeholders.OUTPUT,)
        if packs and not parse_leading_options(argv[1:], OptionSpec()).has("d", "--decompress")
        else HIDDEN
    )


HANDLERS: dict[str, Callable[[SimulatedShell, Argv], Values]] = {
    "base64": _simulate_base64,
    "base32": _simulate_base32,
    "xxd": _simulate_xxd,
    "openssl": _simulate_openssl,
    "uudecode": _simulate_uudecode,
    "gpg": _simulate_gpg,
    **map_names(
        "gunzip zcat bunzip2 bzcat xzcat unxz zstdcat lz4cat uncompress gzip bzip2 xz zstd", _simulate_compressor
    ),
}
