"""Queries on `grants`: a user's roles on one server, or on every server with a tag, beyond the user's own role."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, not_, select, tuple_, union_all

from db import page as pages
from db import rows
from db.access_models import Grant, ServerTag
from db.models import User
from db.values import Role

grants = rows.get_table(Grant)
server_tags = rows.get_table(ServerTag)
users = rows.get_table(User)
PAIRS: BindParameter[Any] = bindparam("pairs", expanding=True)
ROLES = union_all(
    select(grants.c.user_id, grants.c.server_id, grants.c.role).where(
        tuple_(grants.c.user_id, grants.c.server_id).in_(PAIRS)
    ),
    select(grants.c.user_id, server_tags.c.server_id, grants.c.role)
    .join(server_tags, server_tags.c.tag == grants.c.tag)
    .where(tuple_(grants.c.user_id, server_tags.c.server_id).in_(PAIRS)),
)
SOMEWHERE = (
    select(grants.c.id)
    .where(grants.c.user_id == bindparam("user"), grants.c.role.in_(bindparam("roles", expanding=True)))
    .limit(1)
)

Pair = tuple[int, int]
"""A user's id and a server's id."""


@dataclass(frozen=True, slots=True)
class GrantTarget:
    """The server or the tag that a grant is for. Exactly one is set."""

    server_id: int | None = None
    tag: str | None = None


def insert(conn: Connection, values: Mapping[str, Any]) -> Grant:
    return rows.add(conn, Grant, values)


def by_id(conn: Connection, id: int) -> Grant | None:
    return rows.find_first(conn, Grant, grants.c.id == id)


def lock_by_target(conn: Connection, user_id: int, target: GrantTarget) -> Grant | None:
    """Return the user's grant for the target, locked until the transaction ends."""
    there = grants.c.tag == target.tag if target.server_id is None else grants.c.server_id == target.server_id
    query = select(grants).where(grants.c.user_id == user_id, there).with_for_update()
    return next(iter(rows.load_all(conn, query, Grant)), None)


def change(conn: Connection, id: int, values: Mapping[str, Any]) -> bool:
    return rows.change(conn, Grant, values, grants.c.id == id)


def remove(conn: Connection, id: int) -> bool:
    """Delete a grant. Return False if there was none."""
    return conn.execute(delete(grants).where(grants.c.id == id)).rowcount == 1


def by_users(conn: Connection, user_ids: Sequence[int]) -> dict[int, list[Grant]]:
    """Return each user's grants, the oldest first."""
    query = select(grants).where(grants.c.user_id.in_(user_ids)).order_by(grants.c.id)
    found: dict[int, list[Grant]] = {id: [] for id in user_ids}
    for row in rows.load_all(conn, query, Grant):
        found[row.user_id].append(row)
    return found


def count(conn: Connection, user_id: int) -> int:
    return pages.count(conn, Grant, [grants.c.user_id == user_id])


def has_role_somewhere(conn: Connection, user_id: int, role: Role) -> bool:
    """Return whether the user has a grant of `role` or a higher role on anything."""
    return conn.scalar(SOMEWHERE, {"user": user_id, "roles": list(role.and_above)}) is not None


def load_roles_of_user(conn: Connection, user_id: int) -> dict[int, Role]:
    """Return the highest role that the user is granted on each server that they have a grant for."""
    own = select(grants.c.server_id, grants.c.role).where(grants.c.server_id.is_not(None))
    tagged = select(server_tags.c.server_id, grants.c.role).join(grants, grants.c.tag == server_tags.c.tag)
    found: dict[int, Role] = {}
    for server_id, role in conn.execute(
        union_all(*(part.where(grants.c.user_id == user_id) for part in (own, tagged)))
    ):
        found[server_id] = max(Role(role), found.get(server_id, Role.NONE), key=lambda each: each.rank)
    return found


def filter_by_role(conn: Connection, pairs: Collection[Pair], role: Role) -> set[Pair]:
    """Return the pairs whose user is enabled and has at least `role` on the server, by own role or grant."""
    query = select(users.c.id, users.c.role).where(users.c.id.in_({pair[0] for pair in pairs}), not_(users.c.disabled))
    own = {row.id: Role(row.role) for row in conn.execute(query)} if pairs else {}
    found = {pair for pair in pairs if pair[0] in own and own[pair[0]].rank >= role.rank}
    granted = load_roles(conn, [pair for pair in pairs if pair[0] in own and pair not in found])
    return found | {pair for pair, held in granted.items() if held.rank >= role.rank}


def load_roles(conn: Connection, pairs: Collection[Pair]) -> dict[Pair, Role]:
    """Return the highest granted role for each pair; pairs without a grant are left out."""
    found: dict[Pair, Role] = {}
    for user_id, server_id, role in conn.execute(ROLES, {"pairs": list(pairs)}) if pairs else ():
        found[user_id, server_id] = max(
            Role(role), found.get((user_id, server_id), Role.NONE), key=lambda each: each.rank
        )
    return found
