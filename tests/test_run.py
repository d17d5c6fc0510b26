"""run.py: standard library only, short, and clear about what fails."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "run.py"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with what the set-up reads, and no environment yet."""
    for name in ("run.py", "pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def script(copy: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_script", copy / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_short_and_needs_the_standard_library_only() -> None:
    tree = ast.parse(SCRIPT.read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names)
    assert SCRIPT.read_text().count("\n") < 120


def test_an_old_python_is_told_what_is_needed(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert "needs Python 3.11 or newer" in script.main([])


@pytest.mark.parametrize(
    ("args", "ran"),
    [
        ([], ["-m", "sshcast", "demo"]),
        (["--once"], ["-m", "sshcast", "demo", "--once"]),
        (["serve", "--port", "1"], ["-m", "sshcast", "serve", "--port", "1"]),
        (["test", "-k", "x"], ["-m", "pytest", "-k", "x"]),
        (["faults"], ["-m", "pytest", "-m", "faults", "-n", "0", "--timeout", "0"]),
        (["thorough", "-q"], ["-m", "pytest", "-m", "thorough", "-n", "auto", "--timeout", "0", "-q"]),
    ],
)
def test_what_it_is_asked_decides_what_it_runs_and_installs(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, args: list[str], ran: list[str]
) -> None:
    monkeypatch.setenv("SSHCAST_SUITE", "")
    monkeypatch.chdir(ROOT)
    locks: list[str] = []
    commands: list[list[str]] = []
    monkeypatch.setattr(script, "set_up", locks.append)
    monkeypatch.setattr(os, "execv", lambda path, command: commands.append(command[1:]))
    script.main(args)
    assert commands == [ran]
    assert locks == ["requirements-dev.txt" if "pytest" in ran else "requirements.txt"]


def test_help_needs_no_set_up(copy: Path) -> None:
    for word in ("-h", "--help"):
        done = subprocess.run([sys.executable, copy / "run.py", word], capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stderr) == (0, "")
        assert "python3 run.py test" in done.stdout
    assert not (copy / ".venv").exists()


def test_what_a_stamp_says_is_done_is_not_done_again(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def noted(name: str, *command: object, seconds: float | None = None) -> bool:
        steps.append(name)
        return True

    monkeypatch.setattr(script, "step", noted)
    (script.VENV / "bin").mkdir(parents=True)
    script.PYTHON.touch()
    script.set_up("requirements.txt")
    assert any("locked packages" in name for name in steps)
    steps.clear()
    script.set_up("requirements.txt")
    assert steps == []
    (script.ROOT / "requirements.txt").write_text("changed\nuv==1\n    # via")
    script.set_up("requirements.txt")
    assert any("locked packages" in name for name in steps)


def test_a_failed_installation_says_what_to_do_and_is_tried_again(copy: Path) -> None:
    """No uv on PATH, and an index that does not answer."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(copy),
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_RETRIES": "0",
    }
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
    for _ in range(2):
        ran = subprocess.run(
            [sys.executable, copy / "run.py"], env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 1
        assert "What to do: check the network" in ran.stderr
        assert "Installing the locked packages with pip" in ran.stderr
        assert "Traceback" not in ran.stderr


def test_what_is_installed_is_compiled_for_starts_that_may_write_no_bytecode(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uv is told so; pip compiles by itself; what is ours is compiled after its installation."""
    steps: list[tuple[object, ...]] = []

    def noted(name: str, *command: object, seconds: float | None = None) -> bool:
        steps.append(command)
        return True

    monkeypatch.setattr(script, "step", noted)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/uv" if name == "uv" else None)
    (script.VENV / "bin").mkdir(parents=True)
    script.PYTHON.touch()
    script.set_up("requirements.txt")
    installs = [command for command in steps if "install" in command]
    assert len(installs) == 2
    assert all("--compile-bytecode" in command for command in installs)
    assert steps[-1] == (script.PYTHON, "-m", "compileall", "-q", *script.OURS)


def test_compiling_writes_bytecode_for_every_file_of_ours_though_starts_write_none(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    for name in script.OURS:
        assert (ROOT / name / "__init__.py").is_file()
        (script.ROOT / name).mkdir()
        (script.ROOT / name / "__init__.py").write_text("")
    assert script.step("Compiling sshcast", sys.executable, "-m", "compileall", "-q", *script.OURS)
    assert len(list(script.ROOT.glob("*/__pycache__/__init__.*.pyc"))) == len(script.OURS)
