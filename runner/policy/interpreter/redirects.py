"""Interprets redirects: what they read and write."""

import re
from collections.abc import Iterable
from typing import Protocol

from runner.policy import placeholders
from runner.policy.expansion.expander import Expander
from runner.policy.filesystem import paths
from runner.policy.grammar.syntax import Command, Redirect
from runner.policy.shell.protocol import SimulatedShell, read_content
from runner.policy.shell.state import NOTHING, Values, merge_values

READS = frozenset({"<", "<>"})
WRITES = frozenset({">", ">>", ">|", "&>", "&>>", "<>", ">&"})
APPENDS = frozenset({">>", "&>>", "<>"})
SOCKET = re.compile(r"/dev/(?:tcp|udp)/")
DESCRIPTOR = re.compile(r"[0-9]+-?|-")


class RedirectRules(Protocol):
    def find_redirect_rules(self, path: str, *kinds: str) -> Iterable[str]: ...


class ExpandingShell(SimulatedShell, Protocol):
    """A simulated shell that also expands words and runs commands."""

    expander: Expander

    @property
    def rulebook(self) -> RedirectRules: ...

    def run(self, command: Command) -> Values: ...


def apply_inputs(shell: ExpandingShell, redirects: Iterable[Redirect]) -> None:
    """Set what the command can read, and whether it uses a network connection."""
    for redirect in redirects:
        if redirect.operator in ("<<", "<<-"):
            shell.stdin = shell.expander.expand_text(redirect.body, quoted=True)
        elif redirect.operator == "<<<":
            shell.stdin = tuple(value + "\n" for value in shell.expander.expand_text(redirect.target))
        elif redirect.operator in READS:
            targets = shell.expander.expand_text(redirect.target)
            _report_broken_rules(shell, targets, redirect, empty=False)
            if redirect.fd in ("", "0"):
                shell.stdin = merge_values(*(_read_target(shell, target) for target in targets))
        _note_socket(shell, redirect)


def _read_target(shell: ExpandingShell, target: str) -> Values:
    return read_content(shell, _resolve_target(target, shell))


def _note_socket(shell: ExpandingShell, redirect: Redirect) -> None:
    """Record `>& /dev/tcp/host/port`, and `<&5` where descriptor 5 is such a connection."""
    for target in shell.expander.expand_text(redirect.target) if redirect.operator not in ("<<", "<<-", "<<<") else ():
        opened = redirect.operator in ("<&", ">&") and target.rstrip("-") in shell.state.sockets
        if SOCKET.match(target) or opened:
            shell.socket = True
            if redirect.operator in ("<", "<&", "<>") and redirect.fd in ("", "0"):
                shell.stdin = (placeholders.SOCKET,)
            shell.state.sockets.add(redirect.fd or ("0" if redirect.operator.startswith("<") else "1"))


def apply_outputs(shell: ExpandingShell, redirects: Iterable[Redirect], output: Values) -> Values:
    """Write the output to the redirects' targets, and return the output that remains."""
    for redirect in redirects:
        if redirect.operator not in WRITES:
            continue
        targets = shell.expander.expand_text(redirect.target)
        if redirect.operator == ">&" and all(DESCRIPTOR.fullmatch(target) for target in targets):
            continue
        _report_broken_rules(shell, targets, redirect, empty=output == NOTHING)
        if redirect.fd in ("", "1"):
            _write_targets(shell, targets, redirect, output)
            output = NOTHING
    return output


def _report_broken_rules(shell: ExpandingShell, targets: Values, redirect: Redirect, *, empty: bool) -> None:
    operator = redirect.operator
    kinds = ["read"] if operator in READS else []
    if operator in WRITES:
        kinds += ["write"] if operator in APPENDS else ["write", "overwrite", *(["empty"] if empty else [])]
    for target in targets:
        for rule in shell.rulebook.find_redirect_rules(paths.resolve_path(target, shell.state.cwd), *kinds):
            shell.add_hit(rule)


def _write_targets(shell: ExpandingShell, targets: Values, redirect: Redirect, output: Values) -> None:
    for target in targets:
        shell.write(_resolve_target(target, shell), output, appends=redirect.operator in APPENDS)


def _resolve_target(target: str, shell: SimulatedShell) -> str:
    return paths.resolve_path(placeholders.restore_wildcards(target), shell.state.cwd)
