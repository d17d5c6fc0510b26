"""The section "From nothing to the first event" of docs/clients.md, followed as it stands in an empty folder.

`npm install` is not run: it takes what tests/npm/tools has, and fails for a package that is not there. `python3 run.py`
does all but install sshcast, as the tests run in its environment.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.client_pages import PAGES, ROOT, read_files
from tests.support.npm import TOOLS, tool_modules
from tests.support.ports import free_port

__all__ = ["tool_modules"]

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]

SECTIONS = ("## From nothing to the first event", "## 从零到第一个事件")
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHOWN_URL, SHOWN_PASSWORD = "http://127.0.0.1:8000", "the password that it printed"
EVENT = re.compile(r'\{"__typename":"StateChange","cursor":"o\d+","state":"(PENDING|RUNNING)"\}')
LAUNCHER = """import sys
sys.path.insert(0, {root!r})
import run
run.set_up = lambda lock: None
run.PYTHON = sys.executable
sys.exit(run.main(sys.argv[1:]))
"""
# The packages of tests/npm/tools in place of those that npm would fetch.
STAND_INS = """set -euo pipefail
npm() {{
  [ "$1" = install ] || {{ command npm "$@" >&2; return; }}
  ln -sfn {modules} node_modules
  for name in "${{@:2}}"; do
    [ "$name" = -D ] || [ -d "node_modules/$name" ] || {{ echo "no $name in tests/npm/tools" >&2; return 1; }}
  done
}}
python3() {{ {python} {launcher} "${{@:2}}"; }}
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo as `python3 run.py` started it, and what it printed."""

    url: str
    password: str


@pytest.fixture
def launcher(tmp_path: Path) -> Path:
    """Stands in for run.py: it is run.py, without the installation."""
    made = tmp_path / "launcher.py"
    made.write_text(LAUNCHER.format(root=str(ROOT)))
    return made


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables of both terminals, with a data folder and a port of the test's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SSHCAST_")}
    own = {"SSHCAST_DATA": str(tmp_path / "data"), "SSHCAST_PORT": str(free_port()), "NO_COLOR": "1"}
    return kept | own | {"npm_config_update_notifier": "false", "NO_PROXY": "127.0.0.1"}


@pytest.fixture
def demo(launcher: Path, environment: dict[str, str]) -> Iterator[Demo]:
    command = [sys.executable, str(launcher)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = ""
        while "It stays up" not in shown:
            line = process.stdout.readline()
            assert line, shown
            shown += line
        url, password = re.search(r"http://127\.0\.0\.1:\d+", shown), re.search(r"Password / 密码 +(\S+)", shown)
        assert url is not None
        assert password is not None
        yield Demo(url[0], password[1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def read_section(page: int) -> str:
    text = PAGES[page].read_text(encoding="utf-8")
    begin = text.index(SECTIONS[page])
    return text[begin : text.find("\n## ", begin + 1) % (len(text) + 1)]


def write_files(folder: Path) -> None:
    for name, text in read_files(PAGES[0].read_text(encoding="utf-8")).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def execute(script: str, folder: Path, environment: dict[str, str]) -> str:
    """Run the script with bash, and return its standard output."""
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_both_pages_have_the_same_commands_and_files() -> None:
    assert SHELL.findall(read_section(0)) == SHELL.findall(read_section(1)) != []
    assert read_files(PAGES[0].read_text(encoding="utf-8")) == read_files(PAGES[1].read_text(encoding="utf-8"))


@pytest.mark.usefixtures("tool_modules")
def test_the_section_leads_to_the_first_event(
    demo: Demo, launcher: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    start, prepare, go = SHELL.findall(read_section(0))
    assert start == "python3 run.py\n"
    begin = STAND_INS.format(modules=TOOLS / "node_modules", python=sys.executable, launcher=launcher)
    prepare = prepare.replace(SHOWN_URL, demo.url).replace(SHOWN_PASSWORD, demo.password)
    exports = "\n".join(line for line in prepare.splitlines() if line.startswith("export "))
    execute(begin + prepare, tmp_path, environment)
    folder = tmp_path / "first-event"
    write_files(folder)
    shown = execute("\n".join((begin, exports, go)), folder, environment)
    assert EVENT.fullmatch(shown.splitlines()[-1]), shown
    (told,) = re.findall(r"^```json\n(.*?)^```$", read_section(0), re.DOTALL | re.MULTILINE)
    assert EVENT.fullmatch(told.strip())
