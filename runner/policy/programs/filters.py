"""Simulates filters of known text."""

import codecs
import re
from collections.abc import Callable

from runner.policy import placeholders
from runner.policy.filesystem import paths
from runner.policy.grammar.ansi import unescape
from runner.policy.programs.options import OptionSpec, parse_leading_options, parse_mixed_options
from runner.policy.programs.transform import transform_stdin
from runner.policy.shell.protocol import Argv, SimulatedShell, choose_placeholder, get_program_name, read_content
from runner.policy.shell.state import Values, concatenate_values, merge_values
from runner.policy.tables import map_names

NOTHING: Values = ("",)


def _simulate_cat(shell: SimulatedShell, argv: Argv) -> Values:
    """Return the contents of files that the text wrote, of process substitutions, or standard input."""
    files = parse_leading_options(argv[1:], OptionSpec("ncsvz" if get_program_name(argv[0]) != "cat" else "")).rest
    if not files or files == ("-",):
        return shell.stdin
    found: Values = NOTHING
    for name in files:
        found = concatenate_values(found, shell.stdin if name == "-" else read_file(shell, name))
    return found


def read_file(shell: SimulatedShell, name: str) -> Values:
    return read_content(shell, paths.resolve_path(placeholders.restore_wildcards(name), shell.state.cwd))


def pass_lines(shell: SimulatedShell, argv: Argv) -> Values:
    """Return the input for a program that selects or reorders lines; hide it if an option selects parts of lines."""
    if any(re.match(r"-[a-zA-Z]*[co]|--bytes|--only-matching", word) for word in argv[1:]):
        return hide_text(shell, argv)
    return (
        shell.stdin if all(placeholders.is_known(text) for text in shell.stdin) else (choose_placeholder(shell.stdin),)
    )


def hide_text(shell: SimulatedShell, argv: Argv) -> Values:
    """Return the output of a change that is not simulated: text that was known becomes a placeholder."""
    return merge_values(
        *(
            (
                (text if text == "" else placeholders.DECODED)
                if placeholders.is_known(text)
                else choose_placeholder((text,)),
            )
            for text in shell.stdin
        )
    )


def _simulate_tee(shell: SimulatedShell, argv: Argv) -> Values:
    found = parse_leading_options(argv[1:], OptionSpec())
    for name in found.rest:
        place = paths.resolve_path(placeholders.restore_wildcards(name), shell.state.cwd)
        shell.write(place, shell.stdin, appends=found.has("a", "--append"))
    return shell.stdin


def _simulate_rev(shell: SimulatedShell, argv: Argv) -> Values:
    return transform_stdin(
        shell, lambda text: "".join(line[::-1] + "\n" for line in text.splitlines()), placeholders.DECODED
    )


def _simulate_tac(shell: SimulatedShell, argv: Argv) -> Values:
    return transform_stdin(shell, lambda text: "".join(line + "\n" for line in text.splitlines()[::-1]))


def _simulate_tr(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `tr set set` and `tr -d set`."""
    found = parse_leading_options(argv[1:], OptionSpec())
    sets = [_expand_ranges(unescape(placeholders.restore_wildcards(text))) for text in found.rest]
    if found.has("d", "--delete") and sets and not found.has("c", "C", "--complement"):
        return transform_stdin(shell, lambda text: "".join(char for char in text if char not in sets[0]))
    if len(sets) != 2 or found.has("c", "C", "s") or not all(sets):
        return hide_text(shell, argv)
    first, second = sets
    table = {ord(char): second[min(place, len(second) - 1)] for place, char in enumerate(first)}
    return transform_stdin(
        shell, lambda text: text.translate(table), placeholders.DECODED if _changes_letters(first, second) else ""
    )


def _changes_letters(first: str, second: str) -> bool:
    """True if more than a few letters become other letters, which hides the text of the input."""
    pairs = [(one, other) for one, other in zip(first, second, strict=False) if one.isalpha() and other.isalpha()]
    return sum(one.lower() != other.lower() for one, other in pairs) > MOST_TURNED


MOST_TURNED = 4
CLASSES = {"[:lower:]": "a-z", "[:upper:]": "A-Z", "[:digit:]": "0-9", "[:space:]": " \t\n", "[:blank:]": " \t"}


def _expand_ranges(text: str) -> str:
    for name, members in CLASSES.items():
        text = text.replace(name, members)
    return re.sub(r"(.)-(.)", lambda found: "".join(map(chr, range(ord(found[1]), ord(found[2]) + 1))), text)[:512]


def parse_substitution(script: str) -> tuple[str, str, str] | None:
    """Split `s/old/new/flags` into (old, new, flags); return None for other scripts."""
    if script[:1] != "s" or re.match(r"[\w\s\\]", script[1:2]):
        return None
    parts = script[2:].split(script[1:2]) if len(script) > 1 else []
    return (parts[0], parts[1], parts[2].strip()) if len(parts) == 3 else None


def filter_with_sed(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `sed` with one plain substitution; other scripts hide their output."""
    found = parse_leading_options(argv[1:], OptionSpec("efl", frozenset({"--expression", "--file"})))
    script = placeholders.restore_wildcards(
        found.get_value("e", "--expression") or (found.rest[0] if found.rest else "")
    )
    if found.has("i", "--in-place"):
        return NOTHING
    command = parse_substitution(script)
    if script in ("", "p") or re.fullmatch(r"\d*[dpq]|/[\w ]*/[dp]", script):
        return pass_lines(shell, argv)
    if command is None or not PLAIN_OLD.fullmatch(command[0]) or not PLAIN_NEW.fullmatch(command[1]):
        return hide_text(shell, argv)
    old, new, flags = command
    count = 0 if "g" in flags else 1
    return transform_stdin(
        shell, lambda text: "\n".join(re.sub(old, lambda _: new, line, count=count) for line in text.split("\n"))
    )


PLAIN_OLD = re.compile(r"\^?(?:[\w ,:;/@#%=<>!~-]|\.(?!\*.*\*)|\.\*)*\$?")
PLAIN_NEW = re.compile(r"[^&\\]*")
"""Patterns that mean the same to sed and to Python, with at most one star."""


def _simulate_cut(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `cut -d… -f…` and `cut -c…` with one range."""
    found = parse_leading_options(
        argv[1:], OptionSpec("dfcb", frozenset({"--delimiter", "--fields", "--characters", "--bytes"}))
    )
    places = found.get_value("f", "c", "b", "--fields", "--characters", "--bytes") or ""
    span = re.fullmatch(r"(\d*)(-?)(\d*)", places)
    if span is None:
        return hide_text(shell, argv)
    first = int(span[1] or 1) - 1
    last = int(span[3]) if span[3] else None if span[2] else first + 1
    delimiter = (found.get_value("d", "--delimiter") or "\t") if found.has("f", "--fields") else ""
    return transform_stdin(
        shell, lambda text: "".join(_cut_line(line, delimiter, first, last) + "\n" for line in text.splitlines())
    )


def _cut_line(line: str, delimiter: str, first: int, last: int | None) -> str:
    if not delimiter:
        return line[first:last]
    return delimiter.join(line.split(delimiter)[first:last]) if delimiter in line else line


def _simulate_rot13(shell: SimulatedShell, argv: Argv) -> Values:
    return transform_stdin(shell, lambda text: codecs.encode(text, "rot13"))


def _simulate_download(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate a download: to standard output, or to a file whose contents are then REMOTE."""
    found = parse_mixed_options(
        argv[1:],
        OptionSpec("oOHXduAFeTbcmwPxU", frozenset({"--output", "--output-document"})),
    )
    name = (
        found.get_value("o", "--output")
        if get_program_name(argv[0]) == "curl"
        else found.get_value("O", "--output-document")
    )
    urls = [word for word in found.rest if "/" in word]
    if name is None and urls and (get_program_name(argv[0]) == "wget" or found.has("O", "--remote-name")):
        name = urls[-1].split("?")[0].rsplit("/", 1)[-1]
    if name and name not in ("-", "/dev/stdout"):
        shell.state.files[paths.resolve_path(name, shell.state.cwd)] = (placeholders.REMOTE,)
        return NOTHING
    return (placeholders.REMOTE,)


def _simulate_copy(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `cp` and `mv` of a file that the text wrote, or of a system program, which then has a second name."""
    rest = parse_mixed_options(argv[1:], OptionSpec("tSmog")).rest
    if len(rest) != 2:
        return NOTHING
    source, target = (paths.resolve_path(word, shell.state.cwd) for word in rest)
    if (written := shell.state.files.get(source)) is not None:
        shell.state.files[target] = written
    elif PROGRAM.fullmatch(source):
        shell.state.files[target] = (f'{source} "$@"\n',)
    return NOTHING


PROGRAM = re.compile(r"(?:/usr(?:/local)?)?/s?bin/[\w.+-]+")


THROUGH = "head tail grep egrep fgrep zgrep rg sort uniq dos2unix pv shuf"
ALTERED = "fold fmt column nl paste iconv jq yq envsubst expand unexpand split csplit comm join numfmt m4 cpp"
HANDLERS: dict[str, Callable[[SimulatedShell, Argv], Values]] = {
    "cat": _simulate_cat,
    "tac": _simulate_tac,
    "tee": _simulate_tee,
    "sponge": _simulate_tee,
    "rev": _simulate_rev,
    "tr": _simulate_tr,
    "sed": filter_with_sed,
    "rot13": _simulate_rot13,
    "cut": _simulate_cut,
    "cp": _simulate_copy,
    "mv": _simulate_copy,
    "install": _simulate_copy,
    "ln": _simulate_copy,
    **map_names(THROUGH, pass_lines),
    **map_names(ALTERED, hide_text),
    **map_names("curl wget fetch lynx aria2c http https ftp tftp", _simulate_download),
}
