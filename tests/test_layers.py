"""The layers point downward only, and what stands at the top of the tree is what the house says."""

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOUR = ("schema", "resolvers", "runner", "db")


def test_the_import_contracts_hold() -> None:
    checked = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_no_other_distribution_brings_a_package_of_one_of_our_names() -> None:
    owners = packages_distributions()
    assert {name: owners[name] for name in FOUR if owners.get(name, ["sshcast"]) != ["sshcast"]} == {}


def test_importing_the_packages_reads_no_environment_and_opens_nothing() -> None:
    script = (
        "import os, builtins, socket, sys\n"
        "import sqlalchemy, sqlmodel, strawberry, starlette, uvicorn, asyncssh, croniter, joserfc, typer, rich\n"
        "import structlog, alembic.command, pydantic, httpx2, orjson\n"
        "class Watched(type(os.environ)):\n"
        "    def __getitem__(self, name):\n"
        "        assert not name.startswith('SSHCAST'), name\n"
        "        return super().__getitem__(name)\n"
        "os.environ.__class__ = Watched\n"
        "def refused(*args, **kwargs): raise AssertionError('opened a socket')\n"
        "socket.socket.connect = socket.socket.bind = refused\n"
        "import sshcast.cli\n"
        "from sshcast.commands import *\n"  # each is imported when it is asked for
        "wired = {'schema.build', 'runner.ssh.client', 'sshcast.http_app', 'sshcast.runner_wiring'}\n"
        "assert wired <= set(sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
