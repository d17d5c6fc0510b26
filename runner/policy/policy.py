"""The policy: the rules, and the check of a command against them. A guard rail, not a sandbox."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from runner.policy import look_alikes, placeholders
from runner.policy.grammar.source import LONGEST, Budget, SyntaxFault, TooComplex
from runner.policy.hit import Hit
from runner.policy.interpreter.interpreter import Interpreter
from runner.policy.rules import rulebook as books
from runner.policy.rules.overrides import Overrides, extend_rulebook
from runner.policy.rules.rulebook import Rulebook
from runner.policy.rules.when import RuleFault
from runner.policy.shell import environment
from runner.policy.shell.state import Values
from runner.policy.verdict import ENVIRONMENT, Finding, Mode, Severity, Verdict

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
LONGEST_SHOWN = 200
NO_OVERRIDES = Overrides()
HOME = "~"
"""Where a command starts if it is given no folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """A command, and what is known of where it runs. `working_dir` and `stdin` are None if they are not known.

    `stdin` is all that it may be. A value of `env` is a mark where it is not known.
    """

    command: str
    env: Mapping[str, str]
    working_dir: str | None = None
    stdin: Values | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing but its text decides what it does."""
        return not self.env and self.working_dir in (None, HOME) and self.stdin is None


@dataclass(frozen=True, slots=True)
class Policy:
    """A set of rules with a version, and how strictly they are taken."""

    rulebook: Rulebook
    mode: Mode = "standard"

    @classmethod
    def load(cls, *, mode: Mode = "standard") -> "Policy":
        return cls(books.load(), mode)

    @property
    def version(self) -> str:
        """At most 32 characters."""
        return f"{self.rulebook.version}-{self.mode}"

    def check(
        self,
        command: str,
        *,
        env: Mapping[str, str] | None = None,
        mode: Mode | None = None,
        working_dir: str | None = None,
        stdin: bytes | None = None,
        secrets: Collection[str] = (),
        overrides: Overrides = NO_OVERRIDES,
    ) -> Verdict:
        """What the policy says of a command that /bin/sh runs with these variables. Costs no more than its bounds.

        `working_dir` is where it starts (`~` is the home directory); relative paths are not judged where it is None.
        `stdin` is what it reads, None where that is not known. `secrets` are the names of variables that it has too,
        whose values are not to be known here.
        """
        mode = mode or self.mode
        rulebook, readable = _apply_overrides(self.rulebook, overrides)
        known = dict.fromkeys(secrets, placeholders.UNKNOWN) | {
            name: placeholders.replace_reserved(text) for name, text in (env or {}).items()
        }
        request = CheckRequest(command=command, env=known, working_dir=working_dir, stdin=_texts_of(stdin))
        hits = {(hit.rule, hit.span): hit for hit in (*readable, *_find_hits(request, rulebook))}
        ordered = sorted(hits.values(), key=lambda hit: (hit.span, hit.rule))
        findings = tuple(
            _build_finding(command, hit, _decide_severity(rulebook, hit.rule, mode, request, overrides), rulebook)
            for hit in ordered
        )
        return Verdict(findings=findings, version=_build_version(rulebook, mode, overrides), mode=mode)


def _texts_of(stdin: bytes | None) -> Values | None:
    """What a command reads, as texts to be followed; a mark for what is none, or too long for it.

    Bytes of another encoding are characters like any other to a shell. What it does with a NUL is its own affair:
    it leaves it out, or takes it for an end of a word or a line.
    """
    if stdin is None:
        return None
    text = stdin.decode(errors="replace")
    if len(text) > LONGEST or ("\0" in text and "\ufffd" in text):
        return (placeholders.UNREAD,)
    text = placeholders.replace_reserved(text)
    return tuple(dict.fromkeys(text.replace("\0", instead) for instead in ("", "\n")))


def _apply_overrides(rulebook: Rulebook, overrides: Overrides) -> tuple[Rulebook, tuple[Hit, ...]]:
    """The book with the extra rules, and the hit of those that this version cannot read."""
    try:
        for extra in overrides.extra:
            rulebook = extend_rulebook(rulebook, extra)
    except RuleFault:
        return rulebook, (Hit("syntax.extra-rules", (0, 0), ()),)
    return rulebook, ()


def _build_version(rulebook: Rulebook, mode: Mode, overrides: Overrides) -> str:
    if overrides == NO_OVERRIDES:
        return f"{rulebook.version}-{mode}"
    changes = hashlib.sha256(repr((overrides.allow, overrides.commands, overrides.extra)).encode()).hexdigest()
    return f"{rulebook.version}-{mode}-{changes[:6]}"


def _decide_severity(
    rulebook: Rulebook, rule: str, mode: Mode, request: CheckRequest, overrides: Overrides
) -> Severity:
    if overrides.allows(rule) or (request.command.strip() in overrides.commands and request.is_plain):
        return "warn"
    return rulebook.rules[rule].get_severity(mode)


def _build_finding(command: str, hit: Hit, level: Severity, rulebook: Rulebook) -> Finding:
    rule = rulebook.rules[hit.rule]
    start, end = hit.span
    before = command[:start]
    return Finding(
        rule=rule.id,
        severity=level,
        message_en=rule.en,
        message_zh=rule.zh,
        start=start,
        end=end,
        line=before.count("\n") + 1,
        column=start - before.rfind("\n"),
        text=command[start:end][:LONGEST_SHOWN],
        via=hit.via,
    )


def _find_hits(request: CheckRequest, rulebook: Rulebook) -> Iterator[Hit]:
    """Every rule that is broken, and where."""
    for name in request.env:
        if environment.is_refused(name):
            yield Hit(ENVIRONMENT, (0, 0), (f"env {name}",))
    if len(request.command.encode("utf-8", "replace")) > LONGEST:
        yield Hit("syntax.too-complex", (0, len(request.command)), ())
        return
    reserved = CONTROL.search(request.command) or placeholders.RESERVED.search(request.command)
    if reserved is not None:
        yield Hit("syntax.control-character", reserved.span(), ())
        return
    yield from look_alikes.find_look_alikes(request.command)
    yield from _interpret(request, rulebook)


def _interpret(request: CheckRequest, rulebook: Rulebook) -> Iterator[Hit]:
    """What following the text finds, and whether it could be followed to its end."""
    command = request.command
    interpreter = Interpreter(command, Budget(), rulebook)
    interpreter.set_inputs(
        variables={name: (value,) for name, value in request.env.items()},
        stdin=request.stdin,
        working_dir=request.working_dir,
    )
    try:
        interpreter.start()
    except SyntaxFault as fault:
        yield Hit("syntax.error", (min(fault.at, len(command)), min(fault.at + 1, len(command))), ())
    except (TooComplex, RecursionError):
        yield Hit("syntax.too-complex", (0, len(command)), ())
    yield from interpreter.hits
