"""Commands are imported when they are called, and listed without being imported."""

import subprocess
import sys

import pytest

from sshcast.cli import TABLE, load_commands
from sshcast.lazy_commands import LazyCommand
from tests.support.commands import ROOT, Commands


@pytest.mark.parametrize("command", TABLE, ids=lambda command: str(command.name))
def test_the_list_shows_the_first_line_of_a_command_s_own_help(command: LazyCommand) -> None:
    loaded = load_commands().commands[command.name]
    assert loaded.help.partition("\n")[0] == command.help
    assert (loaded.name, loaded.hidden) == (command.name, command.hidden)


def test_a_command_imports_none_of_the_others() -> None:
    script = "import sys; sys.argv = ['sshcast', 'run', '--help']\nfrom sshcast.cli import main\ntry: main()\nfinally: "
    script += "print(*(name for name in sys.modules if name.startswith(('sshcast.remote.nouns.', 'sshcast.cli_'))))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    found = set(done.stdout.splitlines()[-1].split())
    assert found <= {"sshcast.cli_runs", "sshcast.cli_options"}


def test_an_unknown_command_is_refused_with_those_that_are_near(commands: Commands) -> None:
    done = commands.within("tsk", "list")
    assert done.returncode == 2
    said = done.stderr.decode()
    assert "No such command 'tsk'" in said
    assert "'task'" in said


@pytest.fixture
def commands(tmp_path: object) -> Commands:
    return Commands(ROOT / "nowhere")
