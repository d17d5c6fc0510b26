"""Simulates shells, and the other programs and builtins that run a text as shell code."""

from collections.abc import Callable
from itertools import pairwise

from runner.policy import placeholders
from runner.policy.filesystem import paths
from runner.policy.programs.options import OptionSpec, parse_leading_options
from runner.policy.shell.protocol import STANDARD_INPUT, Argv, SimulatedShell, get_program_name
from runner.policy.shell.state import Values, merge_values
from runner.policy.tables import split_names

NOTHING: Values = ("",)
SHELLS = split_names("sh bash dash ash zsh ksh mksh ksh93 rbash fish csh tcsh yash posh busybox-sh")
BASH = OptionSpec("cOo", frozenset({"--rcfile", "--init-file"}))


def _simulate_sh(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `sh -c text`, `sh file`, and `sh` that reads commands from its input."""
    name = get_program_name(argv[0])
    letters, rest = _parse_flags(argv[1:])
    for option, file in pairwise(argv):
        if option in BASH.long:
            _run_script(shell, (file,), f"{name} {option}", apart=False)
    if shell.socket and (not rest or "s" in letters):
        shell.add_hit("network.reverse-shell")
    if "c" in letters:
        return _run_with_arguments(shell, rest, name + " -c") if rest else NOTHING
    if rest and "s" not in letters:
        return _run_script(shell, rest, name)
    return run_stdin(shell, name, rest)


def _parse_flags(args: Argv) -> tuple[str, Argv]:
    """Return a shell's option letters and its operands; the text of `-c` is an operand."""
    letters, place = "", 0
    while place < len(args) and args[place][:1] in ("-", "+") and len(args[place]) > 1:
        word = args[place]
        place += 1
        if word == "--":
            break
        if word.startswith("--"):
            place += word in BASH.long
            continue
        letters += word[1:]
        place += word[-1] in "oO"
    return letters, args[place:]


def _run_with_arguments(shell: SimulatedShell, rest: Argv, via: str) -> Values:
    before, zero = shell.state.positional, shell.state.variables.get("0", ("sh",))
    shell.state.positional, shell.state.variables["0"] = rest[2:], rest[1:2] or ("sh",)
    found = shell.run_text(rest[0], via)
    shell.state.positional, shell.state.variables["0"] = before, zero
    return found


def _run_script(shell: SimulatedShell, rest: Argv, via: str, *, apart: bool = True) -> Values:
    """Run a script file, if the text itself wrote it."""
    path = rest[0]
    if path == "-" or path in STANDARD_INPUT:
        return run_stdin(shell, via, rest[1:])
    written = shell.state.files.get(paths.resolve_path(placeholders.restore_wildcards(path), shell.state.cwd))
    if written is None:
        return (placeholders.OUTPUT,)
    return merge_values(*(shell.run_text(text, via, apart=apart) for text in written))


def run_stdin(shell: SimulatedShell, via: str, rest: Argv = ()) -> Values:
    """Run every text that standard input may be."""
    texts, shell.stdin = shell.stdin, ("",)
    if texts == (placeholders.UNKNOWN,):
        return (placeholders.OUTPUT,)
    before, shell.state.positional = shell.state.positional, rest
    found = merge_values(*(shell.run_text(text, via) for text in texts)) if texts else NOTHING
    shell.stdin, shell.state.positional = texts, before
    return found


def _simulate_eval(shell: SimulatedShell, argv: Argv) -> Values:
    words = argv[2:] if argv[1:2] == ("--",) else argv[1:]
    return shell.run_text(" ".join(placeholders.restore_wildcards(word) for word in words), "eval", apart=False)


def _simulate_source(shell: SimulatedShell, argv: Argv) -> Values:
    words = argv[2:] if argv[1:2] == ("--",) else argv[1:]
    return _run_script(shell, words, "source", apart=False) if words else NOTHING


def _simulate_trap(shell: SimulatedShell, argv: Argv) -> Values:
    words = argv[2:] if argv[1:2] == ("--",) else argv[1:]
    if len(words) > 1 and words[0] not in ("", "-", "-l", "-p"):
        shell.state.traps.append((words[0], shell.span))
    return NOTHING


def _simulate_script(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `script -c text`."""
    found = parse_leading_options(
        argv[1:], OptionSpec("cIOBTEmo", frozenset({"--command", "--log-in", "--log-out", "--log-io"}))
    )
    return _run_if_given(shell, found.get_value("c", "--command"), "script -c")


def _run_if_given(shell: SimulatedShell, text: str | None, via: str) -> Values:
    return shell.run_text(text, via) if text is not None else (placeholders.OUTPUT,)


def _simulate_su(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `su -c text`, which breaks a rule by itself: the command is checked too."""
    found = parse_leading_options(argv[1:], OptionSpec("cgGs", frozenset({"--command", "--shell", "--group"})))
    return _run_if_given(shell, found.get_value("c", "--command"), get_program_name(argv[0]) + " -c")


def _simulate_sudo(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `sudo command`, which breaks a rule by itself: the command is checked too."""
    takes = OptionSpec(
        "ugpCchrRTtUDa", frozenset({"--user", "--group", "--prompt", "--host", "--chdir", "--role", "--type"})
    )
    rest = parse_leading_options(argv[1:], takes).rest
    while rest and "=" in rest[0]:
        rest = rest[1:]
    return shell.invoke(rest, get_program_name(argv[0])) if rest else (placeholders.OUTPUT,)


def _simulate_at(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `at` and `batch`, which run their input."""
    return run_stdin(shell, get_program_name(argv[0]))


def _simulate_compgen(shell: SimulatedShell, argv: Argv) -> Values:
    """Simulate `compgen -C text` and `complete -C`, which run the text as a command."""
    found = parse_leading_options(argv[1:], OptionSpec("CFWAGPSXo"))
    return _run_if_given(shell, found.get_value("C"), "compgen -C")


def _simulate_mapfile(shell: SimulatedShell, argv: Argv) -> Values:
    found = parse_leading_options(argv[1:], OptionSpec("CcdnOsu"))
    lines = [line for text in shell.stdin[:1] if placeholders.is_known(text) for line in text.splitlines()[:64]]
    shell.state.arrays[found.rest[0] if found.rest else "MAPFILE"] = {
        str(place): (line,) for place, line in enumerate(lines or [placeholders.UNKNOWN])
    }
    return _run_if_given(shell, found.get_value("C"), "mapfile -C") if found.has("C") else NOTHING


HANDLERS: dict[str, Callable[[SimulatedShell, Argv], Values]] = {
    **dict.fromkeys(SHELLS, _simulate_sh),
    "eval": _simulate_eval,
    "source": _simulate_source,
    ".": _simulate_source,
    "trap": _simulate_trap,
    "script": _simulate_script,
    "su": _simulate_su,
    "runuser": _simulate_su,
    "sudo": _simulate_sudo,
    "doas": _simulate_sudo,
    "pkexec": _simulate_sudo,
    "run0": _simulate_sudo,
    "at": _simulate_at,
    "batch": _simulate_at,
    "compgen": _simulate_compgen,
    "mapfile": _simulate_mapfile,
    "readarray": _simulate_mapfile,
}
