"""`sshcast user`: users, roles and grants."""

from sqlalchemy import Connection

from db import grants as grant_table
from db import servers, users
from db.access_models import Grant
from db.models import User
from resolvers import grants
from resolvers import users as user_resolver
from resolvers.context import Service
from sshcast.commands import local
from sshcast.errors import CommandFailed
from sshcast.settings import Settings


async def add(settings: Settings, name: str, role: str, password: str) -> int:
    async with local.opened_here(settings) as service:
        user = await user_resolver.add(service, name=name, role=role, password=password)
        print(user.id)
    return 0


async def change(settings: Settings, name: str, role: str | None, disabled: bool | None) -> int:
    """Change a user and end their sessions: a running service sees it at their next request, in streams within 10 s."""
    if role is None and disabled is None:
        raise CommandFailed("give --role, --disable or --enable")
    async with local.opened_here(settings) as service:
        user = await _require_user(service, name)
        await user_resolver.change(service, user.id, role=role, disabled=disabled)
    return 0


async def set_password(settings: Settings, name: str, password: str) -> int:
    async with local.opened_here(settings) as service:
        user = await _require_user(service, name)
        await user_resolver.set_password(service, user.id, password)
    return 0


async def grant(settings: Settings, name: str, server: str | None, tag: str | None, role: str) -> int:
    """Grant a role. It takes effect at once, in a running service too."""
    async with local.opened_here(settings) as service:
        user, server_id = await _require_user(service, name), await _resolve_server_option(service, server)
        await grants.give_locally(service, user.id, server_id, tag, role)
    return 0


async def ungrant(settings: Settings, name: str, server: str | None, tag: str | None) -> int:
    async with local.opened_here(settings) as service:
        user, server_id = await _require_user(service, name), await _resolve_server_option(service, server)
        if not await grants.revoke_locally(service, user.id, server_id, tag):
            raise CommandFailed(f"{name} has no such grant: see `sshcast user list`")
    return 0


async def list_users(settings: Settings) -> int:
    """Print a line for each user: id, name, role, whether they are disabled, and their grants."""
    async with local.opened_here(settings) as service:
        for user, granted in await service.store.read(_load_users_with_grants):
            words = [str(user.id), user.name, user.role, *(["disabled"] if user.disabled else []), *granted]
            print("\t".join(words))
    return 0


def _load_users_with_grants(conn: Connection) -> list[tuple[User, list[str]]]:
    found = users.list_all(conn)
    granted = grant_table.by_users(conn, [user.id for user in found])
    ids = {grant.server_id for each in granted.values() for grant in each if grant.server_id is not None}
    names = {server.id: server.name for server in servers.by_ids(conn, sorted(ids))}
    return [(user, [_format_grant(grant, names) for grant in granted[user.id]]) for user in found]


def _format_grant(grant: Grant, names: dict[int, str]) -> str:
    """Return a grant as `tag:web=operator` or `server:web-1=viewer`."""
    there = f"tag:{grant.tag}" if grant.server_id is None else f"server:{names.get(grant.server_id, grant.server_id)}"
    return f"{there}={grant.role}"


async def _require_user(service: Service, name: str) -> User:
    user = await service.store.read(users.by_name, name)
    if user is None:
        raise CommandFailed(f"there is no user {name}")
    return user


async def _resolve_server_option(service: Service, name: str | None) -> int | None:
    """Return the id of the server with this name or id."""
    if name is None:
        return None
    row = await service.store.read(servers.by_name, name)
    if row is None and not (name.isascii() and name.isdigit()):
        raise CommandFailed(f"there is no server {name}: see `sshcast server add`")
    return int(name) if row is None else row.id
