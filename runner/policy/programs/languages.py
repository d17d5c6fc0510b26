"""Inspects code in other languages that the command line holds: the commands it runs, the files it removes."""

import re
from collections.abc import Callable, Iterator
from itertools import islice

from runner.policy import placeholders
from runner.policy.filesystem import paths
from runner.policy.grammar.ansi import unescape
from runner.policy.programs import filters
from runner.policy.programs.options import OptionSpec, parse_leading_options
from runner.policy.shell.protocol import Argv, SimulatedShell, get_program_name
from runner.policy.shell.state import HIDDEN, Values, limit_length
from runner.policy.tables import map_names

MOST_COMMANDS = 512
STRING = (
    r"(?:q[qw]?[\(\{\[/|][^\)\}\]/|]{0,999}+[\)\}\]/|]|[fbruFBRU]{0,2}(?:'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\"))"
)
RUNS = re.compile(
    r"(?:system|popen[23]?|getoutput|getstatusoutput|run|call|check_call|check_output|Popen|execl?[vp]*e?|spawn[vlpe]*|exec"
    r"|posix_spawnp?|execSync|execFileSync|execFile|spawnSync|spawn|shell_exec|passthru|proc_open|os\.execute|io\.popen"
    r"|do shell script|backtick|capture[23e]*|sh|create_subprocess_(?:shell|exec)|fork_exec|pty\.spawn)\s*+\(?+\s*+"
    rf"(?P<list>(?:[\[\(\s]*+(?:[\w.]++\s*+,\s*+)?{STRING}\s*+[\+\.,\]\s]*+)++)"
)
LITERAL = re.compile(STRING)
LEAD = re.compile(r"\A(?:q[qw]?|[fbruFBRU]{0,2})?.")
BACKTICKS = re.compile(r"`([^`]*)`|%x[\(\{\[]([^\)\}\]]*)|qx[\(\{\[/]([^\)\}\]/]*)")
EVALUATES = re.compile(r"\b(?:exec|eval|system|popen|run|call)\b")
DECODES = re.compile(
    r"b64decode|decode_base64|fromhex|unpack|rot13|base64_decode|\batob\b|codecs|decompress|[\"']base64[\"']|str_rot13"
    r"|unhexlify|Base64\.decode|\bchr\s*+\("
)
FORK = re.compile(r"\bfork\b")
LOOP = re.compile(r"\b(?:while|until|loop|for\s*+\(\s*+;)")
TREES = re.compile(rf"(?:rmtree|remove_tree|rm_rf|rm_r|remove_dir_all|rmSync|rmdirSync)\s*+\(?+\s*+({STRING})")
FILES = re.compile(rf"(?:\bremove|\bunlink|unlinkSync|File\.delete|os\.truncate)\s*+\(?+\s*+({STRING})")
OPENS = re.compile(
    rf"\b(?:open|writeFileSync|appendFileSync|file_put_contents|Path|fopen)\s*+\(?+\s*+(?:\w++\s*+,\s*+)?({STRING})([^)\n]*)"
)
WRITING = re.compile(r"['\"][rb]*[wax+]|['\"]>|write|O_WRONLY|O_RDWR")
ROOT = re.compile(r"\bset(?:res|re|e)?uid\s*\(?\s*0|\$[<>]\s*=\s*0|Process::(?:Sys|UID)\S*\s*=?\s*\(?0|POSIX::setuid")
SOCKET = re.compile(r"\bsocket\b|fsockopen|TCPSocket|IO::Socket|[\"']/inet[46]?/(?:tcp|udp)/")
HANDED = re.compile(r"dup2|/bin/(?:ba|da|z|k)?sh\b|[\"'](?:ba|da|z)?sh[\"']|pty\.spawn|proc_open")
RECEIVES = re.compile(r"\brecv|\bsysread|\bgets\b|\bread\b|\bgetline\b|<\$?[A-Z]")
POWER = re.compile(r"os\.kill\s*\(\s*(?:-1|1)\s*,|\bkill\b[\s(]*['\"]?\w+['\"]?\s*,\s*-1\b")


def _inspect_code(shell: SimulatedShell, text: str, via: str) -> Values:
    """Report and simulate the effects of a program text, and return its output."""
    plain = placeholders.restore_wildcards(text)
    shell.spend(64 + (len(plain) >> 4))
    for rule in _find_code_rules(plain):
        shell.add_hit(rule)
    for command in _find_commands(plain):
        shell.run_text(command, via, lenient=True)
    for argv in _find_file_commands(plain):
        shell.invoke(argv, via)
    return _find_output(plain)


def _find_code_rules(text: str) -> Iterator[str]:
    """Yield the rules that the code itself breaks. Each pattern is searched once, so that no text is slow."""
    if EVALUATES.search(text) and DECODES.search(text):
        yield "dynamic.hidden-code"
    if FORK.search(text) and LOOP.search(text):
        yield "system.fork-bomb"
    if SOCKET.search(text) and (HANDED.search(text) or (RECEIVES.search(text) and EVALUATES.search(text))):
        yield "network.reverse-shell"
    if ROOT.search(text):
        yield "privilege.setuid-tool"
    if POWER.search(text):
        yield "system.kill-all"


def _find_commands(text: str) -> Iterator[str]:
    """Yield the texts that the code passes to a shell; a list of words is joined."""
    for found in islice(RUNS.finditer(text), MOST_COMMANDS):
        yield _join_literals(found["list"])
    yield from _find_commands_in_variables(text)
    yield from _find_pipes(text)
    for found in islice(BACKTICKS.finditer(text), MOST_COMMANDS):
        if command := next((group for group in found.groups() if group), ""):
            yield command


ASSIGNS = re.compile(rf"(?<![\w.])[$@]?(\w++)\s*+=\s*+(?P<list>(?:[\[\(\s]*+{STRING}\s*+[\+\.,\]\s]*+)++)")
USES = re.compile(
    r"\b(?:system|popen[23]?|run|call|check_call|check_output|Popen|exec[lvp]*|spawn\w*|execSync|shell_exec|passthru"
    r"|getoutput)\s*+\(?+\s*+[$@]?(\w++)|(\w++)\s*+\|\s*+getline"
)


def _find_commands_in_variables(text: str) -> Iterator[str]:
    """Yield texts that are assigned to a variable and run by its name."""
    used = {name for found in islice(USES.finditer(text), MOST_COMMANDS) for name in found.groups() if name}
    for found in islice(ASSIGNS.finditer(text), MOST_COMMANDS) if used else ():
        if found[1] in used:
            yield _join_literals(found["list"])


def _join_literals(text: str) -> str:
    """Join string literals: `+` and `.` concatenate them, commas separate words."""
    out, end = "", 0
    for found in LITERAL.finditer(text):
        between = text[end : found.start()]
        if out and "," in between:
            out += " "
        out += unescape(LEAD.sub("", found.group())[:-1])
        end = found.end()
    return out


PRINTS = re.compile(
    rf"\b(?:print|puts|say|echo|console\.log|printf|sys\.stdout\.write)\s*+\(?+\s*+({STRING})\s*+\)?\s*+(?=[;\n}}]|\Z)"
)


def _find_output(text: str) -> Values:
    """Return the output if the code prints plain literals only; hidden text if it computes what it prints."""
    found = list(islice(PRINTS.finditer(text), MOST_COMMANDS))
    if found and len(found) == sum(1 for _ in PRINTING.finditer(text)):
        return (limit_length("".join(unescape(LEAD.sub("", match[1])[:-1]) + "\n" for match in found)),)
    return HIDDEN if PRINTING.search(text) and MAKES.search(text) else (placeholders.OUTPUT,)


PRINTING = re.compile(r"\b(?:print|puts|say|echo|console\.log|printf|sys\.stdout\.write)\b")
MAKES = re.compile(
    r"\bchr\b|::-1|\bjoin\b|replace|decode|\breverse|translate|\bpack|format|%|\\x|[\"']\s*[*+.]|\btr/|\by/|\brev\b"
)


def _find_file_commands(text: str) -> Iterator[Argv]:
    """Yield the files that the code removes, reads and writes, as the equivalent `rm`, `cat` and `tee` commands."""
    for found in TREES.finditer(text):
        yield ("rm", "-rf", found[1][1:-1])
    for found in FILES.finditer(text):
        yield ("rm", "-f", found[1][1:-1])
    for found in OPENS.finditer(text):
        if (piped := found[1][1:-1]).startswith("|") or piped.endswith("|"):
            continue
        writes = WRITING.search(found[2]) or "write" in found.group() or "put_contents" in found.group()
        yield ("tee" if writes else "cat", found[1][1:-1])


def _find_pipes(text: str) -> Iterator[str]:
    """Yield the commands of `open(F, "command |")` and `open(F, "-|", "command")`."""
    for found in OPENS.finditer(text):
        target = found[1][1:-1]
        if target in ("-|", "|-"):
            yield _join_literals(found[2])
        elif target.startswith("|") or target.endswith("|"):
            yield target.strip("|")


def _build_handler(letters: str, takes: str) -> Callable[[SimulatedShell, Argv], Values]:
    """Build the handler of a language whose options `letters` carry code."""

    def simulate(shell: SimulatedShell, argv: Argv) -> Values:
        found = parse_leading_options(
            argv[1:], OptionSpec(takes + letters, frozenset({"--eval", "--print", "--run", "--execute"}))
        )
        texts = [value for name, value in found.values if name in letters or name in ("--eval", "--print", "--execute")]
        outputs = [_run_code(shell, text, get_program_name(argv[0])) for text in texts]
        if not texts and (not found.rest or found.rest[0] == "-"):
            for text in shell.stdin:
                if text != placeholders.UNKNOWN:
                    _run_code(shell, text, get_program_name(argv[0]))
        for text in () if texts else _read_program_file(shell, found.rest[:1]):
            _run_code(shell, text, get_program_name(argv[0]))
        return outputs[-1] if outputs else (placeholders.OUTPUT,)

    return simulate


def _read_program_file(shell: SimulatedShell, names: Argv) -> Values:
    """Return the contents of a program file that the text itself wrote."""
    return tuple(
        text
        for name in names
        for text in shell.state.files.get(paths.resolve_path(placeholders.restore_wildcards(name), shell.state.cwd), ())
    )


def _run_code(shell: SimulatedShell, text: str, via: str) -> Values:
    """Run code and return its output; of unknown code only that it runs is known."""
    if text and not placeholders.TEXT.sub("", text.strip()):
        return shell.run_text(text, via)
    return _inspect_code(shell, text, via)


def _simulate_awk(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `system("…")`, `"…" | getline` and `print | "…"`."""
    found = parse_leading_options(argv[1:], OptionSpec("Fvfi"))
    if found.rest and not found.has("f"):
        text = placeholders.restore_wildcards(found.rest[0])
        output = _inspect_code(shell, text, "awk")
        for written in WRITTEN.finditer(text):
            shell.invoke(("tee", written[1]), "awk")
        for piped in PIPED.finditer(text):
            shell.run_text(unescape((piped[1] or piped[2])[1:-1]), "awk", lenient=True)
        if text.startswith("BEGIN"):
            return output
        if re.fullmatch(r"\s*(?:1|\{ *print *(?:\$0)? *\}|/[^/]*/)\s*", text):
            return filters.pass_lines(shell, argv[:1])
    return filters.hide_text(shell, argv)


PIPED = re.compile(r"(\"(?:[^\"\\]|\\.)*\")\s*\|&?\s*getline|\|&?\s*(\"(?:[^\"\\]|\\.)*\")")
WRITTEN = re.compile(r">>?\s*\"(/[^\"]+)\"")
EDITOR = re.compile(r"!\s*(.+)")


def _simulate_editor(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `vim -c ':!command'`, and the commands of `ed` and `less` that start a shell."""
    name = get_program_name(argv[0])
    texts = () if name in ("less", "more", "view") else shell.stdin
    lines = tuple(line for text in texts if placeholders.is_known(text) for line in text.splitlines())
    for word in (*argv[1:], *lines):
        if (found := EDITOR.match(word.lstrip("+:"))) is not None:
            shell.run_text(found[1].rstrip("'\""), name, lenient=True)
    return (placeholders.OUTPUT,)


def _simulate_database_client(shell: SimulatedShell, argv: Argv) -> Values:
    r"""Simulate `psql -c '\! command'` and `mysql -e 'system …'`."""
    for word in (*argv[1:], *(text for text in shell.stdin if text != placeholders.UNKNOWN)):
        for found in re.finditer(r"\\!\s*([^\n;]+)|\bsystem\s+([^\n;]+)|TO PROGRAM '([^']+)'|\.shell\s+([^\n]+)", word):
            shell.run_text(next(group for group in found.groups() if group), get_program_name(argv[0]), lenient=True)
    return (placeholders.OUTPUT,)


SIMULATE_PYTHON = _build_handler("c", "mWX")
HANDLERS: dict[str, Callable[[SimulatedShell, Argv], Values]] = {
    **map_names(
        "python python2 python3 pypy pypy3 python3.9 python3.10 python3.11 python3.12 python3.13", SIMULATE_PYTHON
    ),
    "perl": _build_handler("eE", "MImCFlx0"),
    "ruby": _build_handler("e", "rICEFKx0"),
    "node": _build_handler("ep", "r"),
    "nodejs": _build_handler("ep", "r"),
    "bun": _build_handler("e", ""),
    "php": _build_handler("rBER", "dcfz"),
    "lua": _build_handler("e", "l"),
    "tclsh": _build_handler("", ""),
    "Rscript": _build_handler("e", ""),
    "julia": _build_handler("eE", "LJtp"),
    "osascript": _build_handler("e", "l"),
    **map_names("awk gawk mawk nawk", _simulate_awk),
    **map_names("vi vim nvim ex ed less more view", _simulate_editor),
    **map_names("psql mysql mariadb sqlite3", _simulate_database_client),
}
