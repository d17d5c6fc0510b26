"""The viewer's role on a server: the higher one of their own role and of what they are granted there.

A server that they may not see is reported as not found; on one that they see, a too low role is Forbidden.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from db import grants
from db.values import Role
from resolvers.context import Context, Viewer
from resolvers.errors import Forbidden, NotFound


@dataclass(frozen=True, slots=True)
class RoleRequirement:
    """A viewer and the role that they must have on each server that an operation touches."""

    viewer: Viewer
    role: Role

    @property
    def holds_everywhere(self) -> bool:
        """Return whether their own role is enough, so that no grant has to be loaded."""
        return self.viewer.role.rank >= self.role.rank

    def enforce(self, conn: Connection, server_id: int | None, missing: NotFound) -> None:
        """Raise Forbidden if the viewer's role on the server is too low, or `missing` if they may not see it.

        What belongs to no one server, such as a fleet task, takes a role that holds everywhere.
        """
        if self.holds_everywhere:
            return
        granted = Role.NONE if server_id is None else _load_granted_role(conn, self.viewer.user_id, server_id)
        self.decide(granted, missing)

    def decide(self, granted: Role, missing: NotFound) -> None:
        """Raise as `enforce` does, for a viewer who is granted `granted` on the server."""
        held = self.viewer.with_grant(granted)
        if held is Role.NONE:
            raise missing
        if held.rank < self.role.rank:
            raise Forbidden.role(self.role, held, on_server=True)


async def require_role(ctx: Context, role: Role) -> RoleRequirement:
    """Return the requirement; Forbidden if the viewer has the role on no server. Check each server with `enforce`."""
    viewer = ctx.require_viewer()
    if viewer.role.rank < role.rank and not await _has_role_somewhere(ctx, viewer, role):
        raise Forbidden.role(role, viewer.role)
    return RoleRequirement(viewer, role)


async def enforce(ctx: Context, right: RoleRequirement, server_id: int | None, missing: NotFound) -> None:
    """Check the requirement on the server before an operation starts; its transaction checks again."""
    if not right.holds_everywhere:
        user_id = right.viewer.user_id
        granted = Role.NONE
        if server_id is not None:
            granted = await ctx.service.store.read_fact(_load_granted_role, user_id, server_id)
        right.decide(granted, missing)


async def _has_role_somewhere(ctx: Context, viewer: Viewer, role: Role) -> bool:
    if viewer.ceiling.rank < role.rank:
        return False
    return await ctx.service.store.read_fact(grants.has_role_somewhere, viewer.user_id, role)


async def list_roles(ctx: Context, server_ids: Sequence[int]) -> list[Role]:
    """Return the viewer's role on each of these servers."""
    viewer = ctx.require_viewer()
    if viewer.role is viewer.ceiling:
        return [viewer.role for _ in server_ids]
    return await ctx.service.store.read(load_roles, viewer, server_ids)


def _load_granted_role(conn: Connection, user_id: int, server_id: int) -> Role:
    """Return the role that the user is granted on the server, without their own."""
    return grants.load_roles(conn, [(user_id, server_id)]).get((user_id, server_id), Role.NONE)


def load_roles(conn: Connection, viewer: Viewer, server_ids: Sequence[int]) -> list[Role]:
    held = grants.load_roles(conn, [(viewer.user_id, id) for id in server_ids])
    return [viewer.with_grant(held.get((viewer.user_id, id), Role.NONE)) for id in server_ids]
