"""What redirections read and write."""

import re
from collections.abc import Iterable
from typing import Protocol

from runner.policy import marks
from runner.policy.following.expand import Expander
from runner.policy.following.shell import Shell
from runner.policy.following.shell import content as content_at
from runner.policy.following.state import NOTHING, Values, merged
from runner.policy.grammar.syntax import Command, Redirect
from runner.policy.rules import paths

READS = frozenset({"<", "<>"})
WRITES = frozenset({">", ">>", ">|", "&>", "&>>", "<>", ">&"})
APPENDS = frozenset({">>", "&>>", "<>"})
SOCKET = re.compile(r"/dev/(?:tcp|udp)/")
DESCRIPTOR = re.compile(r"[0-9]+-?|-")


class Rules(Protocol):
    def redirected(self, path: str, *kinds: str) -> Iterable[str]: ...


class Following(Shell, Protocol):
    """A shell that can expand words and run commands too."""

    expander: Expander

    @property
    def book(self) -> Rules: ...

    def run(self, command: Command) -> Values: ...


def enter(shell: Following, redirects: Iterable[Redirect]) -> None:
    """Set what the command can read, and whether it talks to a socket."""
    for redirect in redirects:
        if redirect.operator in ("<<", "<<-"):
            shell.stdin = shell.expander.text(redirect.body, quoted=True)
        elif redirect.operator == "<<<":
            shell.stdin = tuple(value + "\n" for value in shell.expander.text(redirect.target))
        elif redirect.operator in READS:
            targets = shell.expander.text(redirect.target)
            report(shell, targets, redirect, empty=False)
            if redirect.fd in ("", "0"):
                shell.stdin = merged(*(content(shell, target) for target in targets))
        note_socket(shell, redirect)


def content(shell: Following, target: str) -> Values:
    return content_at(shell, key(target, shell))


def note_socket(shell: Following, redirect: Redirect) -> None:
    """`>& /dev/tcp/host/port`, and `<&5` where 5 was opened so."""
    for target in shell.expander.text(redirect.target) if redirect.operator not in ("<<", "<<-", "<<<") else ():
        opened = redirect.operator in ("<&", ">&") and target.rstrip("-") in shell.state.sockets
        if SOCKET.match(target) or opened:
            shell.socket = True
            if redirect.operator in ("<", "<&", "<>") and redirect.fd in ("", "0"):
                shell.stdin = (marks.SOCKET,)
            shell.state.sockets.add(redirect.fd or ("0" if redirect.operator.startswith("<") else "1"))


def leave(shell: Following, redirects: Iterable[Redirect], output: Values) -> Values:
    """Note what is written; what is left of the output."""
    for redirect in redirects:
        if redirect.operator not in WRITES:
            continue
        targets = shell.expander.text(redirect.target)
        if redirect.operator == ">&" and all(DESCRIPTOR.fullmatch(target) for target in targets):
            continue
        report(shell, targets, redirect, empty=output == NOTHING)
        if redirect.fd in ("", "1"):
            remember(shell, targets, redirect, output)
            output = NOTHING
    return output


def report(shell: Following, targets: Values, redirect: Redirect, *, empty: bool) -> None:
    operator = redirect.operator
    kinds = ["read"] if operator in READS else []
    if operator in WRITES:
        kinds += ["write"] if operator in APPENDS else ["write", "overwrite", *(["empty"] if empty else [])]
    for target in targets:
        for rule in shell.book.redirected(paths.resolved(target, shell.state.cwd), *kinds):
            shell.hit(rule)


def remember(shell: Following, targets: Values, redirect: Redirect, output: Values) -> None:
    for target in targets:
        shell.write(key(target, shell), output, appends=redirect.operator in APPENDS)


def key(target: str, shell: Shell) -> str:
    return paths.resolved(marks.plain(target), shell.state.cwd)
