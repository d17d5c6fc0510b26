"""The policy: the rules, and the check of a command against them. A guard rail, not a sandbox."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from runner.policy import look_alikes, marks
from runner.policy.following.state import Values
from runner.policy.grammar.source import LONGEST, Budget, SyntaxFault, TooComplex
from runner.policy.hit import Hit
from runner.policy.machine import Machine
from runner.policy.rules import book as books
from runner.policy.rules import environment
from runner.policy.rules.book import Book
from runner.policy.rules.when import RuleFault
from runner.policy.tuning import Tuning, extended
from runner.policy.verdict import ENVIRONMENT, Finding, Mode, Severity, Verdict

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
LONGEST_SHOWN = 200
PLAIN = Tuning()
HOME = "~"
"""Where a command starts if it is given no folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
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

    book: Book
    mode: Mode = "standard"

    @classmethod
    def load(cls, *, mode: Mode = "standard") -> "Policy":
        return cls(books.load(), mode)

    @property
    def version(self) -> str:
        """At most 32 characters."""
        return f"{self.book.version}-{self.mode}"

    def check(
        self,
        command: str,
        *,
        env: Mapping[str, str] | None = None,
        mode: Mode | None = None,
        working_dir: str | None = None,
        stdin: bytes | None = None,
        secrets: Collection[str] = (),
        tuning: Tuning = PLAIN,
    ) -> Verdict:
        """What the policy says of a command that /bin/sh runs with these variables. Costs no more than its bounds.

        `working_dir` is where it starts (`~` is the home directory); relative paths are not judged where it is None.
        `stdin` is what it reads, None where that is not known. `secrets` are the names of variables that it has too,
        whose values are not to be known here.
        """
        mode = mode or self.mode
        book, readable = tuned(self.book, tuning)
        known = dict.fromkeys(secrets, marks.UNKNOWN) | {
            name: marks.cleaned(text) for name, text in (env or {}).items()
        }
        asked = Asked(command=command, env=known, working_dir=working_dir, stdin=texts_of(stdin))
        hits = {(hit.rule, hit.span): hit for hit in (*readable, *found(asked, book))}
        ordered = sorted(hits.values(), key=lambda hit: (hit.span, hit.rule))
        findings = tuple(finding(command, hit, severity(book, hit.rule, mode, asked, tuning), book) for hit in ordered)
        return Verdict(findings=findings, version=version(book, mode, tuning), mode=mode)


def texts_of(stdin: bytes | None) -> Values | None:
    """What a command reads, as texts to be followed; a mark for what is none, or too long for it.

    Bytes of another encoding are characters like any other to a shell. What it does with a NUL is its own affair:
    it leaves it out, or takes it for an end of a word or a line.
    """
    if stdin is None:
        return None
    text = stdin.decode(errors="replace")
    if len(text) > LONGEST or ("\0" in text and "\ufffd" in text):
        return (marks.UNREAD,)
    text = marks.cleaned(text)
    return tuple(dict.fromkeys(text.replace("\0", instead) for instead in ("", "\n")))


def tuned(book: Book, tuning: Tuning) -> tuple[Book, tuple[Hit, ...]]:
    """The book with the extra rules, and the hit of those that this version cannot read."""
    try:
        for extra in tuning.extra:
            book = extended(book, extra)
    except RuleFault:
        return book, (Hit("syntax.extra-rules", (0, 0), ()),)
    return book, ()


def version(book: Book, mode: Mode, tuning: Tuning) -> str:
    if tuning == PLAIN:
        return f"{book.version}-{mode}"
    changes = hashlib.sha256(repr((tuning.allow, tuning.commands, tuning.extra)).encode()).hexdigest()
    return f"{book.version}-{mode}-{changes[:6]}"


def severity(book: Book, rule: str, mode: Mode, asked: Asked, tuning: Tuning) -> Severity:
    if tuning.allows(rule) or (asked.command.strip() in tuning.commands and asked.is_plain):
        return "warn"
    return book.rules[rule].severity_in(mode)


def finding(command: str, hit: Hit, level: Severity, book: Book) -> Finding:
    rule = book.rules[hit.rule]
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


def found(asked: Asked, book: Book) -> Iterator[Hit]:
    """Every rule that is broken, and where."""
    for name in asked.env:
        if environment.is_refused(name):
            yield Hit(ENVIRONMENT, (0, 0), (f"env {name}",))
    if len(asked.command.encode("utf-8", "replace")) > LONGEST:
        yield Hit("syntax.too-complex", (0, len(asked.command)), ())
        return
    reserved = CONTROL.search(asked.command) or marks.RESERVED.search(asked.command)
    if reserved is not None:
        yield Hit("syntax.control-character", reserved.span(), ())
        return
    yield from look_alikes.found(asked.command)
    yield from followed(asked, book)


def followed(asked: Asked, book: Book) -> Iterator[Hit]:
    """What following the text finds, and whether it could be followed to its end."""
    command = asked.command
    machine = Machine(command, Budget(), book)
    machine.set_out(
        variables={name: (value,) for name, value in asked.env.items()},
        stdin=asked.stdin,
        working_dir=asked.working_dir,
    )
    try:
        machine.start()
    except SyntaxFault as fault:
        yield Hit("syntax.error", (min(fault.at, len(command)), min(fault.at + 1, len(command))), ())
    except (TooComplex, RecursionError):
        yield Hit("syntax.too-complex", (0, len(command)), ())
    yield from machine.hits
