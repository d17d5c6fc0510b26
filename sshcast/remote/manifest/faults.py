"""Collects what is wrong with files, so that all of it is said at once, each with its line."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sshcast.errors import CommandFailed
from sshcast.notes import Notes
from sshcast.words import choose


@dataclass(frozen=True, slots=True)
class FileMark:
    """A place in a file: `path` is such as `servers[0].port`, or "" for the whole file."""

    file: str
    line: int
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}{choose(': ', '：')}{self.path}" if self.path else f"{self.file}:{self.line}"


@dataclass(slots=True)
class Faults:
    """What is wrong, in the order of the files that were given."""

    files: Sequence[str] = ()
    _found: list[tuple[FileMark, str]] = field(default_factory=list)

    def add(self, mark: FileMark, english: str, chinese: str) -> None:
        self._found.append((mark, choose(english, chinese)))

    def list_lines(self) -> list[str]:
        order = {name: place for place, name in enumerate(self.files)}
        found = sorted(self._found, key=lambda each: (order.get(each[0].file, 0), each[0].line))
        return list(dict.fromkeys(f"{mark}{choose(': ', '：')}{text}" for mark, text in found))

    def raise_any(self) -> None:
        """Say all of them but the last, which is raised."""
        lines = self.list_lines()
        if not lines:
            return
        for line in lines[:-1]:
            Notes().say(f"sshcast: {line}", "red")
        raise CommandFailed(lines[-1])
