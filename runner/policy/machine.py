"""Follows a shell text: what would run, with what words, in which order. Nothing runs."""

from dataclasses import dataclass, field

from runner.policy import marks
from runner.policy.following import assigning, flow, naming, redirects
from runner.policy.following.expand import Expander
from runner.policy.following.shell import Argv, mark_of, name_of
from runner.policy.following.state import State, Values, merged
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
    Redirected,
    Sequence,
    Simple,
)
from runner.policy.programs import handlers
from runner.policy.rules import checks, paths

Span = tuple[int, int]
NOTHING: Values = ("",)
MOST_CALLS = 12
"""How deep functions, aliases and nested texts may go before they are taken as unknown."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that was broken, where in the outermost text, and how that place was reached."""

    rule: str
    span: Span
    via: tuple[str, ...]


@dataclass(slots=True)
class Machine:
    """`whole` is the outermost text. `span` is where the command at hand stands in it."""

    whole: str
    budget: Budget
    state: State = field(default_factory=State)
    hits: dict[Hit, None] = field(default_factory=dict)
    via: tuple[str, ...] = ()
    span: Span = (0, 0)
    stdin: Values = (marks.UNKNOWN,)
    fixed: bool = False
    expander: Expander = field(init=False)
    calling: tuple[str, ...] = ()
    called: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.expander = Expander(self.state, self.captured, self.process)

    def hit(self, rule: str) -> None:
        self.hits.setdefault(Hit(rule, self.span, self.via))

    # Whole texts.

    def start(self) -> None:
        """Follow the outermost text, then the functions that it defines and does not call."""
        self.run(parse(self.whole, self.budget))
        for name, body in list(self.state.functions.items()):
            if name not in self.called:
                self.state.positional = None
                self.run(body)

    def text(self, text: str, via: str, *, apart: bool = True) -> Values:
        bare = text.strip()
        if not bare or len(self.via) >= MOST_CALLS:
            return NOTHING
        if not marks.TEXT.sub("", bare):
            self.hit(naming.UNKNOWN_TEXT.get(bare[0], "dynamic.code"))
            return (marks.OUTPUT,)
        before = (self.via, self.span, self.fixed, self.state)
        self.via = (*self.via, via)
        if apart:
            self.enter(self.state.copy())
        try:
            return self.parsed(text)
        finally:
            self.via, self.span, self.fixed = before[:3]
            if apart:
                self.enter(before[3])

    def parsed(self, text: str) -> Values:
        """Run a nested text. Where it stands word for word in the outermost text, offsets stay exact."""
        found = -1 if self.fixed else self.whole.find(text, *self.span)
        try:
            tree = parse(text, self.budget, max(found, 0))
        except SyntaxFault:
            self.hit("syntax.error" if found >= 0 else "dynamic.code")
            return (marks.OUTPUT,)
        self.fixed = found < 0
        return self.run(tree)

    def enter(self, state: State) -> None:
        self.state = state
        self.expander = Expander(state, self.captured, self.process)

    def captured(self, program: Sequence) -> Values:
        """What commands print, without the line ends at its end."""
        found = self.apart(program)
        return tuple(dict.fromkeys(value.rstrip("\n") for value in found))

    def apart(self, command: Command) -> Values:
        """In a subshell."""
        before = (self.state, self.span)
        self.enter(self.state.copy())
        found = self.run(command)
        self.enter(before[0])
        self.span = before[1]
        return found

    def process(self, part: Process) -> str:
        """Follow a process substitution; its output can be read at the path that is given."""
        path = f"/dev/fd/{63 + len(self.state.files)}"
        output = self.apart(part.program)
        self.state.files[path] = output if part.direction == "<" else NOTHING
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
                return self.redirected(command)
            case Block():
                return self.run(command.body) if command.kind == "group" else self.apart(command.body)
            case Function():
                return self.define(command)
            case _:
                return flow.conditional(self, command)

    def pipeline(self, command: Pipeline) -> Values:
        before = self.stdin
        for inner in command.commands:
            self.stdin = self.apart(inner)
        found, self.stdin = self.stdin, before
        return found

    def define(self, command: Function) -> Values:
        self.state.functions[command.name] = command.body
        self.called.discard(command.name)
        if naming.forks(command):
            self.span = self.span if self.fixed else (command.start, command.end)
            self.hit("system.fork-bomb")
        return NOTHING

    def redirected(self, command: Redirected) -> Values:
        before = self.stdin
        redirects.enter(self, command.redirects)
        found = self.run(command.command)
        self.stdin = before
        return redirects.leave(self, command.redirects, found)

    # Simple commands.

    def simple(self, command: Simple) -> Values:
        if not self.fixed:
            self.span = (command.start, command.end)
        before, span = self.stdin, self.span
        redirects.enter(self, command.redirects)
        alternatives = self.expander.words(command.words)
        kept = assigning.assign(self, command.assignments, lasting=assigning.lasts(alternatives))
        self.span = span
        found = merged(*(self.named(command, argv) for argv in alternatives)) if any(alternatives) else NOTHING
        assigning.restore(self.state, kept)
        self.stdin, self.span = before, span
        return redirects.leave(self, command.redirects, found)

    def named(self, command: Simple, argv: Argv) -> Values:
        """One alternative of a command's words."""
        if not argv:
            return NOTHING
        before = self.span
        parts = command.words[0].parts
        if (rule := naming.rule(argv[0], parts)) is not None:
            self.hit(rule)
        quoted = any(isinstance(part, Literal) and part.quoted for part in parts)
        if not quoted and argv[0] in self.state.aliases and ("alias " + argv[0]) not in self.via:
            found = self.alias(argv)
        else:
            found = self.invoke(argv)
        self.span = before
        return found

    def alias(self, argv: Argv) -> Values:
        text = self.state.aliases[argv[0]] + "".join(f" {handlers.quote(word)}" for word in argv[1:])
        return self.text(text, "alias " + argv[0], apart=False)

    def invoke(self, argv: Argv, via: str = "") -> Values:
        before = self.via
        if via:
            self.via = (*before, via)
            if (rule := naming.rule(argv[0], ())) is not None:
                self.hit(rule)
        try:
            return self.program(argv)
        finally:
            self.via = before

    def program(self, argv: Argv) -> Values:
        self.budget.spend(2)
        if argv[0] in self.state.functions:
            return self.call(argv)
        name = name_of(argv[0])
        for rule in checks.broken(name, argv, self):
            self.hit(rule)
        if (known := handlers.HANDLERS.get(name)) is not None and len(self.via) < MOST_CALLS:
            return known(self, argv)
        if (written := self.state.files.get(paths.resolved(argv[0], self.state.cwd))) is not None:
            return merged(*(self.text(text, name) for text in written))
        return (mark_of(self.stdin),)

    def call(self, argv: Argv) -> Values:
        name, body = argv[0], self.state.functions[argv[0]]
        self.called.add(name)
        if name in self.calling:
            return (marks.OUTPUT,)
        before = (self.state.positional, self.calling, self.via)
        self.state.positional, self.calling, self.via = argv[1:], (*self.calling, name), (*self.via, name)
        found = self.run(body)
        self.state.positional, self.calling, self.via = before
        return found
