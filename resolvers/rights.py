"""What the viewer may do on a server: the higher of their own role and of what they are granted on it.

What they may not see is told as what is not there; of what they see, that their role there is too low.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from db import grants
from db.values import Role
from resolvers.context import Context, Viewer
from resolvers.errors import Forbidden, NotFound


@dataclass(frozen=True, slots=True)
class Right:
    """Somebody, and the role that they must have on each server that they want to do something to."""

    viewer: Viewer
    role: Role

    @property
    def everywhere(self) -> bool:
        """Whether their own role is enough, so that no grant need be looked up."""
        return self.viewer.role.rank >= self.role.rank

    def on(self, conn: Connection, server_id: int, missing: NotFound) -> None:
        """Forbidden if their role on the server is too low; `missing` if they do not even see it."""
        if self.everywhere:
            return
        held = role_on(conn, self.viewer, server_id)
        if held is Role.NONE:
            raise missing
        if held.rank < self.role.rank:
            raise Forbidden.role(self.role, held, on_server=True)


async def need(ctx: Context, role: Role) -> Right:
    """Forbidden if the viewer has the role nowhere; each server is still to be asked about."""
    viewer = ctx.signed_in()
    if viewer.role.rank < role.rank and not await somewhere(ctx, viewer, role):
        raise Forbidden.role(role, viewer.role)
    return Right(viewer, role)


async def check(ctx: Context, right: Right, server_id: int, missing: NotFound) -> None:
    """As `Right.on`, before anything is looked at or written; the unit that writes asks again."""
    if not right.everywhere:
        await ctx.service.store.read(right.on, server_id, missing)


async def somewhere(ctx: Context, viewer: Viewer, role: Role) -> bool:
    if viewer.ceiling.rank < role.rank:
        return False
    return await ctx.service.store.read(grants.somewhere, viewer.user_id, role)


async def roles(ctx: Context, server_ids: Sequence[int]) -> list[Role]:
    """The viewer's role on each of these servers."""
    viewer = ctx.signed_in()
    if viewer.role is viewer.ceiling:
        return [viewer.role for _ in server_ids]
    return await ctx.service.store.read(roles_on, viewer, server_ids)


def role_on(conn: Connection, viewer: Viewer, server_id: int) -> Role:
    return roles_on(conn, viewer, [server_id])[0]


def roles_on(conn: Connection, viewer: Viewer, server_ids: Sequence[int]) -> list[Role]:
    held = grants.roles_on(conn, [(viewer.user_id, id) for id in server_ids])
    return [viewer.with_grant(held.get((viewer.user_id, id), Role.NONE)) for id in server_ids]
