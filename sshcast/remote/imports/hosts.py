"""What the readers find of a host, whichever file it is in."""

from dataclasses import dataclass

from sshcast.words import Bilingual


class Unreadable(Exception):
    """Something in a file that a host needs, and why it cannot be taken over."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self.reason = Bilingual(english, chinese)


@dataclass(frozen=True, slots=True)
class Hop:
    """A jump server as it is written: `[USER@]HOST[:PORT]`."""

    host: str
    user: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        name = self.host if self.user is None else f"{self.user}@{self.host}"
        return name if self.port is None else f"{name}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedHost:
    """A host as its file describes it. `fault`: why it cannot be imported.

    `keys`: private key files, the first that exists counts; none: the file names none. `jumps`: in the order in which
    they are passed. `tags` is None where the file has no groups.
    """

    name: str
    host: str
    where: str
    port: int = 22
    user: str | None = None
    keys: tuple[str, ...] = ()
    certificate: str | None = None
    password: str | None = None
    jumps: tuple[Hop, ...] = ()
    alias: str | None = None
    tags: tuple[str, ...] | None = None
    fault: str | None = None
