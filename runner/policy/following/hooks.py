"""Variables whose values other programs run or load."""

from runner.policy import marks
from runner.policy.following.shell import Shell
from runner.policy.following.state import Values
from runner.policy.rules import environment


def look_into(shell: Shell, name: str, values: Values) -> None:
    """What follows from setting a variable to one of these."""
    for value in values:
        if environment.loads(name, value):
            shell.hit("dynamic.environment")
        if environment.is_text(name) and marks.known(value):
            text = f'"{value}"' if name.startswith("PS") else value.lstrip("|&-").replace("%s", "x")
            shell.text(text, name, lenient=True)
