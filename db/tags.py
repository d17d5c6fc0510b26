"""Conditions by the tags of servers, for servers themselves and for what belongs to them."""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, exists, select

from db import rows
from db.access_models import ServerTag
from db.models import Server
from db.visibility import VisibilityScope

servers = rows.get_table(Server)
server_tags = rows.get_table(ServerTag)


class TagConditions(Protocol):
    """The part of a filter that is about tags: all of these, one of these, none of these. None: no condition."""

    @property
    def tags_all(self) -> Sequence[str] | None: ...

    @property
    def tags_any(self) -> Sequence[str] | None: ...

    @property
    def tags_none(self) -> Sequence[str] | None: ...

    @property
    def visibility(self) -> VisibilityScope: ...


def has_tags(filter: TagConditions) -> bool:
    return not filter.tags_all is filter.tags_any is filter.tags_none is None


def restrict_row(filter: TagConditions, server_id: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """Return conditions on a row's server: a seek a row and tag, whichever index the rows come from."""

    def has_one_of(tags: Sequence[str]) -> ColumnElement[bool]:
        return exists().where(server_tags.c.server_id == server_id, server_tags.c.tag.in_(tags))

    found = [has_one_of((tag,)) for tag in filter.tags_all or ()]
    if filter.tags_any is not None:
        found.append(has_one_of(filter.tags_any))
    if filter.tags_none is not None:
        found.append(~has_one_of(filter.tags_none))
    return found


def match_servers(filter: TagConditions, server_id: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """Return conditions on the ids of servers, which the index of tags gives."""

    def among(tags: Sequence[str]) -> Select[Any]:
        return select(server_tags.c.server_id).where(server_tags.c.tag.in_(tags))

    found: list[ColumnElement[bool]] = [server_id.in_(among((tag,))) for tag in filter.tags_all or ()]
    if filter.tags_any is not None:
        found.append(server_id.in_(among(filter.tags_any)))
    if filter.tags_none is not None:
        found.append(server_id.not_in(among(filter.tags_none)))
    return found


def select_servers(filter: TagConditions) -> Select[Any]:
    """Select the ids of the servers with these tags that are visible, including deleted ones."""
    found = select(servers.c.id).where(*match_servers(filter, servers.c.id))
    return (
        found
        if filter.visibility.is_unrestricted
        else found.where(servers.c.id.in_(filter.visibility.select_servers()))
    )
