"""Arguments of other programs that are commands themselves."""

import re
from collections.abc import Callable, Mapping

from runner.policy import marks
from runner.policy.following.shell import Argv, Shell, name_of
from runner.policy.following.state import Values
from runner.policy.programs import filters
from runner.policy.programs.options import Takes, leading
from runner.policy.tables import each, words

COMMANDS: Mapping[str, frozenset[str]] = {
    "rsync": words("--rsync-path -e --rsh"),
    "scp": words("-S"),
    "sftp": words("-S"),
    "tar": words("--to-command --use-compress-program -I --rsh-command --info-script -F --checkpoint-action"),
    "git": words("--upload-pack --receive-pack -x --exec"),
    "sort": words("--compress-program"),
    "split": words("--filter"),
    "man": words("-P --pager -H"),
    "tcpdump": words("-z"),
    "zip": words("-TT --unzip-command"),
    "vagrant": words("-c --command"),
    "gcloud": words("--command"),
    "mail": words("-A"),
    "gdb": words("-ex -iex --eval-command"),
    "entr": words("-s"),
    "inotifywait": words("--exec"),
    "logrotate": words("-m --mail"),
    "pssh": words("-i"),
}
"""Options whose value is run."""
INNER = re.compile(r"(?:exec=|shell\s+|!)\s*", re.ASCII)


def optioned(shell: Shell, argv: Argv) -> Values:
    """Look at the values of options that name commands."""
    name = name_of(argv[0])
    options = COMMANDS[name]
    for word, following in zip(argv[1:], (*argv[2:], ""), strict=False):
        option, equals, value = word.partition("=")
        text = value if equals else following
        if option in options and text and (name != "gdb" or INNER.match(text)):
            run_value(shell, text, f"{name} {option}")
    return filters.through(shell, argv)


def run_value(shell: Shell, text: str, via: str) -> None:
    found = INNER.match(text)
    if marks.TEXT.sub("", text).strip():
        shell.text(text[found.end() :] if found else text, via, lenient=True)


SETTING = re.compile(
    r"(?:alias\.[\w-]+|core\.(?:sshcommand|editor|pager|askpass|fsmonitor)|[\w.-]*(?:cmd|command))=!?(.*)",
    re.IGNORECASE,
)


def git(shell: Shell, argv: Argv) -> Values:
    """`-c alias.x='!command'`, `bisect run`, `submodule foreach`."""
    args = argv[1:]
    for word, following in zip(args, (*args[1:], ""), strict=False):
        if found := SETTING.fullmatch(word) or SETTING.fullmatch(f"{word}={following}"):
            run_value(shell, found[1], "git -c")
    rest = leading(args, Takes("cC", frozenset({"--git-dir", "--work-tree", "--namespace"}))).rest
    if rest[:2] == ("bisect", "run") and rest[2:]:
        shell.invoke(rest[2:], "git bisect run")
    if rest[:2] == ("submodule", "foreach") and rest[2:]:
        shell.text(" ".join(word for word in rest[2:] if word != "--recursive"), "git submodule foreach")
    return optioned(shell, argv)


CRON_LINE = re.compile(r"\s*(?:@\w+|(?:\S+\s+){5})(.*)")


def crontab(shell: Shell, argv: Argv) -> Values:
    """Each command of a crontab that is known."""
    for text in shell.stdin if "-" in argv else ():
        for line in text.splitlines():
            found = CRON_LINE.match(line)
            if found and not line.lstrip().startswith("#") and marks.TEXT.sub("", found[1]).strip():
                shell.text(found[1].split("%", 1)[0], "crontab")
    return filters.NOTHING


def ip(shell: Shell, argv: Argv) -> Values:
    """`ip netns exec name command…`."""
    if "exec" in argv and (rest := argv[argv.index("exec") + 2 :]):
        return shell.invoke(rest, "ip netns exec")
    return (marks.OUTPUT,)


EXECUTES = re.compile(r"(?:^|[;{}\n\d/])\s*+e\s++([^\n]+)|^[\d$]+e([^\n]+)")


def sed(shell: Shell, argv: Argv) -> Values:
    """The `e` command, and the `e` flag of `s`."""
    for word in argv[1:]:
        command = filters.substitution(word)
        if command is not None and "e" in command[2]:
            shell.text(command[1], "sed")
        for found in EXECUTES.finditer(word):
            shell.text(found[1] or found[2], "sed", lenient=True)
    return filters.sed(shell, argv)


MACRO = re.compile(r"\$(?:\([^()]*\)|\{[^{}]*\}|[@<^*?+%])")
RECIPE = re.compile(r"(?m)^(?:[^\n:#\t]+:[^;\n]*;|\t)[@-]*(.+)$")


def make(shell: Shell, argv: Argv) -> Values:
    """The recipes of a makefile on standard input; `SHELL=…`."""
    if any(word in ("-", "/dev/stdin", "--file=-", "-f-") for word in argv):
        for text in shell.stdin:
            for found in RECIPE.finditer(text):
                shell.text(MACRO.sub(marks.UNKNOWN, found[1]).replace("$$", "$"), "make", lenient=True)
    for word in argv[1:]:
        if word.startswith("SHELL="):
            run_value(shell, word[6:], "make SHELL")
    return (marks.OUTPUT,)


SPAWNS = re.compile(r"\b(?:spawn|exec|system)\s+([^\n;]+)")


def expect(shell: Shell, argv: Argv) -> Values:
    for text in (*argv[1:], *(text for text in shell.stdin if text != marks.UNKNOWN)):
        for found in SPAWNS.finditer(text):
            shell.text(found[1], "expect", lenient=True)
    return (marks.OUTPUT,)


FLEETS = Takes("whltpxgfuHJe", words("--hosts --user --nodes --group --fanout --limit --worker"))


def fleet(shell: Shell, argv: Argv) -> Values:
    """`pdsh -w hosts command`, `clush`, `salt '*' cmd.run command`."""
    rest = leading(argv[1:], FLEETS).rest
    if name_of(argv[0]) in ("salt", "salt-call"):
        rest = rest[rest.index("cmd.run") + 1 :] if "cmd.run" in rest else ()
    if rest:
        shell.text(" ".join(rest), name_of(argv[0]))
    return (marks.REMOTE,)


def connected(shell: Shell, argv: Argv) -> Values:
    """`socat - EXEC:text`, `nc -c text`: what the other end is tied to."""
    for word, following in zip(argv[1:], (*argv[2:], ""), strict=False):
        if found := TIED.match(word):
            shell.text(found[1], name_of(argv[0]))
        if word in ("-c", "-e", "--exec", "--sh-exec") and name_of(argv[0]) != "socat":
            shell.text(following, name_of(argv[0]))
    return (marks.SOCKET,)


TIED = re.compile(r"(?:EXEC|SYSTEM|SHELL):\s*(.+?)(?:,[a-z0-9=,]+)?\Z", re.IGNORECASE)


def daemon(shell: Shell, argv: Argv) -> Values:
    """`start-stop-daemon --exec program -- arguments`."""
    takes = Takes("axpnusNPIkDrRcg", words("--exec --startas --pidfile --name --user --chdir --chuid --group"))
    found = leading(argv[1:], takes)
    program = found.value("--exec", "x", "--startas", "a")
    return shell.invoke((program, *found.rest), "start-stop-daemon") if program else filters.NOTHING


def keys(shell: Shell, argv: Argv) -> Values:
    """`tmux send-keys text Enter`, `screen -X stuff text`: typed into a shell."""
    for start in ("send-keys", "send", "stuff"):
        if start in argv[1:]:
            typed = [word for word in argv[argv.index(start) + 1 :] if word not in ("Enter", "C-m", "-l")]
            shell.text("\n".join(typed), f"{name_of(argv[0])} {start}", lenient=True)
            return filters.NOTHING
    return (marks.OUTPUT,)


HANDLERS: Mapping[str, Callable[[Shell, Argv], Values]] = {
    **dict.fromkeys(COMMANDS, optioned),
    "git": git,
    "crontab": crontab,
    "ip": ip,
    "sed": sed,
    "make": make,
    **each("socat nc ncat netcat nc.traditional nc.openbsd telnet", connected),
    "start-stop-daemon": daemon,
    **each("tmux screen", keys),
    **each("expect tclsh", expect),
    **each("pdsh clush dsh pssh parallel-ssh salt salt-call", fleet),
}
