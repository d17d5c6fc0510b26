"""What filtering programs make of text that is known."""

import codecs
import re
from collections.abc import Callable

from runner.policy import marks
from runner.policy.following.shell import Argv, Shell, content, mark_of, name_of
from runner.policy.following.state import Values, joined, merged
from runner.policy.grammar.ansi import unescape
from runner.policy.programs.changing import changed
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
        found = joined(found, shell.stdin if name == "-" else content_of(shell, name))
    return found


def content_of(shell: Shell, name: str) -> Values:
    return content(shell, paths.resolved(marks.plain(name), shell.state.cwd))


def through(shell: Shell, argv: Argv) -> Values:
    """Lines come out as they are: all, some, or in another order. Parts of lines are another matter."""
    if any(re.match(r"-[a-zA-Z]*[co]|--bytes|--only-matching", word) for word in argv[1:]):
        return altered(shell, argv)
    return shell.stdin if all(marks.known(text) for text in shell.stdin) else (mark_of(shell.stdin),)


def altered(shell: Shell, argv: Argv) -> Values:
    """Changes that are not followed here: text that was known is hidden by them."""
    return merged(
        *(((text if text == "" else marks.DECODED) if marks.known(text) else mark_of((text,)),) for text in shell.stdin)
    )


def tee(shell: Shell, argv: Argv) -> Values:
    found = leading(argv[1:], Takes())
    for name in found.rest:
        place = paths.resolved(marks.plain(name), shell.state.cwd)
        shell.write(place, shell.stdin, appends=found.has("a", "--append"))
    return shell.stdin


def rev(shell: Shell, argv: Argv) -> Values:
    return changed(shell, lambda text: "".join(line[::-1] + "\n" for line in text.splitlines()), marks.DECODED)


def tac(shell: Shell, argv: Argv) -> Values:
    return changed(shell, lambda text: "".join(line + "\n" for line in text.splitlines()[::-1]))


def translate(shell: Shell, argv: Argv) -> Values:
    """`tr set set` and `tr -d set`."""
    found = leading(argv[1:], Takes())
    sets = [characters(unescape(marks.plain(text))) for text in found.rest]
    if found.has("d", "--delete") and sets and not found.has("c", "C", "--complement"):
        return changed(shell, lambda text: "".join(char for char in text if char not in sets[0]))
    if len(sets) != 2 or found.has("c", "C", "s") or not all(sets):
        return altered(shell, argv)
    first, second = sets
    table = {ord(char): second[min(place, len(second) - 1)] for place, char in enumerate(first)}
    return changed(shell, lambda text: text.translate(table), marks.DECODED if turns(first, second) else "")


def turns(first: str, second: str) -> bool:
    """Whether letters become other letters: what comes out is not what could be read in the file."""
    pairs = [(one, other) for one, other in zip(first, second, strict=False) if one.isalpha() and other.isalpha()]
    return sum(one.lower() != other.lower() for one, other in pairs) > MOST_TURNED


MOST_TURNED = 4
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
    """One substitution that is plain enough is carried out; others hide what comes out."""
    found = leading(argv[1:], Takes("efl", frozenset({"--expression", "--file"})))
    script = marks.plain(found.value("e", "--expression") or (found.rest[0] if found.rest else ""))
    if found.has("i", "--in-place"):
        return NOTHING
    command = substitution(script)
    if script in ("", "p") or re.fullmatch(r"\d*[dpq]|/[\w ]*/[dp]", script):
        return through(shell, argv)
    if command is None or not PLAIN_OLD.fullmatch(command[0]) or not PLAIN_NEW.fullmatch(command[1]):
        return altered(shell, argv)
    old, new, flags = command
    count = 0 if "g" in flags else 1
    return changed(
        shell, lambda text: "\n".join(re.sub(old, lambda _: new, line, count=count) for line in text.split("\n"))
    )


PLAIN_OLD = re.compile(r"\^?(?:[\w ,:;/@#%=<>!~-]|\.(?!\*.*\*)|\.\*)*\$?")
PLAIN_NEW = re.compile(r"[^&\\]*")
"""Patterns that mean the same to sed and here, with at most one star."""


def cut(shell: Shell, argv: Argv) -> Values:
    """`cut -d… -f…` and `cut -c…` with one range."""
    found = leading(argv[1:], Takes("dfcb", frozenset({"--delimiter", "--fields", "--characters", "--bytes"})))
    places = found.value("f", "c", "b", "--fields", "--characters", "--bytes") or ""
    span = re.fullmatch(r"(\d*)(-?)(\d*)", places)
    if span is None:
        return altered(shell, argv)
    first = int(span[1] or 1) - 1
    last = int(span[3]) if span[3] else None if span[2] else first + 1
    mark = (found.value("d", "--delimiter") or "\t") if found.has("f", "--fields") else ""
    return changed(shell, lambda text: "".join(piece(line, mark, first, last) + "\n" for line in text.splitlines()))


def piece(line: str, mark: str, first: int, last: int | None) -> str:
    return mark.join(line.split(mark)[first:last]) if mark and mark in line else line if mark else line[first:last]


def rot13(shell: Shell, argv: Argv) -> Values:
    return changed(shell, lambda text: codecs.encode(text, "rot13"))


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
    """`cp` and `mv` of a file that the text wrote, or of a program of the system, which has two names then."""
    rest = anywhere(argv[1:], Takes("tSmog")).rest
    if len(rest) != 2:
        return NOTHING
    source, target = (paths.resolved(word, shell.state.cwd) for word in rest)
    if (written := shell.state.files.get(source)) is not None:
        shell.state.files[target] = written
    elif PROGRAM.fullmatch(source):
        shell.state.files[target] = (f'{source} "$@"\n',)
    return NOTHING


PROGRAM = re.compile(r"(?:/usr(?:/local)?)?/s?bin/[\w.+-]+")


THROUGH = "head tail grep egrep fgrep zgrep rg sort uniq dos2unix pv shuf"
ALTERED = "fold fmt column nl paste iconv jq yq envsubst expand unexpand split csplit comm join numfmt m4 cpp"
HANDLERS: dict[str, Callable[[Shell, Argv], Values]] = {
    "cat": cat,
    "tac": tac,
    "tee": tee,
    "sponge": tee,
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
    **each(ALTERED, altered),
    **each("curl wget fetch lynx aria2c http https ftp tftp", remote),
}
