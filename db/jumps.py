"""Queries on the chains of jump servers: `servers.jump_server_id` names the server through which one is reached."""

from collections.abc import Sequence

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    bindparam,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    text,
)

from db import rows
from db.models import Server
from db.prepared import Prepared

MOST_HOPS = 4
"""How many jump servers there may be before a server."""
LOCK = 4_203_117
servers = rows.get_table(Server)


def _build_chain(first: ColumnElement[bool], *, down: bool) -> CTE:
    """Build the chain from the servers that match `first`: up, through jump servers, or down, through those behind."""
    chain = select(servers.c.id, servers.c.jump_server_id, literal(1).label("distance")).where(first)
    found = chain.cte("chain", recursive=True)
    match = servers.c.jump_server_id == found.c.id if down else servers.c.id == found.c.jump_server_id
    further = select(servers.c.id, servers.c.jump_server_id, found.c.distance + 1).select_from(
        servers.join(found, match)
    )
    # One more than is allowed, to see that a chain is too long; and an end to one that is a circle.
    bounded = further.where(found.c.distance <= MOST_HOPS)
    return found.union_all(bounded.where(servers.c.deleted_at.is_(None)) if down else bounded)


UP = _build_chain(servers.c.id == bindparam("server"), down=False)
DOWN = _build_chain(servers.c.jump_server_id == bindparam("server"), down=True)
LOAD_CHAIN = Prepared(select(*servers.c).select_from(servers.join(UP, UP.c.id == servers.c.id)).order_by(UP.c.distance))
MEASURE_BEHIND = Prepared(select(func.coalesce(func.max(DOWN.c.distance), 0)))


def build_cut_off(server: FromClause, hops: int = MOST_HOPS) -> ColumnElement[bool]:
    """Build the condition that one of the jump servers on the way to `server` is disabled or deleted."""
    jump = servers.alias(f"jump_{hops}")
    is_closed = or_(jump.c.enabled.is_(False), jump.c.deleted_at.is_not(None))
    further = build_cut_off(jump, hops - 1) if hops > 1 else false()
    return exists().where(jump.c.id == server.c.jump_server_id, or_(is_closed, further))


def load_chain(conn: Connection, jump_server_id: int) -> list[Server]:
    """Return a jump server and those before it: first the one that connects to the target, last the one we connect to.

    In one statement. Deleted ones are among them. Of a chain that is too long, or a circle, the first of them.
    """
    return LOAD_CHAIN.find_all(conn, {"server": jump_server_id})


def measure_behind(conn: Connection, server_id: int) -> int:
    """Return the length of the longest chain of servers that are reached through this one; 0 if there are none."""
    return int(MEASURE_BEHIND.find_value(conn, {"server": server_id}) or 0)


def list_behind(conn: Connection, server_id: int, limit: int) -> Sequence[str]:
    """Return the names of up to `limit` servers that are reached directly through this one."""
    query = select(servers.c.name).where(servers.c.jump_server_id == server_id, servers.c.deleted_at.is_(None))
    return list(conn.scalars(query.order_by(servers.c.id).limit(limit)))


def lock_chains(conn: Connection) -> None:
    """Let no other transaction change a chain until this one has ended. On SQLite there is one writer anyway."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
