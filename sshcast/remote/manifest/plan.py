"""The steps by which a service becomes what a file says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sshcast.remote.manifest.reader import Item
from sshcast.remote.manifest.snapshot import Known, Name
from sshcast.words import choose

LABELS = {
    "servers": ("server", "服务器"),
    "policies": ("policy of", "策略："),
    "tasks": ("task", "任务"),
    "grants": ("grant of", "授权："),
}


class ApplyAction(StrEnum):
    """What is done with an object."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key, its value on the service (None if there is none), and that of the file. Never a secret.

    What stands for a value that is not shown is a Bilingual.
    """

    key: str
    old: Any
    new: Any


@dataclass(slots=True)
class ApplyStep:
    """One object that is added, changed or deleted. `needs`: the objects that must be there before.

    `given`: what is sent of it, in the form of the file. `fault`: why it was not done.
    """

    kind: str
    name: Name
    action: ApplyAction
    changes: list[KeyChange] = field(default_factory=list)
    given: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[tuple[str, Name], ...] = ()
    item: Item | None = None
    known: Known | None = None
    is_done: bool = False
    fault: str | None = None

    @property
    def label(self) -> str:
        """Return `server web`, `task backup`, `policy of server web` or `grant of alice on tag db`."""
        return f"{choose(*LABELS[self.kind])} {format_name(self.kind, self.name)}"


def format_name(kind: str, name: Name) -> str:
    if kind == "policies":
        return f"{_translate(name[0])} {name[1]}"
    if kind == "grants":
        return f"{name[0]} {choose('on', '在')} {_translate(name[1])} {name[2]}"
    return name[0]


def _translate(word: str) -> str:
    chinese = {"server": "服务器", "task": "任务", "tag": "标签"}
    return choose(word, chinese[word])
