"""A range of rows by keyset: cost grows with the page, not with what lies before it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select

from db.rows import Model, all_of, table_of

Key = tuple[Any, int]


@dataclass(frozen=True, slots=True)
class Window:
    """`limit` rows in `order` (a column's name; ties by id; NULLs last both ways), between two keys or from an offset.

    `backward` takes the last rows before `before` instead of the first after `after`. A key is an order value and an
    id.
    """

    limit: int
    order: str = "id"
    descending: bool = False
    after: Key | None = None
    before: Key | None = None
    backward: bool = False
    offset: int = 0


def page(conn: Connection, model: type[Model], where: list[ColumnElement[bool]], window: Window) -> list[Model]:
    """Up to limit + 1 rows in display order; the one too many says that there is more, and comes first if backward."""
    table = table_of(model)
    column, id = table.c[window.order], table.c.id
    query: Select[Any] = select(table).where(*where)
    if window.after is not None:
        query = query.where(beyond(column, id, window.after, forward=not window.descending, nulls_follow=True))
    if window.before is not None:
        query = query.where(beyond(column, id, window.before, forward=window.descending, nulls_follow=False))
    upwards = window.descending == window.backward
    columns = (column, id) if window.order != "id" else (id,)
    ordering: list[Any] = [each.asc() if upwards else each.desc() for each in columns]
    if column.nullable:
        ordering.insert(0, column.is_(None).desc() if window.backward else column.is_(None))
    found = all_of(conn, query.order_by(*ordering).limit(window.limit + 1).offset(window.offset), model)
    return found[::-1] if window.backward else found


def beyond(
    column: ColumnElement[Any], id: ColumnElement[int], key: Key, *, forward: bool, nulls_follow: bool
) -> ColumnElement[bool]:
    """Rows past the key: higher when `forward`; rows without a value come after every value (`nulls_follow`)."""
    value, key_id = key
    further_id = id > key_id if forward else id < key_id
    if column is id:
        return further_id
    if value is None:
        same = and_(column.is_(None), further_id)
        return same if nulls_follow else or_(column.is_not(None), same)
    further = column > value if forward else column < value
    tied = and_(column == value, further_id)
    return or_(further, tied, column.is_(None) if nulls_follow else false())


def count(conn: Connection, model: type[Model], where: list[ColumnElement[bool]]) -> int:
    return int(conn.scalar(select(func.count()).select_from(table_of(model)).where(*where)) or 0)


def contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """A substring in any case; `%` and `_` stand for themselves."""
    return func.lower(column).contains(text.lower(), autoescape=True)
