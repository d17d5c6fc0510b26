"""The house rules that a program can check: sizes, imports, names, and what may not be committed."""

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("sshcast", "schema", "resolvers", "runner", "db")
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}
MIGRATIONS = ROOT / "db" / "migrations" / "versions"
REGISTRY = re.compile(r"https?://[^\s\"')]*(pypi|pythonhosted|npmjs|debian)\.[a-z]+", re.IGNORECASE)


def sources() -> list[Path]:
    return sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py") if MIGRATIONS not in path.parents)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_at_most_300_lines_and_its_functions_at_most_50_without_imports(path: Path) -> None:
    assert path.read_text().count("\n") <= 300
    assert path.name not in FORBIDDEN_NAMES
    for function in functions(path):
        assert length(function) <= 50, function.name
        assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function)), function.name


def test_functions_are_short_as_a_rule() -> None:
    lengths = sorted(length(function) for path in sources() for function in functions(path))
    assert statistics.median(lengths) <= 8
    assert lengths[int(len(lengths) * 0.95)] <= 30


def test_every_module_of_ours_says_what_it_is_for() -> None:
    assert [path for path in sources() if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_no_registry_address_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.splitlines()]
    found = [path for path in files if path.is_file() and REGISTRY.search(path.read_text(errors="replace"))]
    assert found == []
    assert "uv.lock" not in listed.stdout.splitlines()
