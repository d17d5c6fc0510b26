"""Runs the programs of graphql_examples/clients/ as a reader would: with node, sh or python."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from anyio import to_thread

from tests.support.npm import MODULES
from tests.support.rest import PASSWORD

PROGRAMS = Path(__file__).parent.parent.parent / "graphql_examples" / "clients"
INTERPRETERS = {".mjs": "node", ".sh": "sh", ".py": sys.executable}
TOOLS = {".mjs": ("node", "npm"), ".sh": ("sh", "curl", "jq"), ".py": ()}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended, and the bytes that it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


def parametrize_programs(*names: str) -> pytest.MarkDecorator:
    """Run a test for each program, as its `program`; skip those whose interpreter or tools this machine lacks."""
    return pytest.mark.parametrize("program", [pytest.param(name, marks=_skip_if_missing(name)) for name in names])


def _skip_if_missing(name: str) -> pytest.MarkDecorator:
    missing = [tool for tool in TOOLS[Path(name).suffix] if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"no {' and '.join(missing)} on this machine")


async def run_program(name: str, url: str, task_id: int, user: str, *, seconds: float = 60) -> Finished:
    """Run graphql_examples/clients/NAME to its end. A node program needs the fixture `node_modules`."""
    given = {"SSHCAST_URL": url, "SSHCAST_USER": user, "SSHCAST_PASSWORD": PASSWORD, "SSHCAST_TASK": str(task_id)}
    return await to_thread.run_sync(partial(_run, PROGRAMS / name, given, seconds))


def _run(program: Path, given: dict[str, str], seconds: float) -> Finished:
    if program.suffix != ".mjs":
        return _execute(program, given, seconds)
    # node looks for packages from where the file is, so it runs a copy of the program among the packages.
    with TemporaryDirectory(prefix=".program-", dir=MODULES) as folder:
        return _execute(Path(shutil.copy(program, folder)), given, seconds)


def _execute(program: Path, given: dict[str, str], seconds: float) -> Finished:
    interpreter = shutil.which(INTERPRETERS[program.suffix])
    assert interpreter is not None
    path = f"{Path(interpreter).parent}:{PATH}"
    done = subprocess.run(
        [interpreter, str(program)],
        capture_output=True,
        env={"PATH": path, "HOME": str(program.parent), "LANG": "C.UTF-8"} | given,
        stdin=subprocess.DEVNULL,
        timeout=seconds,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)
