"""A service opened by a command on the machine itself: no HTTP, the data folder's owner is trusted."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime

from db import users
from db.models import User
from db.values import Role
from resolvers.context import Context, Service, Viewer
from resolvers.users import MACHINE
from sshcast.app import driven, opened
from sshcast.commands.errors import CommandFailed
from sshcast.data_folder import FolderBusy
from sshcast.settings import Settings

NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def service_that_runs(settings: Settings) -> AsyncIterator[Service]:
    """The service with a runner of its own, unless one serves this data folder already and will do the work."""
    async with opened(settings) as service, AsyncExitStack() as stack:
        with suppress(FolderBusy):
            await stack.enter_async_context(driven(service, settings))
        yield service


async def viewer(service: Service, name: str | None) -> Context:
    """A context for the user called `name`, or for the first enabled admin."""
    found = await service.store.read(users.by_name, name) if name else await service.store.read(users.first_admin)
    if found is None or found.disabled:
        raise CommandFailed(
            f"there is no enabled user {name}" if name else "there is no admin yet: sshcast user add NAME --role admin"
        )
    return context(service, found)


def context(service: Service, user: User) -> Context:
    viewer = Viewer(user.id, user.name, Role(user.role), NEVER, user.token_version)
    return Context(service=service, viewer=viewer, address=MACHINE)
