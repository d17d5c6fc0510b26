"""Checks assignments to variables whose values other programs run or load."""

from runner.policy import placeholders
from runner.policy.shell import environment
from runner.policy.shell.protocol import SimulatedShell
from runner.policy.shell.state import Values


def inspect_variable(shell: SimulatedShell, name: str, values: Values) -> None:
    """Report and simulate the effects of setting a variable to any of these values."""
    for value in values:
        if environment.loads_code(name, value):
            shell.add_hit("dynamic.environment")
        if environment.is_run_as_command(name) and placeholders.is_known(value):
            text = f'"{value}"' if name.startswith("PS") else value.lstrip("|&-").replace("%s", "x")
            shell.run_text(text, name, lenient=True)
