"""The walk in CONTRIBUTING.md, read beside the code: its steps, what each names, and the classes met there."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
LAYERS = ("sshcast", "schema", "resolvers", "runner", "db")
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
STEP = re.compile(r"^(\d+)\. `([\w/]+\.py):([\w.]+)`: (called back|woken|resumed)?", re.MULTILINE)
LEG = re.compile(r"^### ", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| (\d+) \| `([\w/]+\.py)` \| \S.* \|$", re.MULTILINE)

# Strawberry calls the methods of these.
CALLED_BY_FRAMEWORKS = {"Mutation", "Subscription", "SocketHandler"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Place = tuple[str, str]
"""A file and the name of a class in it."""


@dataclass(frozen=True, slots=True)
class Step:
    number: int
    path: str
    name: str
    is_called_back: bool

    @property
    def spoken_names(self) -> set[str]:
        """What a file has to name to lead here: the function or method; or its class, where a framework calls it."""
        owner, _, name = self.name.rpartition(".")
        return {name, owner} if name.startswith("__") or owner in CALLED_BY_FRAMEWORKS else {name}

    @property
    def node(self) -> ast.AST | None:
        """Its definition; None where there is none."""
        found: ast.AST | None = parse(self.path) if (ROOT / self.path).is_file() else None
        for word in self.name.split("."):
            children = ast.iter_child_nodes(found) if found is not None else ()
            found = next((node for node in children if _is_definition(node, word)), None)
        return found


@cache
def parse(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def section(title: str) -> str:
    """What stands under a heading of the second level."""
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def read_legs() -> list[list[Step]]:
    """The steps, leg by leg: between two of them nothing is called, something is woken."""
    parts = LEG.split(section("One run, step by step"))[1:]
    return [
        [Step(int(number), path, name, bool(how)) for number, path, name, how in STEP.findall(part)] for part in parts
    ]


def read_glossary() -> dict[Place, int]:
    """The classes of the glossary, with the step at which each is met first."""
    return {(path, name): int(number) for name, number, path in ROW.findall(section("Glossary"))}


def list_names_used(path: str) -> set[str]:
    """The names that a file reads, calls or imports, whatever they are of."""
    found: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
    return found


def list_classes_met(step: Step) -> set[Place]:
    """The classes of ours that a step's function takes, makes or gives back, and the one that it is in."""
    names = dict(_list_names_of_file(step.path))
    met = {(step.path, word) for word in step.name.split(".")}
    for node in _list_types_and_makers(step.node):
        if isinstance(node, ast.Name) and node.id in names:
            met.add(names[node.id])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            met |= {names[node.value.id], (_path_of(".".join(names[node.value.id])), node.attr)}
    return met & all_classes()


@cache
def all_classes() -> frozenset[Place]:
    paths = [
        path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py")) if "migrations" not in path.parts
    ]
    return frozenset(
        (str(path.relative_to(ROOT)), node.name)
        for path in paths
        for node in parse(str(path.relative_to(ROOT))).body
        if isinstance(node, ast.ClassDef)
    )


def _is_definition(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.ClassDef | Function) and node.name == name


def _list_names_of_file(path: str) -> Iterator[tuple[str, Place]]:
    """What its names stand for: the file and the class; of an imported module, its two halves."""
    for node in parse(path).body:
        if isinstance(node, ast.ClassDef):
            yield node.name, (path, node.name)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in LAYERS:
            for alias in node.names:
                is_module = (ROOT / _path_of(f"{node.module}.{alias.name}")).is_file()
                where = node.module if is_module else _path_of(node.module)
                yield alias.asname or alias.name, (where, alias.name)


def _path_of(module: str) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"


def _list_types_and_makers(node: ast.AST | None) -> Iterator[ast.AST]:
    """What stands in annotations, quoted or not, and what is called. A step that is a whole class tells nothing."""
    if node is None or isinstance(node, ast.ClassDef):
        return
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            yield each.func
        for annotation in (getattr(each, "annotation", None), getattr(each, "returns", None)):
            if isinstance(annotation, ast.AST):
                yield from _walk_annotation(annotation)


def _walk_annotation(annotation: ast.AST) -> Iterator[ast.AST]:
    for each in ast.walk(annotation):
        yield each
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield from ast.walk(ast.parse(each.value, mode="eval"))
