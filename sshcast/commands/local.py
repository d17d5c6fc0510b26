"""A service opened by a command on the machine itself: no HTTP, the data folder's owner is trusted."""

from datetime import UTC, datetime

from db import users
from db.models import User
from db.values import Role
from resolvers.context import Context, Service, Viewer
from resolvers.users import MACHINE
from sshcast.commands.errors import CommandFailed

NEVER = datetime(9999, 1, 1, tzinfo=UTC)


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
