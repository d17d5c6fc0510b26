"""Figures of the house: how easily its code is seen and spoken. `python -m bench.house [ROOT]` prints them as a table.

Signs, not aims: see CONTRIBUTING.md. Nothing of the checkout is imported, so that of any commit may be given.
"""

import ast
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LAYERS = ("sshcast", "schema", "resolvers", "runner", "db")
BESIDE = ("tests", "bench")
SEED = 15
NAMES_DRAWN = 40
# Past participles that do not end in -ed.
IRREGULAR = """
asked begun bound broken brought built caught chosen cut done drawn driven fed felt found given gone gotten grown had
held hidden kept known laid learnt led left lent let lost made meant met paid put read said seen sent set shown shut
sold spent split spoken stood sworn taken taught thought thrown told torn understood won worn written
"""
PAST = frozenset(IRREGULAR.split())
# Verbs that end as participles do, or that are their own participle.
VERBS = "feed need seed speed proceed exceed succeed embed bed shed put set cut let read split shut"
NOT_PAST = frozenset(VERBS.split())
PREFIXES = ("get_", "do_", "make_", "is_")
OPENERS = ("What", "Who", "Whether", "Whom", "Whose", "Which")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


@dataclass(frozen=True, eq=False)
class Source:
    path: Path
    module: str
    tree: ast.Module
    lines: int

    @classmethod
    def read(cls, path: Path, root: Path) -> "Source":
        text = path.read_text()
        parts = path.relative_to(root).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        return cls(path, module, ast.parse(text), text.count("\n"))

    @property
    def layer(self) -> str:
        return self.module.partition(".")[0]

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @property
    def module_functions(self) -> list[Function]:
        return [node for node in self.tree.body if isinstance(node, Function)]

    @property
    def functions(self) -> list[Function]:
        return [node for node in self.nodes if isinstance(node, Function)]

    @property
    def classes(self) -> list[ast.ClassDef]:
        return [node for node in self.nodes if isinstance(node, ast.ClassDef)]

    def imports(self, package: str) -> bool:
        return any(name == package or name.startswith(f"{package}.") for name in self.imported_names)

    @property
    def imported_names(self) -> list[str]:
        """With their modules: `a.b` for `import a.b`, `a.b.c` for `from a.b import c`."""
        found = [alias.name for node in self.nodes if isinstance(node, ast.Import) for alias in node.names]
        froms = [node for node in self.nodes if isinstance(node, ast.ImportFrom)]
        return found + [f"{node.module}.{alias.name}" for node in froms for alias in node.names]


def read_sources(root: Path, folders: Iterable[str] = LAYERS) -> list[Source]:
    """Every module in these folders of a checkout; migrations have names that Alembic wants."""
    paths = (path for folder in folders for path in sorted((root / folder).rglob("*.py")))
    return [Source.read(path, root) for path in paths if not {"migrations", "node_modules"} & set(path.parts)]


def is_bare_participle(function: Function) -> bool:
    """True for `told`, `_kept`, `get_shown`: a past participle and nothing else. `is_kept() -> bool` is a question."""
    word = function.name.strip("_")
    if word.startswith("is_") and isinstance(function.returns, ast.Name) and function.returns.id == "bool":
        return False
    for prefix in PREFIXES:
        word = word.removeprefix(prefix)
    if "_" in word or word in NOT_PAST:
        return False
    return word in PAST or bool(re.fullmatch(r"[a-z]{2,}ed", word))


def count_modules(sources: Iterable[Source]) -> Counter[Path]:
    """Modules in each folder, `__init__` aside."""
    return Counter(source.path.parent for source in sources if source.path.stem != "__init__")


def find_repeated_classes(sources: Iterable[Source]) -> dict[str, list[str]]:
    """Class names that stand for two things in one layer, with their modules."""
    homes: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for source in sources:
        for node in source.classes:
            homes[source.layer, node.name].append(source.module)
    return {f"{layer}: {name}": modules for (layer, name), modules in homes.items() if len(modules) > 1}


def opens_with_a_question_word(node: Documented) -> bool | None:
    """None: it has no docstring."""
    text = ast.get_docstring(node)
    return text.split()[0].rstrip(",:") in OPENERS if text else None


class Uses:
    """The module functions that the code names outside of their own file, as `module.function`.

    A name counts wherever it can be traced to its module: `from m import f`; `m.f` and `package.m.f`; a string
    `"package.m.f"` or `"m:f"`; `(m, "f")` as monkeypatch and getattr take them; code within a string. Where a module
    is handed on as a value or named by a string, every attribute of that file whose owner cannot be traced counts as
    one of its functions.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = list(sources)
        self.modules = {source.module for source in self.sources}
        self.homes: defaultdict[str, set[str]] = defaultdict(set)
        for source in self.sources:
            for name in self._find_names(source.nodes):
                self.homes[name].add(source.module)

    def has_other(self, module: str, function: str) -> bool:
        """True if another file than the function's own names it."""
        return bool(self.homes[f"{module}.{function}"] - {module})

    def _find_names(self, nodes: list[ast.AST]) -> Iterator[str]:
        bound = dict(list_imports(nodes))
        yield from bound.values()
        passed = self._find_passed(nodes, bound)
        for node in nodes:
            if isinstance(node, ast.Attribute):
                name = trace(node, bound)
                yield from [f"{module}.{node.attr}" for module in passed] if name is None else [name]
            elif isinstance(node, ast.Call):
                yield from find_named_by_string(node, bound)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from self._read_string(node.value)

    def _find_passed(self, nodes: list[ast.AST], bound: dict[str, str]) -> set[str]:
        """Modules that are more than the owner of an attribute here."""
        owners = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
        names = {bound.get(node.id, "") for node in nodes if isinstance(node, ast.Name) and id(node) not in owners}
        texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        return (names | texts) & self.modules

    def _read_string(self, text: str) -> Iterator[str]:
        if re.fullmatch(r"[\w.]+(:\w+)?", text):
            yield text.replace(":", ".")
        elif "import " in text:
            try:
                yield from self._find_names(list(ast.walk(ast.parse(text))))
            except SyntaxError:
                return


def list_imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """Names as a file has them, each with what it stands for."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom):
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def trace(node: ast.expr, bound: dict[str, str]) -> str | None:
    """The dotted name that an expression stands for, if it starts with something imported."""
    if isinstance(node, ast.Attribute):
        owner = trace(node.value, bound)
        return None if owner is None else f"{owner}.{node.attr}"
    return bound.get(node.id) if isinstance(node, ast.Name) else None


def find_named_by_string(call: ast.Call, bound: dict[str, str]) -> Iterator[str]:
    match call.args:
        case [owner, ast.Constant(value=str(name)), *_] if (module := trace(owner, bound)) is not None:
            yield f"{module}.{name}"


def is_for_its_file_alone(source: Source, function: Function, uses: Uses) -> bool:
    """True for a module function that no other file uses; a decorator may have handed it to somebody."""
    return not function.decorator_list and not uses.has_other(source.module, function.name)


def find_open_doors(sources: Iterable[Source], uses: Uses) -> list[str]:
    """Module functions that only their own file uses, and whose name lacks the `_`."""
    return [
        f"{source.module}.{function.name}"
        for source in sources
        for function in source.module_functions
        if not function.name.startswith("_") and is_for_its_file_alone(source, function, uses)
    ]


def measure(root: Path) -> Iterator[tuple[str, str]]:
    sources = read_sources(root)
    lines = sum(source.lines for source in sources)
    module_functions = [function for source in sources for function in source.module_functions]
    public = [function for function in module_functions if not function.name.startswith("_")]
    yield "modules, lines", f"{len(sources)}, {lines}"
    yield "module functions: public / private", f"{len(public)} / {len(module_functions) - len(public)}"
    yield "public module functions a thousand lines", f"{1000 * len(public) / lines:.1f}"
    open_doors = find_open_doors(sources, Uses(read_sources(root, (*LAYERS, *BESIDE))))
    yield "public, and used by their own file alone", f"{len(open_doors)}: {', '.join(open_doors)}"
    yield from measure_names(sources)
    yield from measure_folders([source for source in sources if source.layer == "runner"], root)


def measure_names(sources: list[Source]) -> Iterator[tuple[str, str]]:
    functions = [function for source in sources for function in source.functions]
    nodes: list[Documented] = [node for source in sources for node in (source.tree, *source.functions, *source.classes)]
    openings = [asks for node in nodes if (asks := opens_with_a_question_word(node)) is not None]
    repeated = find_repeated_classes(sources)
    names = sorted({node.name for source in sources for node in (*source.functions, *source.classes)})
    yield "functions named by a bare participle", share(sum(map(is_bare_participle, functions)), len(functions))
    yield "docstrings that open with What, Who, Whether, Which", share(sum(openings), len(openings))
    yield "class names twice in a layer", f"{len(repeated)}: {', '.join(sorted(repeated))}"
    yield f"{NAMES_DRAWN} names drawn", ", ".join(random.Random(SEED).sample(names, min(NAMES_DRAWN, len(names))))


def measure_folders(sources: list[Source], root: Path) -> Iterator[tuple[str, str]]:
    folders = [f"{folder.relative_to(root)} {count}" for folder, count in count_modules(sources).most_common()]
    yield "largest folders of runner/", ", ".join(folders[:2])
    yield "smallest folder of runner/", folders[-1]
    yield (
        "files of runner/ that import asyncssh",
        ", ".join(each.module for each in sources if each.imports("asyncssh")),
    )


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / max(whole, 1):.1f} %)"


if __name__ == "__main__":
    for title, figure in measure(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()):
        print(f"{title:54} {figure}")
