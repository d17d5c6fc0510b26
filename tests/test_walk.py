"""CONTRIBUTING.md walks through one run by names that are there, in an order in which each leads to the next."""

import ast
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.walk import (
    ROOT,
    TEXT,
    Function,
    Step,
    all_classes,
    list_classes_met,
    list_names_used,
    read_glossary,
    read_legs,
    section,
)

LEGS = read_legs()
STEPS = [step for leg in LEGS for step in leg]
BACKTICKED_PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.\w+|[\w-]+\.(?:md|toml))[`:]")
LINK = re.compile(r"\]\(([\w./-]*)(?:#([^)]+))?\)")
# A store has connections of its driver's, which are awaited; a unit has SQLAlchemy's.
DRIVERS = ("db/postgres_store.py",)
DOCUMENTS = ("CONTRIBUTING.md", "SECURITY.md", "docs/decisions.md")


def test_the_steps_are_numbered_through_and_none_is_written_otherwise() -> None:
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))
    assert len(STEPS) == len(re.findall(r"^\d+\. ", section("One run, step by step"), re.MULTILINE)) > 30


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.number} {step.path}:{step.name}")
def test_a_step_names_a_function_or_class_that_is_there(step: Step) -> None:
    assert step.node is not None


def test_a_function_that_is_named_beside_the_steps_is_there_too() -> None:
    named = re.findall(r"`([\w/]+\.py):([\w.]+)`", TEXT)
    assert len(named) > len(STEPS)
    assert [at for at in named if Step(0, at[0], at[1], is_called_back=False).node is None] == []


@pytest.mark.parametrize("leg", LEGS, ids=lambda leg: f"{leg[0].number}-{leg[-1].number}")
def test_a_step_is_named_in_the_file_of_one_before_it(leg: list[Step]) -> None:
    """Of one on its leg; one that is called back, of any: it was handed over there."""
    lost = []
    for step in leg[1:]:
        first = 1 if step.is_called_back else leg[0].number
        before = {earlier.path for earlier in STEPS[first - 1 : step.number - 1]}
        if not any(step.spoken_names & list_names_used(path) for path in before):
            lost.append(step)
    assert lost == []


def test_the_glossary_has_each_class_that_the_walk_meets_where_it_meets_it_first() -> None:
    met: dict[tuple[str, str], int] = {}
    for step in STEPS:
        for place in list_classes_met(step):
            met.setdefault(place, step.number)
    assert read_glossary() == met


def test_the_glossary_is_in_the_order_of_the_walk_and_each_name_means_one_class_in_its_layer() -> None:
    numbers = list(read_glossary().values())
    assert numbers == sorted(numbers)
    for path, name in read_glossary():
        layer = path.partition("/")[0]
        assert [place for place in all_classes() if place[1] == name and place[0].startswith(f"{layer}/")] == [
            (path, name)
        ]


def test_every_folder_of_the_packages_is_on_the_map() -> None:
    drawn = set(re.findall(r"^\| `((?:\w+/)+)` \|", section("Layers and rooms"), re.MULTILINE))
    folders = {
        f"{path.relative_to(ROOT)}/"
        for layer in ("sshcast", "runner")
        for path in (ROOT / layer).iterdir()
        if (path / "__init__.py").is_file()
    }
    assert folders - drawn == set()
    assert [name for name in drawn if not (ROOT / name).is_dir()] == []


@pytest.fixture(scope="module")
def files() -> list[str]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True)
    if found.returncode != 0:
        pytest.skip("not a git checkout")
    return [f"/{name}" for name in found.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_and_links_that_a_document_names_are_there(document: str, files: list[str]) -> None:
    text, folder = (ROOT / document).read_text(), (ROOT / document).parent
    named = BACKTICKED_PATH.findall(text)
    assert [name for name in named if not any(file.endswith(f"/{name}") for file in files)] == []
    assert [name for name, _ in LINK.findall(text) if name and not (folder / name).exists()] == []


def test_each_decision_has_its_day_and_stands_in_the_index_once() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text()
    index, _, rest = text.partition("\n## Index\n")[2].partition("\n\n## ")
    decisions = re.findall(
        r"^## (.+)\n\n\*(\d{4}-\d\d-\d\d)(?:, revised \d{4}-\d\d-\d\d)?\*\n\n\S", f"## {rest}", re.MULTILINE
    )
    assert len(decisions) == len(re.findall(r"^## ", f"## {rest}", re.MULTILINE)) > 60
    entries = re.findall(r"^- \[(.+)\]\(#([^)]+)\), (\d{4}-\d\d-\d\d)$", index, re.MULTILINE)
    assert sorted((title, day) for title, _, day in entries) == sorted(decisions)
    anchors = {title: re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title, _ in decisions}
    assert [title for title, anchor, _ in entries if anchors[title] != anchor] == []


def list_functions(layer: str) -> Iterator[tuple[str, Function, list[str]]]:
    """Each function of a layer: its file, itself, and its parameters' names without `self` or `cls`."""
    for path in sorted((ROOT / layer).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, Function):
                names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args) if arg.arg not in ("self", "cls")]
                yield str(path.relative_to(ROOT)), node, names


@pytest.mark.parametrize("layer", ["resolvers", "db"])
def test_a_caller_and_a_connection_come_first_and_a_unit_awaits_nothing(layer: str) -> None:
    misplaced = [
        (path, node.name)
        for path, node, names in list_functions(layer)
        if {"ctx", "conn"} & set(names[1:]) or {"ctx", "conn"} <= set(names)
    ]
    waiting = [
        (path, node.name)
        for path, node, names in list_functions(layer)
        if names[:1] == ["conn"] and isinstance(node, ast.AsyncFunctionDef) and path not in DRIVERS
    ]
    assert (misplaced, waiting) == ([], [])
