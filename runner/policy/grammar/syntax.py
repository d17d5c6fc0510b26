"""The syntax tree of a shell text. `start` and `end` are character offsets in the outermost text."""

from dataclasses import dataclass, field
from typing import Literal as Choice
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands for itself. Unquoted text may hold wildcards, braces and a tilde."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """`$name` or `${name…}`. `operator` follows the name (`:-`, `#`, `//`, …); `word` is its operand."""

    name: str
    quoted: bool
    operator: str = ""
    word: "Word | None" = None
    index: "Word | None" = None
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class CommandSubstitution:
    """`$(…)` or backticks."""

    program: "Sequence"
    quoted: bool


@dataclass(frozen=True, slots=True)
class ProcessSubstitution:
    """`<(…)` or `>(…)`."""

    program: "Sequence"
    direction: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`$((…))`: its text, as quoted literals, and the expansions inside it."""

    parts: "tuple[Part, ...]"
    quoted: bool


Part: TypeAlias = Literal | Parameter | CommandSubstitution | ProcessSubstitution | Arithmetic


@dataclass(frozen=True, slots=True)
class Word:
    parts: tuple[Part, ...]
    start: int
    end: int

    @property
    def bare(self) -> str | None:
        """The text of a word that is one unquoted literal, else None."""
        if len(self.parts) == 1 and isinstance(part := self.parts[0], Literal) and not part.quoted:
            return part.text
        return None


@dataclass(slots=True)
class Redirect:
    """A redirect. `operator` is one of < > >> >| <> <& >& &> &>> << <<- <<<; `body` is that of a here-document."""

    operator: str
    fd: str
    target: Word
    body: Word | None = None


@dataclass(frozen=True, slots=True)
class Element:
    """One element of an array: `value`, or `[index]=value`."""

    value: Word
    index: Word | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name=value`, `name+=value`, `name[index]=value`, `name=(elements)`."""

    name: str
    append: bool
    value: Word | None
    elements: tuple[Element, ...] | None = None
    index: Word | None = None


@dataclass(frozen=True, slots=True)
class Simple:
    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    commands: "tuple[Command, ...]"


@dataclass(frozen=True, slots=True)
class Chain:
    """Commands joined by `&&` and `||`."""

    first: "Command"
    rest: "tuple[tuple[str, Command], ...]"


@dataclass(frozen=True, slots=True)
class Sequence:
    """Commands one after the other; `background` holds the positions of those followed by `&`."""

    commands: "tuple[Command, ...]" = ()
    background: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Block:
    """`{ …; }`, `( … )`, or a coprocess."""

    kind: Choice["group", "subshell", "coproc"]
    body: Sequence


@dataclass(frozen=True, slots=True)
class Branch:
    """`if`: conditions and bodies in the order of the text."""

    conditions: tuple[Sequence, ...]
    bodies: tuple[Sequence, ...]


@dataclass(frozen=True, slots=True)
class WhileLoop:
    """`while` and `until`."""

    condition: Sequence
    body: Sequence


@dataclass(frozen=True, slots=True)
class ForLoop:
    """`for` and `select`. `words` is None for the positional parameters; an arithmetic `for` has no name."""

    name: str
    words: tuple[Word, ...] | None
    body: Sequence


@dataclass(frozen=True, slots=True)
class Case:
    subject: Word
    patterns: tuple[tuple[Word, ...], ...]
    bodies: tuple[Sequence, ...]


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    body: "Command"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Test:
    """`[[ … ]]` or `(( … ))`; its words matter only for the expansions in them.

    `otherwise` is what a shell without them, such as dash, runs instead.
    """

    words: tuple[Word, ...]
    otherwise: "Sequence | None" = None


@dataclass(frozen=True, slots=True)
class RedirectedCommand:
    """A compound command with redirects."""

    command: "Command"
    redirects: tuple[Redirect, ...] = field(default=())


Command: TypeAlias = (
    Simple
    | Pipeline
    | Chain
    | Sequence
    | Block
    | Branch
    | WhileLoop
    | ForLoop
    | Case
    | Function
    | Test
    | RedirectedCommand
)
