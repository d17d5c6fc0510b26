"""Folders in which the tools of tests/npm/tools make client code, each with the schema that is printed now."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from schema.build import format_schema
from tests.support.npm import TOOLS

EXAMPLES = Path(__file__).parent.parent.parent / "graphql_examples"
PROGRAM = EXAMPLES / "clients" / "relay.mjs"


@contextmanager
def tool_project() -> Iterator[Path]:
    """A folder with the packages and `schema.graphql`."""
    with TemporaryDirectory(prefix="sshcast-project-") as name:
        folder = Path(name)
        (folder / "node_modules").symlink_to(TOOLS / "node_modules")
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "schema.graphql").write_text(format_schema())
        yield folder


def compile_relay_program(folder: Path) -> Path:
    """Do what the head of the program says; return the program that node runs."""
    program = Path(shutil.copy(PROGRAM, folder / "relay.js"))
    shutil.copy(TOOLS / "relay.config.json", folder)
    run_tool(folder, "relay-compiler")
    return program


def run_tool(folder: Path, name: str, *args: str) -> str:
    """Run a tool in the folder, and return what it prints; fail unless it succeeds."""
    command = [str(TOOLS / "node_modules" / ".bin" / name), *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_environment(values: dict[str, str]) -> dict[str, str]:
    """The variables of a program, without those of this machine but for where programs are."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | values
