"""One owner: where a run is driven, an object's fields are written by its own methods only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("execution", "output", "remote")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / "runner" / room).rglob("*.py"))
WRITES = (ast.Store, ast.Del)

OWN = """
class Own:
    def __init__(self, other):
        self.field = other.field
        self.fields[other] = self.count = 1

    @classmethod
    def load(cls, other):
        made = cls(other)
        made.field, made.fields["x"] = 1, 2
        found = other.copy()
        found, wanted = made.field, made
        return made
"""
FOREIGN = [
    "def f(other): other.field = 1",
    "def f(other): other.field += 1",
    "def f(other): other.field: int = 1",
    "def f(other): del other.field",
    "def f(other): other.fields['x'] = 1",
    "def f(other): setattr(other, 'field', 1)",
    "def f(other):\n    for other.field in (1, 2): pass",
    "def f(other):\n    with open('x') as other.field: pass",
    "def f(other): mine, (other.field, *rest) = 1, (2, 3)",
    "class A:\n    def f(self): self.other.field = 1",
    "class A:\n    def f(self): self.other.fields[1] = 1",
    "def f(other):\n    found = other.find()\n    found.field = 1",
    "def f(other):\n    made = A()\n    made.other.field = 1",
    "def f(other):\n    def inner(): other.field = 1",
    "def f(other):\n    made = A()\n    made = other\n    made.field = 1",
]


def foreign_writes(source: str) -> list[str]:
    """The assignments to a field of an object that is neither the method's own nor made in the same function."""
    return [found for node in ast.walk(ast.parse(source)) if is_function(node) for found in in_function(node)]


def is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def in_function(function: ast.AST) -> Iterator[str]:
    own = {"self", "cls"} | made_in(function)
    for node in own_nodes(function):
        owner = written_owner(node)
        if owner is not None and not (isinstance(owner, ast.Name) and owner.id in own):
            yield ast.unparse(node)


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those of functions within, which are looked at by themselves."""
    for child in ast.iter_child_nodes(function):
        if not is_function(child):
            yield child
            yield from own_nodes(child)


def written_owner(node: ast.AST) -> ast.expr | None:
    """Whose field this writes, if it writes one: `a` in `a.b = 1`, `del a.b`, `a.b[c] = 1` and `setattr(a, "b", 1)`."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, WRITES):
        return node.value
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, WRITES) and isinstance(node.value, ast.Attribute):
        return node.value.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
        return node.args[0]
    return None


def made_in(function: ast.AST) -> set[str]:
    """Names that stand for nothing but objects that the function makes: `made = Thing(…)` or `made = cls(…)`."""
    bound: dict[str, list[bool]] = {}
    for node in own_nodes(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            bound.setdefault(node.targets[0].id, []).append(makes(node.value))
    return {name for name, values in bound.items() if all(values)}


def makes(value: ast.expr) -> bool:
    if not isinstance(value, ast.Call):
        return False
    name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    return name == "cls" or name.lstrip("_")[:1].isupper()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_module_that_drives_a_run_writes_a_field_of_another_object(path: Path) -> None:
    assert foreign_writes(path.read_text()) == []


@pytest.mark.parametrize("source", FOREIGN)
def test_a_write_into_another_object_is_found(source: str) -> None:
    assert len(foreign_writes(source)) == 1


def test_an_object_may_write_its_own_fields_and_those_of_what_it_has_just_made() -> None:
    assert foreign_writes(OWN) == []
