"""The policy: its rules, and the check of a command against them. A guard rail, not a sandbox."""

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
"""The working directory of a command that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """A command and what is known of the environment it runs in.

    `working_dir` and `stdin` are None if they are not known. `stdin` lists every text it may be. An unknown value of
    `env` is a placeholder.
    """

    command: str
    env: Mapping[str, str]
    working_dir: str | None = None
    stdin: Values | None = None

    @property
    def is_plain(self) -> bool:
        """True if the command runs with no variables, in the home directory, with no standard input."""
        return not self.env and self.working_dir in (None, HOME) and self.stdin is None


@dataclass(frozen=True, slots=True)
class Policy:
    """A set of rules with a version, and the mode that decides how strictly they apply."""

    rulebook: Rulebook
    mode: Mode = "standard"

    @classmethod
    def load(cls, *, mode: Mode = "standard") -> "Policy":
        return cls(books.load(), mode)

    @property
    def version(self) -> str:
        """The rulebook's version and the mode, at most 32 characters."""
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
        """Check a command that /bin/sh is to run with these variables, and return the verdict.

        The cost is bounded by a budget of steps: a command that exceeds it breaks `syntax.too-complex`. `working_dir`
        is where the command starts (`~` is the home directory); with None, relative paths are not checked. `stdin` is
        the input it reads, None if that is not known. `secrets` names variables that are set too, but whose values the
        policy must not see.
        """
        mode = mode or self.mode
        rulebook, readable = _apply_overrides(self.rulebook, overrides)
        known = dict.fromkeys(secrets, placeholders.UNKNOWN) | {
            name: placeholders.replace_reserved(text) for name, text in (env or {}).items()
        }
        request = CheckRequest(command=command, env=known, working_dir=working_dir, stdin=_list_stdin_texts(stdin))
        hits = {(hit.rule, hit.span): hit for hit in (*readable, *_find_hits(request, rulebook))}
        ordered = sorted(hits.values(), key=lambda hit: (hit.span, hit.rule))
        findings = tuple(
            _build_finding(command, hit, _decide_severity(rulebook, hit.rule, mode, request, overrides), rulebook)
            for hit in ordered
        )
        return Verdict(findings=findings, version=_build_version(rulebook, mode, overrides), mode=mode)


def _list_stdin_texts(stdin: bytes | None) -> Values | None:
    """Return the texts that standard input may be to a shell, or the placeholder UNREAD for binary or overlong input.

    A shell reads bytes of another encoding as characters like any other. Shells differ on NUL: some leave it out,
    others take it for the end of a word or a line, so both readings are returned.
    """
    if stdin is None:
        return None
    text = stdin.decode(errors="replace")
    if len(text) > LONGEST or ("\0" in text and "\ufffd" in text):
        return (placeholders.UNREAD,)
    text = placeholders.replace_reserved(text)
    return tuple(dict.fromkeys(text.replace("\0", instead) for instead in ("", "\n")))


def _apply_overrides(rulebook: Rulebook, overrides: Overrides) -> tuple[Rulebook, tuple[Hit, ...]]:
    """Return the rulebook with the extra rules added, and a hit if this version cannot read one of them."""
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
    """Yield a hit for each broken rule. Text that is too long or holds control characters is not interpreted."""
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
    """Interpret the command and yield its hits, and one more if it cannot be interpreted to its end."""
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
