"""Someone who types the commands of a page into an interactive bash, one after the other, and answers what is asked."""

import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.support.commands import ROOT, Commands
from tests.support.terminal import Terminal, on_terminal

PROMPT = re.compile(rb"<<(\d+)>>\$ ")
HERE_DOCUMENT = re.compile(r"<<-?'?(\w+)'?")
SECONDS = 90.0
PASSWORD = "correct horse battery"
# run.py without its installation: the tests run in an environment that has everything.
LAUNCHER = """import sys
sys.path.insert(0, {root!r})
import run
run.set_up = lambda lock: None
run.PYTHON = sys.executable
sys.exit(run.main(sys.argv[1:]))
"""
BEGIN = """PS1='<<$?>>$ '; bind 'set enable-bracketed-paste off'
python3() {{ if [ "${{1##*/}}" = run.py ]; then {python} {launcher} "${{@:2}}"; else command python3 "$@"; fi; }}
"""


@dataclass(slots=True)
class Typist:
    """`shown`: what each command that was typed showed, by its text. `changes`: what to type instead of some texts."""

    terminal: Terminal
    changes: Mapping[str, str]
    answers: Mapping[str, tuple[tuple[bytes, str], ...]]
    shown: dict[str, str] = field(default_factory=dict)

    def type(self, command: str, seconds: float = SECONDS) -> str:
        """Type a command as a page has it, changed, and return what it showed. It must succeed, within the seconds."""
        begin = len(self.terminal.shown)
        typed = command
        for old, new in self.changes.items():
            typed = typed.replace(old, new)
        self.terminal.type(f"{typed}\n")
        for start, questions in self.answers.items():
            for question, answer in questions if command.startswith(start) else ():
                self.terminal.wait_for(question)
                self.terminal.type(f"{answer}\n")
        found = self.terminal.wait_for_match(PROMPT, begin, seconds)
        shown = self.terminal.shown[begin:].decode(errors="replace").replace("\r\n", "\n")
        assert found[1] == b"0", shown
        self.shown[command] = shown
        return shown


def split_commands(block: str) -> Iterator[str]:
    """Yield the commands of a block of shell, without comments.

    One may have several lines: within single quotes, after a backslash, and in a here-document.
    """
    command = ""
    for line in block.splitlines():
        command += line if command else re.sub(r"(^|\s+)#.*", "", line)
        here = HERE_DOCUMENT.search(command)
        if command.count("'") % 2 == 1 or command.endswith("\\") or (here and line != here[1]):
            command += "\n"
            continue
        if command:
            yield command
        command = ""


@contextmanager
def typing_in_bash(
    commands: Commands,
    folder: Path,
    *,
    changes: Mapping[str, str],
    answers: Mapping[str, tuple[tuple[bytes, str], ...]],
) -> Iterator[Typist]:
    """An interactive bash in the folder of this repository, with `python3 run.py` as it is without the installation."""
    launcher, begin = folder / "launcher.py", folder / "begin"
    launcher.write_text(LAUNCHER.format(root=str(ROOT)))
    begin.write_text(BEGIN.format(python=sys.executable, launcher=launcher))
    with on_terminal(commands, "bash", "--norc", "--noprofile", "-i") as terminal:
        typist = Typist(terminal, changes, answers)
        terminal.type(f". {begin}\n")
        terminal.wait_for(b"<<0>>$ ")
        try:
            yield typist
        finally:
            terminal.type("\nkill %1; wait; echo all''ended\n")
            terminal.wait_for(b"allended")


def wait_until_served(port: int) -> None:
    """Return when a service answers there; the shell has it in the background."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service does not answer")
