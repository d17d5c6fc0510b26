"""GraphQL Code Generator makes types of the whole schema and of every example, and TypeScript accepts them."""

import json
import re
import shutil
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, OperationType, parse

from tests.support.npm import TOOLS, tool_modules
from tests.support.tool_projects import EXAMPLES, run_tool, tool_project

__all__ = ["tool_modules"]

pytestmark = [pytest.mark.clients, pytest.mark.usefixtures("tool_modules"), pytest.mark.timeout(300)]

TSC = ("--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom", "usage.ts")


def list_operations() -> set[str]:
    """The names of the types of all operations of the examples."""
    parsed = [parse(path.read_text()) for path in EXAMPLES.glob("*.graphql")]
    operations = [each for document in parsed for each in document.definitions]
    kinds = {operation: operation.value.capitalize() for operation in OperationType}
    return {
        f"{each.name.value}{kinds[each.operation]}"
        for each in operations
        if isinstance(each, OperationDefinitionNode) and each.name
    }


def generate(folder: Path, config: str) -> None:
    shutil.copytree(EXAMPLES, folder / "operations", ignore=shutil.ignore_patterns("clients"))
    shutil.copy(TOOLS / "usage.ts", folder)
    (folder / "codegen.mjs").write_text(config)
    run_tool(folder, "graphql-codegen", "--config", "codegen.mjs")


def test_the_documented_configuration_makes_types_that_typescript_accepts_strictly() -> None:
    with tool_project() as folder:
        generate(folder, (TOOLS / "codegen.mjs").read_text())
        run_tool(folder, "tsc", *TSC)
        made = (folder / "generated" / "operations.ts").read_text()
    assert list_operations() <= set(re.findall(r"^export type (\w+) =", made, re.MULTILINE))


@pytest.mark.parametrize("scalar", ["DateTime", "Long"])
def test_strict_scalars_want_every_scalar_of_the_map(scalar: str) -> None:
    config = (TOOLS / "codegen.mjs").read_text()
    short = config.replace(f', {scalar}: "string"', "").replace(f', {scalar}: "number"', "")
    assert short != config
    with tool_project() as folder, pytest.raises(AssertionError, match=f"Unknown scalar type {scalar}"):
        generate(folder, short)


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((TOOLS / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
