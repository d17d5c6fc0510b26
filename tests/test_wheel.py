"""The wheel in an empty environment: the command line and the demo work from it alone, in an empty home."""

import os
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree, built as `uv build` and `python -m build` do: by the backend that pyproject.toml names."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing in it but the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", str(folder / "bin" / "python")]
    if subprocess.run([*install, "--only-binary", ":all:", str(wheel)], capture_output=True).returncode != 0:
        # Without a network: the wheel in front of the packages that these tests run with.
        subprocess.run([*install, "--offline", "--no-deps", str(wheel)], check=True, capture_output=True)
        site = next((folder / "lib").glob("python*")) / "site-packages"
        (site / "zz-dependencies.pth").write_text("\n".join(each for each in sys.path if "site-packages" in each))
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty folder to work in, which is the home too."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def run(environment: Path, home: Path, *args: str, path: str = "/usr/bin:/bin") -> "subprocess.CompletedProcess[str]":
    """A command of the environment, which knows nothing of this one."""
    variables = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "NO_COLOR": "1"}
    program = [str(environment / "bin" / args[0]), *args[1:]]
    return subprocess.run(program, cwd=home, env=variables, capture_output=True, text=True, timeout=240)


def test_what_is_imported_is_the_wheels_own(environment: Path, home: Path) -> None:
    names = "sshcast", "schema", "resolvers", "runner", "db"
    found = run(
        environment,
        home,
        "python",
        "-c",
        f"import {', '.join(names)}\nfor m in ({', '.join(names)}): print(m.__file__)",
    )
    assert found.returncode == 0, found.stderr
    assert all(line.startswith(str(environment)) for line in found.stdout.split())
    assert len(found.stdout.split()) == len(names)


def test_version_and_help_need_no_program_beside_python(environment: Path, home: Path) -> None:
    done = run(environment, home, "sshcast", "--version", path="/nowhere")
    assert (done.returncode, done.stdout.strip()) == (0, f"sshcast {version('sshcast')}"), done.stderr
    done = run(environment, home, "sshcast", "--help", path="/nowhere")
    assert done.returncode == 0
    assert "backup" in done.stdout
    assert os.listdir(home) == []


def test_the_demo_runs_to_its_end_in_an_empty_home(environment: Path, home: Path) -> None:
    done = run(environment, home, "sshcast", "demo", "--once", "--port", "0")
    assert done.returncode == 0, done.stderr
    assert "SUCCESS" in done.stdout, done.stdout
    data = home / ".local" / "share" / "sshcast"
    assert data.stat().st_mode & 0o777 == 0o700
    assert set(os.listdir(home)) <= {".local", ".sshcast"}  # the second is the demo target's


def test_backup_and_doctor_work_from_it(environment: Path, home: Path) -> None:
    assert run(environment, home, "sshcast", "migrate").returncode == 0
    done = run(environment, home, "sshcast", "doctor")
    assert "✓ database: it answers" in done.stdout, done.stdout + done.stderr
    done = run(environment, home, "sshcast", "backup", "b.tar", "--without-keys")
    assert (done.returncode, done.stdout.strip()) == (0, "b.tar"), done.stderr


def test_console_examples_and_migrations_are_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    assert {"sshcast/console/console.html", "db/migrations/env.py", "sshcast/console/examples/12_me.graphql"} <= names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "sshcast/console/graphiql/"))]
