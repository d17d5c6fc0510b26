"""What somebody may see, as a condition of the queries themselves: what may not be seen is never read."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, or_, select, union_all

from db import rows
from db.access_models import Grant, ServerTag

grants = rows.get_table(Grant)
server_tags = rows.get_table(ServerTag)


@dataclass(frozen=True, slots=True)
class VisibilityScope:
    """Everything; or, with a user's id, the servers that are granted to them, and what belongs to those.

    Deleted servers are among them, so that their history is seen by whom they were granted to.
    """

    user_id: int | None = None

    @property
    def is_unrestricted(self) -> bool:
        return self.user_id is None

    def restrict(self, server_id: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """That a row's server is seen: a few seeks a row. No condition at all for who sees everything."""
        if self.user_id is None:
            return []
        own = exists().where(grants.c.user_id == self.user_id, grants.c.server_id == server_id)
        tagged = grants.join(server_tags, server_tags.c.tag == grants.c.tag)
        by_tag = (
            exists().select_from(tagged).where(grants.c.user_id == self.user_id, server_tags.c.server_id == server_id)
        )
        return [or_(own, by_tag)]

    def select_servers(self) -> Select[Any]:
        """The ids of the servers that are seen, of who does not see everything."""
        mine = grants.c.user_id == self.user_id
        own = select(grants.c.server_id).where(mine, grants.c.server_id.is_not(None))
        by_tag = select(server_tags.c.server_id).join(grants, grants.c.tag == server_tags.c.tag).where(mine)
        return select(union_all(own, by_tag).subquery().c.server_id)


EVERYTHING = VisibilityScope()
