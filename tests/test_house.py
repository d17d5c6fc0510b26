"""The house rules that a program can check: sizes, imports, names, and what may not be committed."""

import ast
import re
import statistics
import subprocess
from functools import cache
from pathlib import Path

import pytest

from bench import house

ROOT = Path(__file__).parent.parent
PACKAGES = ("sshcast", "schema", "resolvers", "runner", "db")
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "misc.py"}
MIGRATIONS = ROOT / "db" / "migrations" / "versions"
ASYNCSSH = {f"runner.ssh.{name}" for name in ("client", "failures", "jumps.tunnel", "keys", "process")}
REGISTRY = re.compile(r"https?://[^\s\"')]*(pypi|pythonhosted|npmjs|debian)\.[a-z]+", re.IGNORECASE)


def sources() -> list[Path]:
    return sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py") if MIGRATIONS not in path.parents)


@cache
def read(path: Path) -> house.Source:
    return house.Source.read(path, ROOT)


def length(function: house.Function) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


@pytest.fixture(scope="module")
def code() -> list[house.Source]:
    return [read(path) for path in sources() if "migrations" not in path.parts]


@pytest.fixture(scope="module")
def tests() -> list[house.Source]:
    return house.read_sources(ROOT, ("tests", "bench"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_at_most_300_lines_and_its_functions_at_most_50_without_imports(path: Path) -> None:
    assert read(path).lines <= 300
    assert path.name not in FORBIDDEN_NAMES
    for function in read(path).functions:
        assert length(function) <= 50, function.name
        assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function)), function.name


def test_functions_are_short_as_a_rule() -> None:
    lengths = sorted(length(function) for path in sources() for function in read(path).functions)
    assert statistics.median(lengths) <= 8
    assert lengths[int(len(lengths) * 0.95)] <= 30


def test_every_module_of_ours_says_what_it_is_for() -> None:
    assert [path for path in sources() if not ast.get_docstring(read(path).tree)] == []


def test_a_folder_of_the_runner_holds_as_much_as_one_sees_at_a_glance(code: list[house.Source]) -> None:
    folders = house.count_modules(source for source in code if source.layer == "runner")
    assert {folder: count for folder, count in folders.items() if not 3 <= count <= 16} == {}


def test_what_a_module_offers_is_told_by_its_names(code: list[house.Source], tests: list[house.Source]) -> None:
    """What only its own file uses starts with `_`; the rest is little enough to be read."""
    assert house.find_open_doors(code, house.Uses(code + tests)) == []
    offered = [each for source in code for each in source.module_functions if not each.name.startswith("_")]
    assert 1000 * len(offered) / sum(source.lines for source in code) <= 40


@pytest.fixture
def small_house(tmp_path: Path) -> Path:
    """One module whose functions are used, each in a way of its own, and one whose functions are not."""
    rooms = tmp_path / "runner" / "rooms"
    rooms.mkdir(parents=True)
    (rooms / "__init__.py").write_text("")
    ways = ["imported", "owned", "packed", "patched", "got", "named", "scripted", "passed"]
    functions = "".join(f"def {name}(): ...\n" for name in ways)
    (rooms / "one.py").write_text(f"{functions}def alone(): ...\n@given\ndef decorated(): alone()\n")
    (rooms / "two.py").write_text("def passed_on(): ...\ndef alone(): ...\ndef _own(): alone()\n")
    (rooms / "user.py").write_text(
        "from runner import rooms\nfrom runner.rooms import one, two\nfrom runner.rooms.one import imported\n"
        "one.owned()\nrooms.one.packed()\npatch('runner.rooms.one.patched')\ngetattr(one, 'got')\n"
        "run('runner.rooms.one:named')\nrun('from runner.rooms.one import scripted; import runner')\n"
        "for each in (one, two): each.passed() or each.passed_on()\n"
    )
    return tmp_path


def test_a_function_that_another_file_names_in_any_way_is_used(small_house: Path) -> None:
    found = house.read_sources(small_house)
    assert house.find_open_doors(found, house.Uses(found)) == ["runner.rooms.one.alone", "runner.rooms.two.alone"]


def test_the_figures_of_the_house_are_printed_for_any_checkout(small_house: Path) -> None:
    figures = dict(house.measure(small_house))
    assert figures["public, and used by their own file alone"].startswith("2: runner.rooms.one.alone, ")
    assert figures["largest folders of runner/"] == "runner/rooms 3"


def test_functions_are_verbs(code: list[house.Source]) -> None:
    named = [function for source in code for function in source.functions]
    assert sum(map(house.is_bare_participle, named)) / len(named) <= 0.02


def test_a_class_name_stands_for_one_thing_in_its_layer(code: list[house.Source]) -> None:
    assert house.find_repeated_classes(code) == {}


def test_five_files_of_the_runner_speak_to_asyncssh(code: list[house.Source]) -> None:
    assert {source.module for source in code if source.layer == "runner" and source.imports("asyncssh")} == ASYNCSSH


def test_no_test_file_is_imported_and_every_helper_is_in_support(tests: list[house.Source]) -> None:
    for source in tests:
        used = {name for name in source.imported_names if name.startswith("tests.")}
        assert {name for name in used if not name.startswith("tests.support.")} - {"tests.support"} == set(), (
            source.path
        )
    helpers = [source for source in tests if source.layer == "tests" and not source.module.startswith("tests.support")]
    stray = [source.path for source in helpers if not source.path.stem.startswith(("test_", "conftest", "__init__"))]
    assert stray == []


def test_no_package_of_the_tests_is_empty() -> None:
    packages = [path.parent for path in (ROOT / "tests").rglob("__init__.py") if "node_modules" not in path.parts]
    assert [folder for folder in packages if len(list(folder.rglob("*.py"))) < 2] == []


def test_no_registry_address_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.splitlines()]
    found = [path for path in files if path.is_file() and REGISTRY.search(path.read_text(errors="replace"))]
    assert found == []
    assert "uv.lock" not in listed.stdout.splitlines()
