"""Completion of the command line, as bash, zsh and fish do it with the scripts that `sshcast completion` prints.

In bash and zsh, keys are typed on a terminal, and a function called sshcast shows the words that the line came to.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sshcast.remote.contexts import Context, Contexts, ContextStore
from tests.support.commands import Commands
from tests.support.remote import Remote
from tests.support.terminal import Terminal, on_terminal

SHELLS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": ("fish", "--no-config"),
}
# Tab lists at once, and the line can be told from what was typed.
BEGIN = {
    "bash": "PS1='> '; bind 'set show-all-if-ambiguous on'; bind 'set enable-bracketed-paste off'",
    "zsh": "PS1='> '; autoload -Uz compinit; compinit -u -D; unset zle_bracketed_paste",
}
WORDS = "sshcast() { printf 'GOT'; printf ' <%s>' \"$@\"; echo; }"
HOSTILE = "$(touch INJECTED)`touch INJECTED`"


def require(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


@contextmanager
def in_shell(remote: Remote, shell: str, folder: Path) -> Iterator[Terminal]:
    """An interactive shell in `folder` with the script and the function."""
    require(shell)
    script = folder / "completion"
    script.write_text(remote.output("completion", shell))
    with on_terminal(remote.commands, *SHELLS[shell]) as terminal:
        terminal.type(f"cd {folder}; {BEGIN[shell]}; . {script}; {WORDS}; echo READ''Y\n")
        terminal.wait_for(b"READY")
        yield terminal


def complete(terminal: Terminal, line: str) -> list[str]:
    """The words of a line once Tab was pressed at its end, and Enter."""
    terminal.type(f"{line}\t")
    terminal.type("\n")
    shown = terminal.wait_for(b"GOT ").rsplit(b"GOT ", 1)[1]
    while b"\n" not in shown:
        shown = terminal.wait_for(b"\n").rsplit(b"GOT ", 1)[1]
    return [word.strip().strip("<>") for word in shown.partition(b"\n")[0].decode().split()]


def complete_with_fish(remote: Remote, line: str, folder: Path) -> list[str]:
    """What fish itself offers for the last word of a line."""
    require("fish")
    script = folder / "completion"
    script.write_text(remote.output("completion", "fish"))
    given = {"HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    command = [*SHELLS["fish"], "-c", f"source {script}; complete --do-complete '{line}'"]
    done = subprocess.run(
        command, cwd=folder, env=remote.commands.environment() | given, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


def ask(commands: Commands, line: str) -> tuple[list[str], str]:
    """What bash's script is answered for the last word of a line, and what is said on stderr."""
    words = line.split(" ")
    given = {"_SSHCAST_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = Commands(commands.data, commands.variables | given).run()
    return done.stdout.decode().split(), done.stderr.decode()


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_options_choices_contexts_and_servers(
    remote: Remote, shell: str, tmp_path: Path
) -> None:
    with in_shell(remote, shell, tmp_path) as terminal:
        assert complete(terminal, "sshcast sched") == ["schedule"]
        assert complete(terminal, "sshcast run --merge") == ["run", "--merge-streams"]
        assert complete(terminal, "sshcast context use loc") == ["context", "use", "localhost"]
        assert complete(terminal, "sshcast task list --context localhost --server de")[-1] == "demo"


def test_fish_offers_the_same_with_their_help(remote: Remote, tmp_path: Path) -> None:
    assert complete_with_fish(remote, "sshcast run --merge", tmp_path) == ["--merge-streams"]
    assert complete_with_fish(remote, "sshcast server show ", tmp_path) == ["demo"]
    assert complete_with_fish(remote, "sshcast completion ", tmp_path) == ["bash", "fish", "zsh"]
    (tmp_path / "a file").touch()
    assert complete_with_fish(remote, "sshcast server add web --key a", tmp_path) == ["a file"]


def test_names_of_tasks_are_offered_and_a_hostile_one_by_its_id(remote: Remote, tmp_path: Path) -> None:
    """A name comes from whoever may make a task, and the scripts evaluate what they are given."""
    remote.output("task", "add", "磁盘检查", "--server", "demo", "--disabled", "--", "df -h")
    made = remote.output("task", "add", HOSTILE, "--server", "demo", "--disabled", "--", "true")
    offered, said = ask(remote.commands, "sshcast task show ")
    assert "磁盘检查" in offered
    assert made in offered
    assert not any("INJECTED" in each for each in offered)
    assert said == ""
    for shell in ("bash", "zsh"):
        with in_shell(remote, shell, tmp_path) as terminal:
            assert complete(terminal, "sshcast task show 磁") == ["task", "show", "磁盘检查"]
    assert made in complete_with_fish(remote, "sshcast task show ", tmp_path)
    assert not (tmp_path / "INJECTED").exists()


def test_nothing_is_offered_without_a_context_or_with_local_or_for_a_wrong_context(remote: Remote) -> None:
    alone = Commands(remote.commands.data, remote.commands.variables | {"XDG_CONFIG_HOME": "/nonexistent"})
    assert ask(alone, "sshcast server show ") == ([], "")
    assert ask(alone, "sshcast context use ") == ([], "")
    assert ask(remote.commands, "sshcast server show --local ") == ([], "")
    assert ask(remote.commands, "sshcast server show --context other ") == ([], "")
    assert ask(remote.commands, "sshcast server show --context localhost ") == (["demo"], "")


def test_a_silent_service_is_given_up_after_a_second_without_a_word(remote: Remote, tmp_path: Path) -> None:
    found = ContextStore(remote.config / "sshcast" / "contexts.json").load()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        context = Context("silent", address, "admin", None, found.every["localhost"].session)
        (tmp_path / "sshcast").mkdir()
        ContextStore(tmp_path / "sshcast" / "contexts.json").save(Contexts({"silent": context}, "silent"))
        commands = Commands(remote.commands.data, remote.commands.variables | {"XDG_CONFIG_HOME": str(tmp_path)})
        begin = time.monotonic()
        assert ask(commands, "sshcast context use ") == (["silent"], "")
        without = time.monotonic() - begin
        assert ask(commands, "sshcast server show ") == ([], "")
        assert time.monotonic() - begin - without < without + 6
    assert ask(commands, "sshcast server show ") == ([], "")


def test_a_damaged_file_of_contexts_offers_nothing_and_says_nothing(remote: Remote, tmp_path: Path) -> None:
    (tmp_path / "sshcast").mkdir()
    (tmp_path / "sshcast" / "contexts.json").write_text("[]")
    commands = Commands(remote.commands.data, remote.commands.variables | {"XDG_CONFIG_HOME": str(tmp_path)})
    assert ask(commands, "sshcast context use ") == ([], "")
    assert ask(commands, "sshcast server show ") == ([], "")


def test_another_shell_is_refused_with_the_shells_that_there_are(remote: Remote) -> None:
    said = remote.refusal("completion", "tcsh", status=2)
    assert all(shell in said for shell in SHELLS)
