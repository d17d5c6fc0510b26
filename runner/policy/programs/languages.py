"""Programs in other languages, given on the command line: what they would run and remove."""

import re
from collections.abc import Callable, Iterator
from itertools import islice

from runner.policy import marks
from runner.policy.following.shell import Argv, Shell, name_of
from runner.policy.following.state import HIDDEN, Values, bounded
from runner.policy.grammar.ansi import unescape
from runner.policy.programs import filters
from runner.policy.programs.options import Takes, leading
from runner.policy.rules import paths
from runner.policy.tables import each

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


def code(shell: Shell, text: str, via: str) -> Values:
    """Look through a program for what it would run."""
    plain = marks.plain(text)
    shell.spend(64 + (len(plain) >> 4))
    for rule in signs(plain):
        shell.hit(rule)
    for command in commands(plain):
        shell.text(command, via, lenient=True)
    for argv in removals(plain):
        shell.invoke(argv, via)
    return printed(plain)


def signs(text: str) -> Iterator[str]:
    """The rules that the program breaks by itself. Each word is looked for once, so that no text is slow."""
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


def commands(text: str) -> Iterator[str]:
    """The texts that the program hands to a shell, a list of words joined."""
    for found in islice(RUNS.finditer(text), MOST_COMMANDS):
        yield joined(found["list"])
    yield from named(text)
    yield from pipes(text)
    for found in islice(BACKTICKS.finditer(text), MOST_COMMANDS):
        if command := next((group for group in found.groups() if group), ""):
            yield command


ASSIGNS = re.compile(rf"(?<![\w.])[$@]?(\w++)\s*+=\s*+(?P<list>(?:[\[\(\s]*+{STRING}\s*+[\+\.,\]\s]*+)++)")
USES = re.compile(
    r"\b(?:system|popen[23]?|run|call|check_call|check_output|Popen|exec[lvp]*|spawn\w*|execSync|shell_exec|passthru"
    r"|getoutput)\s*+\(?+\s*+[$@]?(\w++)|(\w++)\s*+\|\s*+getline"
)


def named(text: str) -> Iterator[str]:
    """Texts that a variable holds and that are run by its name."""
    used = {name for found in islice(USES.finditer(text), MOST_COMMANDS) for name in found.groups() if name}
    for found in islice(ASSIGNS.finditer(text), MOST_COMMANDS) if used else ():
        if found[1] in used:
            yield joined(found["list"])


def joined(text: str) -> str:
    """String literals: `+` and `.` paste them together, commas part words."""
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


def printed(text: str) -> Values:
    """What it prints, if that is plain texts alone; hidden if it makes them of others."""
    found = list(islice(PRINTS.finditer(text), MOST_COMMANDS))
    if found and len(found) == sum(1 for _ in PRINTING.finditer(text)):
        return (bounded("".join(unescape(LEAD.sub("", match[1])[:-1]) + "\n" for match in found)),)
    return HIDDEN if PRINTING.search(text) and MAKES.search(text) else (marks.OUTPUT,)


PRINTING = re.compile(r"\b(?:print|puts|say|echo|console\.log|printf|sys\.stdout\.write)\b")
MAKES = re.compile(
    r"\bchr\b|::-1|\bjoin\b|replace|decode|\breverse|translate|\bpack|format|%|\\x|[\"']\s*[*+.]|\btr/|\by/|\brev\b"
)


def removals(text: str) -> Iterator[Argv]:
    """What it removes, reads and writes, as the commands that would do so."""
    for found in TREES.finditer(text):
        yield ("rm", "-rf", found[1][1:-1])
    for found in FILES.finditer(text):
        yield ("rm", "-f", found[1][1:-1])
    for found in OPENS.finditer(text):
        if (piped := found[1][1:-1]).startswith("|") or piped.endswith("|"):
            continue
        writes = WRITING.search(found[2]) or "write" in found.group() or "put_contents" in found.group()
        yield ("tee" if writes else "cat", found[1][1:-1])


def pipes(text: str) -> Iterator[str]:
    """`open(F, "command |")`, `open(F, "-|", "command")`."""
    for found in OPENS.finditer(text):
        given = found[1][1:-1]
        if given in ("-|", "|-"):
            yield joined(found[2])
        elif given.startswith("|") or given.endswith("|"):
            yield given.strip("|")


def interpreter(letters: str, takes: str) -> Callable[[Shell, Argv], Values]:
    """A language whose options `letters` bring a program text."""

    def run(shell: Shell, argv: Argv) -> Values:
        found = leading(argv[1:], Takes(takes + letters, frozenset({"--eval", "--print", "--run", "--execute"})))
        texts = [value for name, value in found.values if name in letters or name in ("--eval", "--print", "--execute")]
        outputs = [fed(shell, text, name_of(argv[0])) for text in texts]
        if not texts and (not found.rest or found.rest[0] == "-"):
            for text in shell.stdin:
                if text != marks.UNKNOWN:
                    fed(shell, text, name_of(argv[0]))
        for text in () if texts else written(shell, found.rest[:1]):
            fed(shell, text, name_of(argv[0]))
        return outputs[-1] if outputs else (marks.OUTPUT,)

    return run


def written(shell: Shell, names: Argv) -> Values:
    """A program file that the text at hand wrote."""
    return tuple(
        text for name in names for text in shell.state.files.get(paths.resolved(marks.plain(name), shell.state.cwd), ())
    )


def fed(shell: Shell, text: str, via: str) -> Values:
    """A program text; of one that is not known only that it is run. What it prints."""
    if text and not marks.TEXT.sub("", text.strip()):
        return shell.text(text, via)
    return code(shell, text, via)


def awk(shell: Shell, argv: Argv) -> Values:
    """`system("…")`, `"…" | getline` and `print | "…"`."""
    found = leading(argv[1:], Takes("Fvfi"))
    if found.rest and not found.has("f"):
        text = marks.plain(found.rest[0])
        output = code(shell, text, "awk")
        for written in WRITTEN.finditer(text):
            shell.invoke(("tee", written[1]), "awk")
        for piped in PIPED.finditer(text):
            shell.text(unescape((piped[1] or piped[2])[1:-1]), "awk", lenient=True)
        if text.startswith("BEGIN"):
            return output
        if re.fullmatch(r"\s*(?:1|\{ *print *(?:\$0)? *\}|/[^/]*/)\s*", text):
            return filters.through(shell, argv[:1])
    return filters.altered(shell, argv)


PIPED = re.compile(r"(\"(?:[^\"\\]|\\.)*\")\s*\|&?\s*getline|\|&?\s*(\"(?:[^\"\\]|\\.)*\")")
WRITTEN = re.compile(r">>?\s*\"(/[^\"]+)\"")
EDITOR = re.compile(r"!\s*(.+)")


def editor(shell: Shell, argv: Argv) -> Values:
    """`vim -c ':!command'`, `ed` and `less` commands that leave for a shell."""
    name = name_of(argv[0])
    texts = () if name in ("less", "more", "view") else shell.stdin
    lines = tuple(line for text in texts if marks.known(text) for line in text.splitlines())
    for word in (*argv[1:], *lines):
        if (found := EDITOR.match(word.lstrip("+:"))) is not None:
            shell.text(found[1].rstrip("'\""), name, lenient=True)
    return (marks.OUTPUT,)


def database(shell: Shell, argv: Argv) -> Values:
    """`psql -c '\\! command'`, `mysql -e 'system …'`."""
    for word in (*argv[1:], *(text for text in shell.stdin if text != marks.UNKNOWN)):
        for found in re.finditer(r"\\!\s*([^\n;]+)|\bsystem\s+([^\n;]+)|TO PROGRAM '([^']+)'|\.shell\s+([^\n]+)", word):
            shell.text(next(group for group in found.groups() if group), name_of(argv[0]), lenient=True)
    return (marks.OUTPUT,)


PYTHON = interpreter("c", "mWX")
HANDLERS: dict[str, Callable[[Shell, Argv], Values]] = {
    **each("python python2 python3 pypy pypy3 python3.9 python3.10 python3.11 python3.12 python3.13", PYTHON),
    "perl": interpreter("eE", "MImCFlx0"),
    "ruby": interpreter("e", "rICEFKx0"),
    "node": interpreter("ep", "r"),
    "nodejs": interpreter("ep", "r"),
    "bun": interpreter("e", ""),
    "php": interpreter("rBER", "dcfz"),
    "lua": interpreter("e", "l"),
    "tclsh": interpreter("", ""),
    "Rscript": interpreter("e", ""),
    "julia": interpreter("eE", "LJtp"),
    "osascript": interpreter("e", "l"),
    **each("awk gawk mawk nawk", awk),
    **each("vi vim nvim ex ed less more view", editor),
    **each("psql mysql mariadb sqlite3", database),
}
