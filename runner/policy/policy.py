"""The policy: the rules, and the check of a command against them. A guard rail, not a sandbox."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runner.policy import marks, rulebook
from runner.policy.grammar.source import LONGEST, Budget, SyntaxFault, TooComplex
from runner.policy.machine import Hit, Machine
from runner.policy.rulebook import Mode, Rules
from runner.policy.rules import checks
from runner.policy.verdict import Finding, Verdict

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Policy:
    """A set of rules with a version, and how strictly they are taken."""

    rules: Rules
    mode: Mode = "standard"

    @classmethod
    def load(cls, *, mode: Mode = "standard") -> "Policy":
        return cls(rulebook.load(), mode)

    @property
    def version(self) -> str:
        """At most 32 characters."""
        return f"{self.rules.version}-{self.mode}"

    def check(self, command: str, *, env: Mapping[str, str] | None = None, mode: Mode | None = None) -> Verdict:
        """What the policy says of a command that /bin/sh runs with these variables. Costs no more than its bounds."""
        mode = mode or self.mode
        hits = {(hit.rule, hit.span): hit for hit in found(command, env or {})}
        ordered = sorted(hits.values(), key=lambda hit: (hit.span, hit.rule))
        return Verdict(findings=tuple(self.finding(command, hit, mode) for hit in ordered), version=self.version)

    def finding(self, command: str, hit: Hit, mode: Mode) -> Finding:
        rule = self.rules.by_id[hit.rule]
        start, end = hit.span
        before = command[:start]
        return Finding(
            rule=rule.id,
            severity=rule.severity_in(mode),
            message_en=rule.en,
            message_zh=rule.zh,
            start=start,
            end=end,
            line=before.count("\n") + 1,
            column=start - before.rfind("\n"),
            text=command[start:end][:LONGEST_SHOWN],
            via=hit.via,
        )


def found(command: str, env: Mapping[str, str]) -> Iterator[Hit]:
    """Every rule that is broken, and where."""
    for name in env:
        if checks.is_refused(name):
            yield Hit("dynamic.environment", (0, 0), (f"env {name}",))
    if len(command) > LONGEST:
        yield Hit("syntax.too-complex", (0, len(command)), ())
        return
    reserved = CONTROL.search(command) or marks.RESERVED.search(command)
    if reserved is not None:
        yield Hit("syntax.control-character", reserved.span(), ())
        return
    yield from followed(command, env)


def followed(command: str, env: Mapping[str, str]) -> Iterator[Hit]:
    """What following the text finds, and whether it could be followed to its end."""
    machine = Machine(command, Budget())
    machine.state.variables.update({name: (value,) for name, value in env.items()})
    try:
        machine.start()
    except SyntaxFault as fault:
        yield Hit("syntax.error", (min(fault.at, len(command)), min(fault.at + 1, len(command))), ())
    except (TooComplex, RecursionError):
        yield Hit("syntax.too-complex", (0, len(command)), ())
    yield from machine.hits
