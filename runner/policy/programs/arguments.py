"""Simulates programs that take commands as arguments."""

import re
from collections.abc import Callable, Mapping

from runner.policy import placeholders
from runner.policy.programs import filters
from runner.policy.programs.options import OptionSpec, parse_leading_options
from runner.policy.shell.protocol import Argv, SimulatedShell, get_program_name
from runner.policy.shell.state import Values
from runner.policy.tables import map_names, split_names

COMMANDS: Mapping[str, frozenset[str]] = {
    "rsync": split_names("--rsync-path -e --rsh"),
    "scp": split_names("-S"),
    "sftp": split_names("-S"),
    "tar": split_names("--to-command --use-compress-program -I --rsh-command --info-script -F --checkpoint-action"),
    "git": split_names("--upload-pack --receive-pack -x --exec"),
    "sort": split_names("--compress-program"),
    "split": split_names("--filter"),
    "man": split_names("-P --pager -H"),
    "tcpdump": split_names("-z"),
    "zip": split_names("-TT --unzip-command"),
    "vagrant": split_names("-c --command"),
    "gcloud": split_names("--command"),
    "mail": split_names("-A"),
    "gdb": split_names("-ex -iex --eval-command"),
    "entr": split_names("-s"),
    "inotifywait": split_names("--exec"),
    "logrotate": split_names("-m --mail"),
    "pssh": split_names("-i"),
}
"""The options of each program whose value is run as a command."""
INNER = re.compile(r"(?:exec=|shell\s+|!)\s*", re.ASCII)


def _simulate_command_options(shell: SimulatedShell, argv: Argv) -> Values:
    """Run the values of options that name commands."""
    name = get_program_name(argv[0])
    options = COMMANDS[name]
    for word, following in zip(argv[1:], (*argv[2:], ""), strict=False):
        option, equals, value = word.partition("=")
        text = value if equals else following
        if option in options and text and (name != "gdb" or INNER.match(text)):
            _run_value(shell, text, f"{name} {option}")
    return filters.pass_lines(shell, argv)


def _run_value(shell: SimulatedShell, text: str, via: str) -> None:
    found = INNER.match(text)
    if placeholders.TEXT.sub("", text).strip():
        shell.run_text(text[found.end() :] if found else text, via, lenient=True)


SETTING = re.compile(
    r"(?:alias\.[\w-]+|core\.(?:sshcommand|editor|pager|askpass|fsmonitor)|[\w.-]*(?:cmd|command))=!?(.*)",
    re.IGNORECASE,
)


def _simulate_git(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `-c alias.x='!command'`, `bisect run` and `submodule foreach`."""
    args = argv[1:]
    for word, following in zip(args, (*args[1:], ""), strict=False):
        if found := SETTING.fullmatch(word) or SETTING.fullmatch(f"{word}={following}"):
            _run_value(shell, found[1], "git -c")
    rest = parse_leading_options(args, OptionSpec("cC", frozenset({"--git-dir", "--work-tree", "--namespace"}))).rest
    if rest[:2] == ("bisect", "run") and rest[2:]:
        shell.invoke(rest[2:], "git bisect run")
    if rest[:2] == ("submodule", "foreach") and rest[2:]:
        shell.run_text(" ".join(word for word in rest[2:] if word != "--recursive"), "git submodule foreach")
    return _simulate_command_options(shell, argv)


CRON_LINE = re.compile(r"\s*(?:@\w+|(?:\S+\s+){5})(.*)")


def _simulate_crontab(shell: SimulatedShell, argv: Argv) -> Values:
    """Run each command of a crontab that comes on standard input."""
    for text in shell.stdin if "-" in argv else ():
        for line in text.splitlines():
            found = CRON_LINE.match(line)
            if found and not line.lstrip().startswith("#") and placeholders.TEXT.sub("", found[1]).strip():
                shell.run_text(found[1].split("%", 1)[0], "crontab")
    return filters.NOTHING


def _simulate_ip(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `ip netns exec name command…`."""
    if "exec" in argv and (rest := argv[argv.index("exec") + 2 :]):
        return shell.invoke(rest, "ip netns exec")
    return (placeholders.OUTPUT,)


EXECUTES = re.compile(r"(?:^|[;{}\n\d/])\s*+e\s++([^\n]+)|^[\d$]+e([^\n]+)")


def _simulate_sed(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate the `e` command, and the `e` flag of `s`."""
    for word in argv[1:]:
        command = filters.parse_substitution(word)
        if command is not None and "e" in command[2]:
            shell.run_text(command[1], "sed")
        for found in EXECUTES.finditer(word):
            shell.run_text(found[1] or found[2], "sed", lenient=True)
    return filters.filter_with_sed(shell, argv)


MACRO = re.compile(r"\$(?:\([^()]*\)|\{[^{}]*\}|[@<^*?+%])")
RECIPE = re.compile(r"(?m)^(?:[^\n:#\t]+:[^;\n]*;|\t)[@-]*(.+)$")


def _simulate_make(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate the recipes of a makefile on standard input, and `SHELL=…`."""
    if any(word in ("-", "/dev/stdin", "--file=-", "-f-") for word in argv):
        for text in shell.stdin:
            for found in RECIPE.finditer(text):
                shell.run_text(MACRO.sub(placeholders.UNKNOWN, found[1]).replace("$$", "$"), "make", lenient=True)
    for word in argv[1:]:
        if word.startswith("SHELL="):
            _run_value(shell, word[6:], "make SHELL")
    return (placeholders.OUTPUT,)


SPAWNS = re.compile(r"\b(?:spawn|exec|system)\s+([^\n;]+)")


def _simulate_expect(shell: SimulatedShell, argv: Argv) -> Values:
    for text in (*argv[1:], *(text for text in shell.stdin if text != placeholders.UNKNOWN)):
        for found in SPAWNS.finditer(text):
            shell.run_text(found[1], "expect", lenient=True)
    return (placeholders.OUTPUT,)


FLEETS = OptionSpec("whltpxgfuHJe", split_names("--hosts --user --nodes --group --fanout --limit --worker"))


def _simulate_fleet(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `pdsh -w hosts command`, `clush` and `salt '*' cmd.run command`."""
    rest = parse_leading_options(argv[1:], FLEETS).rest
    if get_program_name(argv[0]) in ("salt", "salt-call"):
        rest = rest[rest.index("cmd.run") + 1 :] if "cmd.run" in rest else ()
    if rest:
        shell.run_text(" ".join(rest), get_program_name(argv[0]))
    return (placeholders.REMOTE,)


def _simulate_netcat(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate the program that `socat - EXEC:text` or `nc -c text` connects to the other end."""
    for word, following in zip(argv[1:], (*argv[2:], ""), strict=False):
        if found := TIED.match(word):
            shell.run_text(found[1], get_program_name(argv[0]))
        if word in ("-c", "-e", "--exec", "--sh-exec") and get_program_name(argv[0]) != "socat":
            shell.run_text(following, get_program_name(argv[0]))
    return (placeholders.SOCKET,)


TIED = re.compile(r"(?:EXEC|SYSTEM|SHELL):\s*(.+?)(?:,[a-z0-9=,]+)?\Z", re.IGNORECASE)


def _simulate_start_stop_daemon(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `start-stop-daemon --exec program -- arguments`."""
    takes = OptionSpec(
        "axpnusNPIkDrRcg", split_names("--exec --startas --pidfile --name --user --chdir --chuid --group")
    )
    found = parse_leading_options(argv[1:], takes)
    program = found.get_value("--exec", "x", "--startas", "a")
    return shell.invoke((program, *found.rest), "start-stop-daemon") if program else filters.NOTHING


def _simulate_send_keys(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `tmux send-keys text Enter` and `screen -X stuff text`, which type text into a shell."""
    for start in ("send-keys", "send", "stuff"):
        if start in argv[1:]:
            typed = [word for word in argv[argv.index(start) + 1 :] if word not in ("Enter", "C-m", "-l")]
            shell.run_text("\n".join(typed), f"{get_program_name(argv[0])} {start}", lenient=True)
            return filters.NOTHING
    return (placeholders.OUTPUT,)


HANDLERS: Mapping[str, Callable[[SimulatedShell, Argv], Values]] = {
    **dict.fromkeys(COMMANDS, _simulate_command_options),
    "git": _simulate_git,
    "crontab": _simulate_crontab,
    "ip": _simulate_ip,
    "sed": _simulate_sed,
    "make": _simulate_make,
    **map_names("socat nc ncat netcat nc.traditional nc.openbsd telnet", _simulate_netcat),
    "start-stop-daemon": _simulate_start_stop_daemon,
    **map_names("tmux screen", _simulate_send_keys),
    **map_names("expect tclsh", _simulate_expect),
    **map_names("pdsh clush dsh pssh parallel-ssh salt salt-call", _simulate_fleet),
}
