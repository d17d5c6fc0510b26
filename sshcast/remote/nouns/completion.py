"""`sshcast completion SHELL`: prints the script with which a shell completes commands, options and names.

The script calls this Python again for each Tab, with the words of the line in its environment.
"""

import importlib
import shlex
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.completion import get_completion_inspect_parameters

from sshcast.lazy_commands import COMPLETING

BASH = """
_sshcast_completion() {
    local IFS=$'\\n'
    COMPREPLY=( $(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" VARIABLE=complete_bash \\
        PROGRAM 2>/dev/null) )
}
complete -o default -F _sshcast_completion sshcast
"""
ZSH = """
#compdef sshcast
_sshcast_completion() {
    eval "$(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" VARIABLE=complete_zsh PROGRAM 2>/dev/null)"
}
compdef _sshcast_completion sshcast
"""
FISH = """
function __sshcast_completion
    set -l found (env _TYPER_COMPLETE_ARGS=(commandline -cp | string collect) \\
        _TYPER_COMPLETE_FISH_ACTION=get-args VARIABLE=complete_fish PROGRAM 2>/dev/null | string match -v '')
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --command sshcast --no-files --arguments '(__sshcast_completion)'
"""


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


SCRIPTS = {Shell.BASH: BASH, Shell.ZSH: ZSH, Shell.FISH: FISH}


def show_script(
    shell: Annotated[Shell, typer.Argument(help="The shell that is to complete.")],
) -> None:
    """Print the script that lets a shell complete commands, options and names. See docs/command-line.md."""
    # Not the word `sshcast` of the line: that may be an alias. -P: the folder that one is in may have a sshcast/.
    program = f"{shlex.quote(sys.executable)} -P -m sshcast"
    typer.echo(SCRIPTS[shell].strip().replace("PROGRAM", program).replace("VARIABLE", COMPLETING))


def answer(command: Any) -> None:
    """Print what the last word of a shell's line can become, and exit. Nothing is run and nothing else is printed.

    `command`: the whole command line, with every command loaded.
    """
    get_completion_inspect_parameters()  # makes the shells known to typer
    importlib.import_module("sshcast.remote.completion_values").add_to(command)
    command.main(prog_name="sshcast")
