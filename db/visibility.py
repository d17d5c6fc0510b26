"""Visibility as a condition of the queries: rows that a viewer may not see are never read."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, or_, select, union_all

from db import rows
from db.access_models import Grant, ServerTag

grants = rows.get_table(Grant)
server_tags = rows.get_table(ServerTag)


@dataclass(frozen=True, slots=True)
class VisibilityScope:
    """Everything if `user_id` is None; otherwise the servers granted to that user, and the rows of those servers.

    Deleted servers are included, so that users with a grant still see their history.
    """

    user_id: int | None = None

    @property
    def is_unrestricted(self) -> bool:
        return self.user_id is None

    def restrict(self, server_id: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """Return conditions that the row's server is visible: a few seeks a row. Empty if all is visible."""
        if self.user_id is None:
            return []
        own = exists().where(grants.c.user_id == self.user_id, grants.c.server_id == server_id)
        tagged = grants.join(server_tags, server_tags.c.tag == grants.c.tag)
        by_tag = (
            exists().select_from(tagged).where(grants.c.user_id == self.user_id, server_tags.c.server_id == server_id)
        )
        return [or_(own, by_tag)]

    def select_servers(self) -> Select[Any]:
        """Select the ids of the visible servers. Only for a scope with a `user_id`."""
        mine = grants.c.user_id == self.user_id
        own = select(grants.c.server_id).where(mine, grants.c.server_id.is_not(None))
        by_tag = select(server_tags.c.server_id).join(grants, grants.c.tag == server_tags.c.tag).where(mine)
        return select(union_all(own, by_tag).subquery().c.server_id)


EVERYTHING = VisibilityScope()
