"""What filtering programs make of text that is known."""

import base64
import binascii
import codecs
import re
from collections.abc import Callable

from runner.policy import marks
from runner.policy.following.shell import Argv, Shell, mark_of, name_of
from runner.policy.following.state import Values, merged
from runner.policy.grammar.ansi import unescape
from runner.policy.programs import printing
from runner.policy.programs.options import Takes, anywhere, leading
from runner.policy.rules import paths
from runner.policy.tables import each

NOTHING: Values = ("",)


def cat(shell: Shell, argv: Argv) -> Values:
    """Files that the text wrote, process substitutions, or what comes in."""
    files = leading(argv[1:], Takes("ncsvz" if name_of(argv[0]) != "cat" else "")).rest
    if not files or files == ("-",):
        return shell.stdin
    found: Values = NOTHING
    for name in files:
        content = shell.stdin if name == "-" else content_of(shell, name)
        found = tuple(one + more for one in found for more in content)[:16]
    return found


def content_of(shell: Shell, name: str) -> Values:
    return shell.state.files.get(paths.resolved(marks.plain(name), shell.state.cwd), (marks.OUTPUT,))


def through(shell: Shell, argv: Argv) -> Values:
    """Unknown changes: known text may come out as it is."""
    return shell.stdin if all(marks.known(text) for text in shell.stdin) else (mark_of(shell.stdin),)


def tee(shell: Shell, argv: Argv) -> Values:
    found = leading(argv[1:], Takes())
    for name in found.rest:
        place = paths.resolved(marks.plain(name), shell.state.cwd)
        shell.write(place, shell.stdin, appends=found.has("a", "--append"))
    return shell.stdin


def changed(shell: Shell, change: Callable[[str], str | None], unknown: str = "") -> Values:
    """Each known text changed; the mark of the others."""
    return merged(*((result,) for text in shell.stdin for result in (one(text, change, unknown),)))


def one(text: str, change: Callable[[str], str | None], unknown: str) -> str:
    result = change(text) if marks.known(text) else None
    return result if result is not None else unknown or mark_of((text,))


def decoded(text: str) -> str | None:
    try:
        raw = base64.b64decode("".join(text.split()) + "==", validate=False)
    except (binascii.Error, ValueError):
        return None
    return readable(raw)


def readable(raw: bytes) -> str | None:
    try:
        return raw.decode()
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
    if not words & {"-d", "-decrypt"}:
        return (marks.OUTPUT,)
    if words & {"base64", "-base64", "-a"} and not any(word.startswith("-aes") for word in words):
        return changed(shell, decoded, marks.DECODED)
    return (marks.DECODED,)


def decoder(shell: Shell, argv: Argv) -> Values:
    return (marks.DECODED,)


def gpg(shell: Shell, argv: Argv) -> Values:
    return (marks.DECODED,) if {"-d", "--decrypt"} & set(argv[1:]) else (marks.OUTPUT,)


def rev(shell: Shell, argv: Argv) -> Values:
    return changed(shell, lambda text: "".join(line[::-1] + "\n" for line in text.splitlines()), marks.DECODED)


def tac(shell: Shell, argv: Argv) -> Values:
    return changed(shell, lambda text: "".join(line + "\n" for line in text.splitlines()[::-1]))


def translate(shell: Shell, argv: Argv) -> Values:
    """`tr set set` and `tr -d set`."""
    found = leading(argv[1:], Takes())
    sets = [characters(unescape(marks.plain(text))) for text in found.rest]
    if found.has("d", "--delete") and sets:
        return changed(shell, lambda text: "".join(char for char in text if char not in sets[0]))
    if len(sets) != 2 or found.has("c", "C") or not all(sets):
        return through(shell, argv)
    first, second = sets
    table = {ord(char): second[min(place, len(second) - 1)] for place, char in enumerate(first)}
    return changed(shell, lambda text: text.translate(table))


CLASSES = {"[:lower:]": "a-z", "[:upper:]": "A-Z", "[:digit:]": "0-9", "[:space:]": " \t\n", "[:blank:]": " \t"}


def characters(text: str) -> str:
    for name, members in CLASSES.items():
        text = text.replace(name, members)
    return re.sub(r"(.)-(.)", lambda found: "".join(map(chr, range(ord(found[1]), ord(found[2]) + 1))), text)[:512]


def substitution(script: str) -> tuple[str, str, str] | None:
    """What `s/old/new/flags` replaces, with what, and its flags; None for other scripts."""
    if script[:1] != "s" or re.match(r"[\w\s\\]", script[1:2]):
        return None
    parts = script[2:].split(script[1:2]) if len(script) > 1 else []
    return (parts[0], parts[1], parts[2].strip()) if len(parts) == 3 else None


def sed(shell: Shell, argv: Argv) -> Values:
    """One plain substitution is carried out; of others anything may come."""
    found = leading(argv[1:], Takes("efl", frozenset({"--expression", "--file"})))
    script = marks.plain(found.value("e", "--expression") or (found.rest[0] if found.rest else ""))
    if found.has("i", "--in-place"):
        return NOTHING
    command = substitution(script)
    if command is None or re.search(r"[][\\.*^$&]", command[0] + command[1]):
        return through(shell, argv)
    old, new, flags = command
    return changed(shell, lambda text: text.replace(old, new, -1 if "g" in flags else 1))


def cut(shell: Shell, argv: Argv) -> Values:
    """`cut -d… -f…` and `cut -c…` with one range."""
    found = leading(argv[1:], Takes("dfcb", frozenset({"--delimiter", "--fields", "--characters", "--bytes"})))
    places = found.value("f", "c", "b", "--fields", "--characters", "--bytes") or ""
    span = re.fullmatch(r"(\d*)(-?)(\d*)", places)
    if span is None:
        return through(shell, argv)
    first = int(span[1] or 1) - 1
    last = int(span[3]) if span[3] else None if span[2] else first + 1
    mark = (found.value("d", "--delimiter") or "\t") if found.has("f", "--fields") else ""
    return changed(shell, lambda text: "".join(piece(line, mark, first, last) + "\n" for line in text.splitlines()))


def piece(line: str, mark: str, first: int, last: int | None) -> str:
    return mark.join(line.split(mark)[first:last]) if mark and mark in line else line if mark else line[first:last]


def rot13(shell: Shell, argv: Argv) -> Values:
    return changed(shell, lambda text: codecs.encode(text, "rot13"))


def first_lines(shell: Shell, argv: Argv) -> Values:
    return through(shell, argv)


def remote(shell: Shell, argv: Argv) -> Values:
    """What comes over the network; a file that it is saved to holds it."""
    found = anywhere(
        argv[1:],
        Takes("oOHXduAFeTbcmwPxU", frozenset({"--output", "--output-document"})),
    )
    name = found.value("o", "--output") if name_of(argv[0]) == "curl" else found.value("O", "--output-document")
    urls = [word for word in found.rest if "/" in word]
    if name is None and urls and (name_of(argv[0]) == "wget" or found.has("O", "--remote-name")):
        name = urls[-1].split("?")[0].rsplit("/", 1)[-1]
    if name and name not in ("-", "/dev/stdout"):
        shell.state.files[paths.resolved(name, shell.state.cwd)] = (marks.REMOTE,)
        return NOTHING
    return (marks.REMOTE,)


def copied(shell: Shell, argv: Argv) -> Values:
    """`cp` and `mv` of a file that the text wrote."""
    rest = leading(argv[1:], Takes("tS")).rest
    if len(rest) == 2 and (content := shell.state.files.get(paths.resolved(rest[0], shell.state.cwd))) is not None:
        shell.state.files[paths.resolved(rest[1], shell.state.cwd)] = content
    return NOTHING


THROUGH = "head tail grep egrep fgrep sort uniq awk gawk mawk fold fmt column nl paste dos2unix iconv pv jq envsubst"
HANDLERS: dict[str, Callable[[Shell, Argv], Values]] = {
    "echo": printing.echo,
    "printf": printing.printf,
    "cat": cat,
    "tac": tac,
    "tee": tee,
    "sponge": tee,
    "base64": from_base64,
    "base32": from_base32,
    "xxd": xxd,
    "openssl": openssl,
    "uudecode": decoder,
    "gpg": gpg,
    "rev": rev,
    "tr": translate,
    "sed": sed,
    "rot13": rot13,
    "cut": cut,
    "cp": copied,
    "mv": copied,
    "install": copied,
    "ln": copied,
    **each(THROUGH, through),
    **each("curl wget fetch lynx aria2c http https ftp tftp", remote),
}
