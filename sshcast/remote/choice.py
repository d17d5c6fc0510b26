"""Chooses the API of a command: that of a context's service, or this machine's database."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sshcast import commands
from sshcast.errors import CommandFailed
from sshcast.remote.api import Api
from sshcast.remote.contexts import VARIABLE, Context, find_store
from sshcast.words import choose


@dataclass(frozen=True, slots=True)
class Choice:
    """The options that choose. `data` and `run_as` belong to this machine's database."""

    local: bool = False
    context: str | None = None
    run_as: str | None = None
    data: Path | None = None


def find_context(choice: Choice) -> Context | None:
    """Return the context to use; None for this machine's database.

    That is used with `--local`, or where no context was ever set; never because a service is away.
    """
    store = find_store()
    if choice.local and choice.context is not None:
        raise CommandFailed(choose("give either --local or --context NAME", "--local 与 --context NAME 只能给出一个"))
    name = choice.context or os.environ.get(VARIABLE)
    if choice.local or (name is None and not store.exists()):
        return None
    for option, value in (("--data", choice.data), ("--as", choice.run_as)):
        if value is not None:
            raise CommandFailed(
                choose(
                    f"{option} is for the database of this machine, and you use a context: add --local",
                    f"{option} 用于本机的数据库，而您使用的是上下文：请加 --local",
                )
            )
    name = name or store.load().current
    if name is None:
        raise CommandFailed(
            choose(
                "no context is chosen: choose one with `sshcast context use NAME`, sign in with `sshcast login URL`, "
                "or use the database of this machine with --local",
                "没有选定上下文：用 `sshcast context use NAME` 选定，用 `sshcast login URL` 登录，"
                "或加 --local 使用本机的数据库",
            )
        )
    return store.require(name)


def require_local(choice: Choice, command: str) -> None:
    """Raise CommandFailed if a context is set and `--local` was not given, for commands that need the database."""
    if not choice.local and find_store().exists():
        raise CommandFailed(
            choose(
                f"`sshcast {command}` works on the database of this machine, and not through a service: add --local",
                f"`sshcast {command}` 使用本机的数据库，不经过服务：请加 --local",
            )
        )


@contextmanager
def open_api(choice: Choice) -> Iterator[Api]:
    """Open the API that was chosen. What it needs is imported now: a remote one needs nothing of the service."""
    context = find_context(choice)
    if context is None:
        local_api = importlib.import_module("sshcast.remote.local_api")
        with local_api.LocalApi(commands.start.load_settings(data=choice.data), choice.run_as) as api:
            yield api
        return
    http_api = importlib.import_module("sshcast.remote.http_api")
    with http_api.HttpApi(context, find_store()) as api:
        yield api
