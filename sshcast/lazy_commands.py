"""A command line whose commands are imported when they are called: `sshcast run` waits for nothing of the others."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import typer
from typer.core import MarkupMode, TyperCommand, TyperGroup
from typer.main import get_command, get_group

from sshcast.plain_values import read_plainly

COMPLETING = "_SSHCAST_COMPLETE"
"""The variable by which a shell asks what a word can become (`sshcast completion`)."""


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A command, or a group of them: `target` is `module:attribute`, a function or a `typer.Typer`.

    `help` is its line in the list of commands, the first line of its own help: listing imports nothing.
    """

    name: str
    target: str
    help: str
    hidden: bool = False

    def load(self, markup: MarkupMode) -> Any:
        """Import it. `markup`: how its help is shown, as typer's `rich_markup_mode`."""
        module, _, attribute = self.target.partition(":")
        app = getattr(importlib.import_module(module), attribute)
        if isinstance(app, typer.Typer):
            app.rich_markup_mode = markup
            made: Any = get_group(app)
        else:
            alone = typer.Typer(add_completion=False, rich_markup_mode=markup)
            alone.command(self.name)(app)
            made = get_command(alone)
        made.name, made.hidden = self.name, self.hidden
        return read_plainly(made)


class LazyGroup(TyperGroup):
    """The top of the command line. A subclass lists its commands in `table`, in the order of the help."""

    table: ClassVar[Sequence[LazyCommand]] = ()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        read_plainly(self)

    def list_commands(self, ctx: Any) -> list[str]:
        return [each.name for each in self.table]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command to be listed, which cannot be called; one that was loaded can."""
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        found = self._find(cmd_name)
        return None if found is None else TyperCommand(found.name, help=found.help, hidden=found.hidden)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Load the command that is called. One that is unknown is refused as ever, with the names that are near."""
        found = self._find(args[0])
        if found is not None:
            self.commands.setdefault(found.name, found.load(self.rich_markup_mode))
            return found.name, self.commands[found.name], args[1:]
        for each in self.table:
            self.commands.setdefault(each.name, TyperCommand(each.name))  # their names are what is near
        return super().resolve_command(ctx, args)

    def load_all(self) -> None:
        """Load every command, for who looks at all of them."""
        for each in self.table:
            self.commands[each.name] = each.load(self.rich_markup_mode)

    def _find(self, name: str) -> LazyCommand | None:
        return next((each for each in self.table if each.name == name), None)
