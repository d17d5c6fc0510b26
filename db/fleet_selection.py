"""The servers that a selector of a fleet run selects."""

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, select

from db import names, rows, tags
from db.models import Server
from db.visibility import EVERYTHING, VisibilityScope

servers = rows.get_table(Server)
MOST_SERVERS = 10_000
"""How many servers a fleet run may have."""
FACTS = ("id", "name", "host", "port", "username", "enabled", "blackouts", "jump_server_id")
"""The columns of a server that decide where a command would run, and whether it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSelector:
    """Selects servers that match all of its conditions; None means no condition."""

    ids: tuple[int, ...] | None = None
    tags_all: tuple[str, ...] | None = None
    tags_any: tuple[str, ...] | None = None
    tags_none: tuple[str, ...] | None = None
    name_contains: str | None = None
    visibility: VisibilityScope = EVERYTHING


def list_selected(conn: Connection, selector: ServerSelector, most: int) -> list[Server]:
    """Return the FACTS of up to `most` selected servers that are visible and not deleted, in order of ids."""
    found = [servers.c.deleted_at.is_(None), *tags.match_servers(selector, servers.c.id)]
    if selector.ids is not None:
        found.append(servers.c.id.in_(selector.ids))
    if selector.name_contains is not None:
        found.append(names.match_substring(servers.c.name_folded, selector.name_contains))
    if not selector.visibility.is_unrestricted:
        found.append(servers.c.id.in_(selector.visibility.select_servers()))
    columns: list[Any] = [servers.c[name] for name in FACTS]
    query = select(*columns).where(*found).order_by(servers.c.id).limit(most)
    return cast("list[Server]", list(conn.execute(query).all()))
