"""What redirections read and write."""

from collections.abc import Iterable
from typing import Protocol

from runner.policy import marks
from runner.policy.following.expand import Expander
from runner.policy.following.shell import Shell
from runner.policy.following.state import Values, merged
from runner.policy.grammar.syntax import Redirect
from runner.policy.rules import checks, paths

READS = frozenset({"<", "<>"})
WRITES = frozenset({">", ">>", ">|", "&>", "&>>", "<>", ">&"})


class Following(Shell, Protocol):
    """A shell that can expand words too."""

    expander: Expander


def enter(shell: Following, redirects: Iterable[Redirect]) -> None:
    """Set what the command can read."""
    for redirect in redirects:
        if redirect.operator in ("<<", "<<-"):
            shell.stdin = shell.expander.text(redirect.body, quoted=True)
        elif redirect.operator == "<<<":
            shell.stdin = tuple(value + "\n" for value in shell.expander.text(redirect.target))
        elif redirect.operator in READS:
            targets = shell.expander.text(redirect.target)
            shell.stdin = merged(*(shell.state.files.get(key(target, shell), (marks.OUTPUT,)) for target in targets))
            report(shell, targets, redirect, empty=False)


def leave(shell: Following, redirects: Iterable[Redirect], output: Values) -> Values:
    """Note what is written; what is left of the output."""
    for redirect in redirects:
        if redirect.operator not in WRITES:
            continue
        before, shell.stdin = shell.stdin, output
        targets = shell.expander.text(redirect.target)
        shell.stdin = before
        if redirect.operator == ">&" and all(target.isdigit() or target == "-" for target in targets):
            continue
        report(shell, targets, redirect, empty=output == ("",))
        if redirect.fd in ("", "1"):
            remember(shell, targets, redirect, output)
            output = ("",)
    return output


def report(shell: Following, targets: Values, redirect: Redirect, *, empty: bool) -> None:
    for target in targets:
        for rule in checks.redirected(redirect.operator, paths.resolved(target, shell.state.cwd), empty=empty):
            shell.hit(rule)


def remember(shell: Following, targets: Values, redirect: Redirect, output: Values) -> None:
    """What a file holds, in case it is run."""
    for target in targets:
        place = key(target, shell)
        before = shell.state.files.get(place, ("",)) if redirect.operator in (">>", "&>>") else ("",)
        shell.state.files[place] = merged(tuple(one + more for one in before for more in output))


def key(target: str, shell: Shell) -> str:
    return paths.resolved(marks.plain(target), shell.state.cwd)
