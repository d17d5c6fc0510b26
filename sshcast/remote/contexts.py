"""Keeps the services that the command line has signed in to, with their tokens, in a file that only its owner reads."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sshcast.errors import CommandFailed
from sshcast.words import choose

VARIABLE = "SSHCAST_CONTEXT"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Session:
    """Tokens. `refresh` is None for a personal token, which is not renewed."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class Context:
    """A service and who signed in to it. `session` is None after `sshcast logout`.

    `url` is the service's address, with its path prefix if it has one and without a slash at the end. `ca_file` names
    the certificates that it is verified by; None for the system's.
    """

    name: str
    url: str
    user: str
    ca_file: str | None = None
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class Contexts:
    """All contexts by name, and the name of the current one."""

    every: dict[str, Context] = field(default_factory=dict)
    current: str | None = None

    def with_context(self, context: Context, *, current: bool) -> "Contexts":
        return Contexts(self.every | {context.name: context}, context.name if current else self.current)

    def without(self, name: str) -> "Contexts":
        rest = {each: context for each, context in self.every.items() if each != name}
        return Contexts(rest, None if self.current == name else self.current)


class ContextStore:
    """The file of contexts. While one process changes it, others wait, so that a refresh token is used once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Tell whether a context was ever set."""
        return self.path.is_file()

    def load(self) -> Contexts:
        try:
            data = json.loads(self.path.read_text())
            every = {name: _parse_context(name, each) for name, each in data["contexts"].items()}
            return Contexts(every, data["current"])
        except FileNotFoundError:
            return Contexts()
        except OSError as error:
            raise CommandFailed(
                choose(
                    f"{self.path} cannot be read: {error.strerror or error}",
                    f"无法读取 {self.path}：{error.strerror or error}",
                )
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CommandFailed(
                choose(
                    f"{self.path} is damaged: move it away, and sign in again with `sshcast login URL`",
                    f"{self.path} 已损坏：请将其移走，再用 `sshcast login URL` 登录",
                )
            ) from None

    def require(self, name: str) -> Context:
        found = self.load().every.get(name)
        if found is None:
            names = ", ".join(sorted(self.load().every)) or "none"
            raise CommandFailed(
                choose(
                    f"there is no context {name} (there are: {names}): sign in with `sshcast login URL`",
                    f"没有上下文 {name}（现有：{names}）：用 `sshcast login URL` 登录",
                )
            )
        return found

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the file against other processes of this user."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            number = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CommandFailed(
                choose(
                    f"{self.path.parent} cannot be written: {error.strerror or error}",
                    f"无法写入 {self.path.parent}：{error.strerror or error}",
                )
            ) from None
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            yield
        finally:
            os.close(number)

    def save(self, contexts: Contexts) -> None:
        """Replace the file as a whole; only its owner may read it. Call it while holding `lock`."""
        every = {name: _format_context(each) for name, each in contexts.every.items()}
        data = {"version": VERSION, "current": contexts.current, "contexts": every}
        try:
            number, draft = tempfile.mkstemp(prefix=".contexts-", dir=self.path.parent)
            with os.fdopen(number, "w") as file:
                json.dump(data, file, indent=2, ensure_ascii=False)
            os.replace(draft, self.path)
        except OSError as error:
            raise CommandFailed(
                choose(
                    f"{self.path} cannot be written: {error.strerror or error}",
                    f"无法写入 {self.path}：{error.strerror or error}",
                )
            ) from None

    def save_session(self, name: str, session: Session | None) -> None:
        """Replace a context's tokens. Call it while holding `lock`."""
        contexts = self.load()
        if name in contexts.every:
            self.save(contexts.with_context(replace(contexts.every[name], session=session), current=False))


def find_store() -> ContextStore:
    """Return the store in the user's configuration folder (XDG_CONFIG_HOME, else ~/.config)."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(given) if given.startswith("/") else Path.home() / ".config"
    return ContextStore(folder / "sshcast" / "contexts.json")


def _format_context(context: Context) -> dict[str, Any]:
    found = asdict(context)
    del found["name"]
    return found


def _parse_context(name: str, data: dict[str, Any]) -> Context:
    session = data.get("session")
    return Context(
        name=name,
        url=data["url"],
        user=data["user"],
        ca_file=data.get("ca_file"),
        session=None if session is None else Session(session["access"], session.get("refresh")),
    )
