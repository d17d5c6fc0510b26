"""Follows a shell text: what would run, with what words, in which order. Nothing runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from runner.policy import marks
from runner.policy.following import assigning, bombs, calling, flow, naming, redirects
from runner.policy.following.expand import Expander
from runner.policy.following.shell import Argv, mark_of, name_of
from runner.policy.following.state import NOTHING, State, Values, merged
from runner.policy.grammar.parser import parse
from runner.policy.grammar.source import Budget, SyntaxFault
from runner.policy.grammar.syntax import (
    Block,
    Chain,
    Command,
    Function,
    Literal,
    Pipeline,
    Process,
    Redirect,
    Redirected,
    Sequence,
    Simple,
)
from runner.policy.hit import Hit, Span, placed
from runner.policy.programs import handlers, wrappers
from runner.policy.rules import paths
from runner.policy.rules.book import Book


@dataclass(slots=True)
class Machine:
    """`whole` is the outermost text, `book` the rules. `span` is where the command at hand stands in the text.

    `fixed` says that offsets cannot be told any more, `several` that the words at hand are one of some possibilities.
    """

    whole: str
    budget: Budget
    book: Book
    state: State = field(default_factory=State)
    hits: dict[Hit, None] = field(default_factory=dict)
    via: tuple[str, ...] = ()
    span: Span = (0, 0)
    stdin: Values = (marks.UNKNOWN,)
    socket: bool = False
    fixed: bool = False
    looping: bool = False
    several: bool = False
    expander: Expander = field(init=False)
    calling: tuple[str, ...] = ()
    called: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.enter(self.state)

    @property
    def found(self) -> int:
        return len(self.hits)

    @property
    def names(self) -> Book:
        return self.book

    def spend(self, steps: int) -> None:
        self.budget.spend(steps)

    def hit(self, rule: str) -> None:
        self.hits.setdefault(Hit(rule, self.span, self.via))

    def set_out(self, *, variables: dict[str, Values], stdin: Values | None, working_dir: str | None) -> None:
        """What is known before the text begins."""
        self.state.variables.update(variables)
        if stdin is not None:
            self.stdin = stdin
        if working_dir is not None:
            self.state.cwd = marks.HOME + working_dir[1:] if working_dir.startswith("~") else working_dir

    # Whole texts.

    def start(self) -> None:
        """Follow the outermost text, then the functions that it defines and does not call."""
        tree = parse(self.whole, self.budget)
        if bombs.restarts(tree):
            self.span = (0, len(self.whole))
            self.hit("system.fork-bomb")
        self.run(tree)
        self.finish()
        for name, body in list(self.state.functions.items()):
            if name not in self.called:
                self.state.positional = None
                self.run(body)

    def text(self, text: str, via: str, *, apart: bool = True, lenient: bool = False) -> Values:
        if not (bare := text.strip()):
            return NOTHING
        if not marks.TEXT.sub("", bare) or len(self.via) >= calling.MOST_CALLS:
            self.hit(naming.unread(bare))
            return (marks.OUTPUT,)
        before = (self.via, self.span, self.fixed, self.state)
        self.via = (*self.via, via)
        if apart:
            self.enter(self.state.copy())
        try:
            return self.parsed(text, apart=apart, lenient=lenient)
        finally:
            self.via, self.span, self.fixed = before[:3]
            if apart:
                self.enter(before[3])

    def parsed(self, text: str, *, apart: bool, lenient: bool) -> Values:
        """Run a nested text. Where it stands word for word in the outermost text, offsets stay exact."""
        found = -1 if self.fixed else placed(text, self.whole, self.span)
        try:
            with self.budget.trial():
                tree = parse(marks.plain(text), self.budget, max(found, 0))
        except SyntaxFault:
            if not lenient:
                self.hit("dynamic.code" if self.several or marks.TEXT.search(text) else "syntax.error")
            return (marks.OUTPUT,)
        self.fixed = found < 0
        output = self.run(tree)
        if apart:
            self.finish()
        return output

    def finish(self) -> None:
        """A shell ends: what it is to do then."""
        traps, self.state.traps = self.state.traps, []
        for text, span in traps:
            self.span = span
            self.text(text, "trap")

    def remotely(self, text: str, via: str) -> Values:
        """Run a text in a shell of another host or container, which knows nothing of this one."""
        before = self.state
        self.enter(State(positional=()))
        found = self.text(text, via)
        self.enter(before)
        return found

    def write(self, path: str, content: Values, *, appends: bool) -> None:
        """Note what a file holds from now on; whoever reads from `>(…)` reads it."""
        self.state.keep(path, content, appends=appends)
        if (sink := self.state.sinks.get(path)) is not None:
            before, self.stdin = self.stdin, content
            self.apart(sink)
            self.stdin = before

    def enter(self, state: State) -> None:
        self.state = state
        self.expander = Expander(state, self.captured, self.process, self.budget)

    def captured(self, program: Sequence) -> Values:
        """What commands print, without the line ends at its end."""
        found = self.apart(program)
        return tuple(dict.fromkeys(value.rstrip("\n") for value in found))

    def apart(self, command: Command) -> Values:
        """In a subshell."""
        before = (self.state, self.expander, self.span, self.stdin, self.socket)
        self.enter(self.state.copy())
        found = self.run(command)
        self.finish()
        self.state, self.expander, self.span, self.stdin, self.socket = before
        return found

    def process(self, part: Process) -> str:
        """Follow a process substitution; its output can be read at the path that is given."""
        path = f"/dev/fd/{63 + len(self.state.files)}"
        if part.direction == "<":
            self.state.files[path] = self.apart(part.program)
        else:
            self.state.files[path], self.state.sinks[path] = NOTHING, part.program
            before, self.stdin = self.stdin, (marks.UNKNOWN,)
            self.apart(part.program)
            self.stdin = before
        return path

    # Commands.

    def run(self, command: Command) -> Values:
        """Follow a command; what it prints."""
        self.budget.spend(2)
        self.budget.enter()
        found = self.dispatch(command)
        self.budget.leave()
        return found

    def dispatch(self, command: Command) -> Values:
        match command:
            case Simple():
                return self.simple(command)
            case Sequence():
                return flow.added([self.run(inner) for inner in command.commands])
            case Chain():
                return flow.chain(self, command)
            case Pipeline():
                return self.pipeline(command)
            case Redirected():
                with self.redirected(command.redirects) as output:
                    output.append(self.run(command.command))
                return output[-1]
            case Block():
                return self.run(command.body) if command.kind == "group" else self.apart(command.body)
            case Function():
                return calling.define(self, command)
            case _:
                return flow.conditional(self, command)

    def pipeline(self, command: Pipeline) -> Values:
        before = self.stdin
        for inner in command.commands:
            self.stdin = self.apart(inner)
        found, self.stdin = self.stdin, before
        if bombs.exposes(command):
            self.hit("network.reverse-shell")
        return found

    @contextmanager
    def redirected(self, several: tuple[Redirect, ...]) -> Iterator[list[Values]]:
        """What runs within appends its output to the list; the last item is what is left of it."""
        before, outputs = (self.stdin, self.socket), [NOTHING]
        redirects.enter(self, several)
        yield outputs
        self.stdin, self.socket = before
        outputs.append(redirects.leave(self, several, outputs[-1]))

    # Simple commands.

    def simple(self, command: Simple) -> Values:
        if not self.fixed:
            self.span = (command.start, command.end)
        span = self.span
        with self.redirected(command.redirects) as output:
            alternatives = self.expander.words(command.words, brief=self.is_inert(command))
            several, self.several = self.several, self.several or len(alternatives) > 1
            kept = assigning.assign(self, command, lasting=assigning.lasts(alternatives))
            self.span = span
            output.append(merged(*(self.named(command, argv) for argv in reversed(alternatives))))
            assigning.restore(self.state, kept)
            self.span, self.several = span, several
        return output[-1]

    def is_inert(self, command: Simple) -> bool:
        """Whether nothing follows from what its words are, but for what runs in them."""
        name = command.words[0].bare if command.words else None
        return name is not None and not (
            name in self.state.functions or name in self.state.aliases or not self.book.is_inert(name)
        )

    def named(self, command: Simple, argv: Argv) -> Values:
        """One alternative of a command's words."""
        if not argv:
            return NOTHING
        before, parts = self.span, command.words[0].parts
        if (rule := naming.rule(argv[0], parts)) is not None:
            self.hit(rule)
        quoted = any(isinstance(part, Literal) and part.quoted for part in parts)
        if not quoted and argv[0] in self.state.aliases and ("alias " + argv[0]) not in self.via:
            found = calling.alias(self, argv)
        elif argv[0] in self.state.functions:
            found = calling.call(self, argv)
        else:
            found = self.program(argv)
        self.span = before
        return found

    def invoke(self, argv: Argv, via: str) -> Values:
        """Run a program that another one was given."""
        before, self.via = self.via, (*self.via, via)
        if (rule := naming.rule(argv[0], None)) is not None:
            self.hit(rule)
        found = self.program(argv)
        self.via = before
        return found

    def program(self, argv: Argv) -> Values:
        self.budget.spend(8 + len(argv))
        argv = ("[", *argv[1:]) if argv[0] == marks.BRACKET else argv
        if naming.is_wild(argv[0]):
            return calling.wild(self, argv)
        name = name_of(argv[0])
        for rule in self.book.broken(name, argv, self):
            self.hit(rule)
        written = self.state.files.get(paths.resolved(argv[0], self.state.cwd))
        known, wrapper = handlers.of(name), self.book.wrappers.get(name)
        if (known or wrapper) and (written is None or "/" not in argv[0]):
            if len(self.via) >= calling.MOST_CALLS:
                self.hit("dynamic.hidden-code")
            else:
                outputs = [known(self, argv)] if known else []
                outputs += [wrappers.wrapped(self, argv, wrapper)] if wrapper else []
                return merged(*outputs)
        if written is not None:
            return calling.script(self, written, argv)
        return (mark_of(self.stdin),)
