"""Interprets a shell text: finds the programs it would run, their words and their order. Nothing is run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from runner.policy import placeholders
from runner.policy.expansion.expander import Expander
from runner.policy.filesystem import paths
from runner.policy.grammar.parser import parse
from runner.policy.grammar.source import Budget, SyntaxFault
from runner.policy.grammar.syntax import (
    Block,
    Chain,
    Command,
    Function,
    Literal,
    Pipeline,
    ProcessSubstitution,
    Redirect,
    RedirectedCommand,
    Sequence,
    Simple,
)
from runner.policy.hit import Hit, Span, find_offset
from runner.policy.interpreter import assignments, bombs, calls, command_names, flow, redirects
from runner.policy.programs import handlers, wrappers
from runner.policy.rules.rulebook import Rulebook
from runner.policy.shell.protocol import Argv, choose_placeholder, get_program_name
from runner.policy.shell.state import NOTHING, State, Values, merge_values


@dataclass(slots=True)
class Interpreter:
    """Interprets one command, the outermost text `whole`, and all texts nested in it. `span` is the current command.

    `fixed` is set inside text whose offsets cannot be told, `several` while the words are one of several alternatives.
    """

    whole: str
    budget: Budget
    rulebook: Rulebook
    state: State = field(default_factory=State)
    hits: dict[Hit, None] = field(default_factory=dict)
    via: tuple[str, ...] = ()
    span: Span = (0, 0)
    stdin: Values = (placeholders.UNKNOWN,)
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
    def hit_count(self) -> int:
        return len(self.hits)

    @property
    def programs(self) -> Rulebook:
        return self.rulebook

    def spend(self, steps: int) -> None:
        self.budget.spend(steps)

    def add_hit(self, rule: str) -> None:
        self.hits.setdefault(Hit(rule, self.span, self.via))

    def set_inputs(self, *, variables: dict[str, Values], stdin: Values | None, working_dir: str | None) -> None:
        """Set what is known before the text begins."""
        self.state.variables.update(variables)
        if stdin is not None:
            self.stdin = stdin
        if working_dir is not None:
            self.state.cwd = placeholders.HOME + working_dir[1:] if working_dir.startswith("~") else working_dir

    # Whole texts.

    def start(self) -> None:
        """Run the outermost text, then the functions that it defines but does not call."""
        tree = parse(self.whole, self.budget)
        if bombs.restarts_itself(tree):
            self.span = (0, len(self.whole))
            self.add_hit("system.fork-bomb")
        self.run(tree)
        self.run_exit_traps()
        for name, body in list(self.state.functions.items()):
            if name not in self.called:
                self.state.positional = None
                self.run(body)

    def run_text(self, text: str, via: str, *, apart: bool = True, lenient: bool = False) -> Values:
        if not (bare := text.strip()):
            return NOTHING
        if not placeholders.TEXT.sub("", bare) or len(self.via) >= calls.MOST_CALLS:
            self.add_hit(command_names.choose_unknown_text_rule(bare))
            return (placeholders.OUTPUT,)
        before = (self.via, self.span, self.fixed, self.state)
        self.via = (*self.via, via)
        if apart:
            self.enter(self.state.copy())
        try:
            return self.parse_and_run(text, apart=apart, lenient=lenient)
        finally:
            self.via, self.span, self.fixed = before[:3]
            if apart:
                self.enter(before[3])

    def parse_and_run(self, text: str, *, apart: bool, lenient: bool) -> Values:
        """Run a nested text. Offsets stay exact where it stands word for word in the outermost text."""
        found = -1 if self.fixed else find_offset(text, self.whole, self.span)
        try:
            with self.budget.restore_depth():
                tree = parse(placeholders.restore_wildcards(text), self.budget, max(found, 0))
        except SyntaxFault:
            if not lenient:
                self.add_hit("dynamic.code" if self.several or placeholders.TEXT.search(text) else "syntax.error")
            return (placeholders.OUTPUT,)
        self.fixed = found < 0
        output = self.run(tree)
        if apart:
            self.run_exit_traps()
        return output

    def run_exit_traps(self) -> None:
        """Run the traps of a shell that ends."""
        traps, self.state.traps = self.state.traps, []
        for text, span in traps:
            self.span = span
            self.run_text(text, "trap")

    def run_remotely(self, text: str, via: str) -> Values:
        """Run a text in a shell of another host or container, which knows nothing of this one."""
        before = self.state
        self.enter(State(positional=()))
        found = self.run_text(text, via)
        self.enter(before)
        return found

    def write(self, path: str, content: Values, *, appends: bool) -> None:
        """Write to a file, or to the command that reads from `>(…)`."""
        self.state.write_file(path, content, appends=appends)
        if (reader := self.state.readers.get(path)) is not None:
            before, self.stdin = self.stdin, content
            self.run_in_subshell(reader)
            self.stdin = before

    def enter(self, state: State) -> None:
        self.state = state
        self.expander = Expander(state, self.capture, self.run_process_substitution, self.budget)

    def capture(self, program: Sequence) -> Values:
        """Return a command's output without its trailing line ends."""
        found = self.run_in_subshell(program)
        return tuple(dict.fromkeys(value.rstrip("\n") for value in found))

    def run_in_subshell(self, command: Command) -> Values:
        """Run a command in a subshell and return its output."""
        before = (self.state, self.expander, self.span, self.stdin, self.socket)
        self.enter(self.state.copy())
        found = self.run(command)
        self.run_exit_traps()
        self.state, self.expander, self.span, self.stdin, self.socket = before
        return found

    def run_process_substitution(self, part: ProcessSubstitution) -> str:
        """Run a process substitution, and return the path at which its output can be read."""
        path = f"/dev/fd/{63 + len(self.state.files)}"
        if part.direction == "<":
            self.state.files[path] = self.run_in_subshell(part.program)
        else:
            self.state.files[path], self.state.readers[path] = NOTHING, part.program
            before, self.stdin = self.stdin, (placeholders.UNKNOWN,)
            self.run_in_subshell(part.program)
            self.stdin = before
        return path

    # Commands.

    def run(self, command: Command) -> Values:
        """Run a command and return its output."""
        self.budget.spend(2)
        self.budget.enter()
        found = self.dispatch(command)
        self.budget.leave()
        return found

    def dispatch(self, command: Command) -> Values:
        match command:
            case Simple():
                return self.run_simple(command)
            case Sequence():
                return flow.concatenate_outputs([self.run(inner) for inner in command.commands])
            case Chain():
                return flow.run_chain(self, command)
            case Pipeline():
                return self.run_pipeline(command)
            case RedirectedCommand():
                with self.apply_redirects(command.redirects) as output:
                    output.append(self.run(command.command))
                return output[-1]
            case Block():
                return self.run(command.body) if command.kind == "group" else self.run_in_subshell(command.body)
            case Function():
                return calls.define_function(self, command)
            case _:
                return flow.run_conditional(self, command)

    def run_pipeline(self, command: Pipeline) -> Values:
        before = self.stdin
        for inner in command.commands:
            self.stdin = self.run_in_subshell(inner)
        found, self.stdin = self.stdin, before
        if bombs.exposes_shell(command):
            self.add_hit("network.reverse-shell")
        return found

    @contextmanager
    def apply_redirects(self, several: tuple[Redirect, ...]) -> Iterator[list[Values]]:
        """Apply redirects around a block that appends its output to the list; the last item is what remains."""
        before, outputs = (self.stdin, self.socket), [NOTHING]
        redirects.apply_inputs(self, several)
        yield outputs
        self.stdin, self.socket = before
        outputs.append(redirects.apply_outputs(self, several, outputs[-1]))

    # Simple commands.

    def run_simple(self, command: Simple) -> Values:
        if not self.fixed:
            self.span = (command.start, command.end)
        span = self.span
        with self.apply_redirects(command.redirects) as output:
            alternatives = self.expander.expand_words(command.words, brief=self.is_inert(command))
            several, self.several = self.several, self.several or len(alternatives) > 1
            previous = assignments.assign(self, command, lasting=assignments.is_lasting(alternatives))
            self.span = span
            output.append(merge_values(*(self.run_alternative(command, argv) for argv in reversed(alternatives))))
            assignments.restore(self.state, previous)
            self.span, self.several = span, several
        return output[-1]

    def is_inert(self, command: Simple) -> bool:
        """True if the words of the command do not matter, except for substitutions in them."""
        name = command.words[0].bare if command.words else None
        return name is not None and not (
            name in self.state.functions or name in self.state.aliases or not self.rulebook.is_inert(name)
        )

    def run_alternative(self, command: Simple, argv: Argv) -> Values:
        """Run one alternative of a command's words."""
        if not argv:
            return NOTHING
        before, parts = self.span, command.words[0].parts
        if (rule := command_names.find_rule(argv[0], parts)) is not None:
            self.add_hit(rule)
        quoted = any(isinstance(part, Literal) and part.quoted for part in parts)
        if not quoted and argv[0] in self.state.aliases and ("alias " + argv[0]) not in self.via:
            found = calls.run_alias(self, argv)
        elif argv[0] in self.state.functions:
            found = calls.call_function(self, argv)
        else:
            found = self.run_program(argv)
        self.span = before
        return found

    def invoke(self, argv: Argv, via: str) -> Values:
        """Run a program that another program starts."""
        before, self.via = self.via, (*self.via, via)
        if (rule := command_names.find_rule(argv[0], None)) is not None:
            self.add_hit(rule)
        found = self.run_program(argv)
        self.via = before
        return found

    def run_program(self, argv: Argv) -> Values:
        self.budget.spend(8 + len(argv))
        argv = ("[", *argv[1:]) if argv[0] == placeholders.BRACKET else argv
        if command_names.is_wild(argv[0]):
            return calls.run_wildcard(self, argv)
        name = get_program_name(argv[0])
        for rule in self.rulebook.find_broken_rules(name, argv, self):
            self.add_hit(rule)
        written = self.state.files.get(paths.resolve_path(argv[0], self.state.cwd))
        known, wrapper = handlers.find_handler(name), self.rulebook.wrappers.get(name)
        if (known or wrapper) and (written is None or "/" not in argv[0]):
            if len(self.via) >= calls.MOST_CALLS:
                self.add_hit("dynamic.hidden-code")
            else:
                outputs = [known(self, argv)] if known else []
                outputs += [wrappers.run_wrapped_command(self, argv, wrapper)] if wrapper else []
                return merge_values(*outputs)
        if written is not None:
            return calls.run_file(self, written, argv)
        return (choose_placeholder(self.stdin),)
