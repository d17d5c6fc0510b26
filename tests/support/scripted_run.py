"""A run that does what a test says, in the place of one on a target."""

from collections.abc import Awaitable, Callable
from functools import partial

from runner.execution.drive import Drive, Run, RunStrategy
from runner.execution.outcome import Outcome
from runner.ssh.protocol import ShellSource

Script = Callable[[Drive, ShellSource], Awaitable[Outcome]]


class ScriptedRun(Run):
    def __init__(self, script: Script, drive: Drive, shells: ShellSource) -> None:
        self._script = script
        self._drive = drive
        self._shells = shells

    async def execute(self) -> Outcome:
        return await self._script(self._drive, self._shells)


def follow(script: Script) -> RunStrategy:
    """The way of running that is `script`."""
    return partial(ScriptedRun, script)
