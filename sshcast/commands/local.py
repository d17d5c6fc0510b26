"""Opens the service for a command on this machine: without HTTP, trusting whoever owns the data folder."""

import os
import pwd
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from db import users
from db.models import User
from db.values import Role
from resolvers.context import Context, Service, Viewer
from resolvers.users import MACHINE
from sshcast.app import open_service
from sshcast.errors import CommandFailed
from sshcast.settings import Settings

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
VARIABLE = "SSHCAST_AS"
NAMES_SHOWN = 5


@asynccontextmanager
async def opened_here(settings: Settings) -> AsyncIterator[Service]:
    """Open the service for a command that acts for no user; the audit names the OS user."""
    async with open_service(settings) as service:
        yield replace(service, os_user=os_user())


async def load_context(service: Service, name: str | None) -> Context:
    """Return a context for the user called `name`, else the one in SSHCAST_AS, else the one named like the OS user."""
    given = os.environ.get(VARIABLE)
    if name is not None:
        return build_context(
            service, await _require_enabled(service, name, f"there is no enabled user {name!r} (--as)")
        )
    if given:
        return build_context(
            service, await _require_enabled(service, given, f"there is no enabled user {given!r} ({VARIABLE})")
        )
    own = os_user()
    return build_context(
        service, await _require_enabled(service, own, f"no enabled user is called {own}, as the OS user is")
    )


def build_context(service: Service, user: User) -> Context:
    viewer = Viewer(user.id, user.name, Role(user.role), NEVER, user.token_version)
    return Context(service=service, viewer=viewer, address=MACHINE, os_user=os_user())


def os_user() -> str:
    """Return the name of the user that this process acts as; under sudo that is root."""
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # as in a container that is run as any number
        return f"uid {number}"


async def _require_enabled(service: Service, name: str, fault: str) -> User:
    found = await service.store.read(users.by_name, name)
    if found is None or found.disabled:
        raise CommandFailed(f"{fault}: {_what_to_do(await service.store.read(users.list_all))}")
    return found


def _what_to_do(every: list[User]) -> str:
    names = [user.name for user in every if not user.disabled]
    if not names:
        return "there is none yet, so add one first with `sshcast user add NAME --role admin`"
    more = ", …" if len(names) > NAMES_SHOWN else ""
    return f"say who runs this with --as NAME or {VARIABLE}=NAME (users: {', '.join(names[:NAMES_SHOWN])}{more})"
