"""Pages of rows by keyset: the cost grows with the page, not with the rows before it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    and_,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)

from db.rows import Model, get_table, load_all

# `page_among` first reads this many times the rows of a page before it goes owner by owner.
NEAR = 4

PageKey = tuple[Any, int]
Conditions: TypeAlias = list[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Window:
    """The position of a page: `limit` rows in `order`, between two keys or from an offset.

    `order` is a column's name; ties are ordered by id, and NULLs come last in both directions. With `backward`, the
    page holds the last rows before `before` instead of the first rows after `after`. A key is an order value and an id.
    """

    limit: int
    order: str = "id"
    descending: bool = False
    after: PageKey | None = None
    before: PageKey | None = None
    backward: bool = False
    offset: int = 0


class CutRows(list[Model]):
    """The rows of a page that was given up before it was full. `edge` is the key of the last row that was looked at."""

    def __init__(self, rows: Sequence[Model], edge: PageKey) -> None:
        super().__init__(rows)
        self.edge = edge


def page(conn: Connection, model: type[Model], where: Conditions, window: Window) -> list[Model]:
    """Return up to limit + 1 rows in display order. An extra row means more exist; it is first if backward."""
    found: list[Model] = []
    offset = window.offset
    for piece in split_into_ranges(get_table(model), window):
        inside = [*where, *piece.where]
        query = select(get_table(model)).where(*inside).order_by(*piece.order)
        part = load_all(conn, query.limit(window.limit + 1 - len(found)).offset(offset), model)
        found += part
        if len(found) > window.limit:
            break
        offset = 0 if part or not offset else offset - count(conn, model, inside)
    return found[::-1] if window.backward else found


def page_within(
    conn: Connection, model: type[Model], among: Conditions, where: Conditions, window: Window, most: int
) -> list[Model]:
    """Return a page, as `page` does, that looks at `most` rows matching `among` at most; CutRows if there are more.

    `among` and the order must be one index's. `where` holds all conditions.
    """
    backward = window.backward
    last = page(conn, model, among, replace(window, limit=1, offset=most - 1))
    if len(last) < 2:
        return page(conn, model, where, window)
    edge, beyond = ((row_key(row, window)) for row in (last[::-1] if backward else last))
    near = replace(window, after=beyond) if backward else replace(window, before=beyond)
    found = page(conn, model, where, near)
    return found if len(found) > window.limit else CutRows(found, edge)


def row_key(row: Any, window: Window) -> PageKey:
    return getattr(row, window.order), row.id


@dataclass(frozen=True, slots=True)
class IndexRange:
    """A part of a list that is one range of an index: the rows with an order value, or the rows without one."""

    where: Conditions
    order: list[Any]


def split_into_ranges(table: FromClause, window: Window) -> list[IndexRange]:
    """Return the index ranges that the window may take rows from, in the order in which it takes them."""
    column, id = table.c[window.order], table.c.id
    after, before = window.after, window.before
    if column is id:
        return [_build_range((id,), window, after, before)]
    found: list[IndexRange] = []
    if after is None or after[0] is not None:
        until = None if before is None or before[0] is None else before
        found.append(
            _build_range((column, id), window, after, until, *([column.is_not(None)] if column.nullable else []))
        )
    if column.nullable and (before is None or before[0] is None):
        since = None if after is None or after[0] is not None else after
        found.append(_build_range((id,), window, since, before, column.is_(None)))
    return found[::-1] if window.backward else found


def _build_range(
    columns: Sequence[ColumnElement[Any]],
    window: Window,
    after: PageKey | None,
    before: PageKey | None,
    *where: ColumnElement[bool],
) -> IndexRange:
    conditions = list(where)
    for key, forward in ((after, not window.descending), (before, window.descending)):
        if key is not None:
            conditions.append(_build_key_condition(columns, key, forward))
    upwards = window.descending == window.backward
    return IndexRange(conditions, [each.asc() if upwards else each.desc() for each in columns])


def _build_key_condition(columns: Sequence[ColumnElement[Any]], key: PageKey, forward: bool) -> ColumnElement[bool]:
    """Match rows beyond a key, by a row comparison, for which the database enters the index at the key."""
    place = tuple_(*(_bind_value(value, each) for each, value in zip(columns, key[-len(columns) :], strict=True)))
    return tuple_(*columns) > place if forward else tuple_(*columns) < place


def _bind_value(value: Any, column: ColumnElement[Any]) -> ColumnElement[Any]:
    return value if isinstance(value, BindParameter) else literal(value, column.type)


def page_each(
    conn: Connection,
    model: type[Model],
    owner: Column[Any],
    ids: Sequence[int],
    where: Conditions,
    window: Window,
    *,
    owners: Table | None = None,
) -> dict[int, list[Model]]:
    """Return a page for each of `ids`, in one statement. `owner` is the column that points at `ids` in `owners`.

    Without `owners`, it is a foreign key. Each page is one index seek: the cost does not grow with rows that are not
    shown.
    """
    table = get_table(model)
    owners = next(iter(owner.foreign_keys)).column.table if owners is None else owners
    inner = select(table.c.id).where(owner == owners.c.id, *where).order_by(*_build_ordering(table, window))
    of_one = _limit_to_window(inner, table, window).correlate(owners)
    shown = table.alias()
    query = select(shown).where(owners.c.id.in_(ids)).order_by(*_build_ordering(shown, window))
    if conn.dialect.name == "postgresql":
        part = of_one.lateral()
        query = query.select_from(owners.join(part, true()).join(shown, shown.c.id == part.c.id))
    else:
        query = query.select_from(owners.join(shown, shown.c.id.in_(of_one)))
    found: dict[int, list[Model]] = {id: [] for id in ids}
    for row in load_all(conn, query, model):
        found[getattr(row, owner.name)].append(row)
    return {id: rows[::-1] if window.backward else rows for id, rows in found.items()}


@dataclass(frozen=True, slots=True)
class Owners:
    """Rows whose foreign key `column` is among `ids`. `hold` is the same condition for a single row."""

    column: Column[Any]
    ids: Select[Any]
    hold: Conditions


def page_among(conn: Connection, model: type[Model], among: Owners, where: Conditions, window: Window) -> list[Model]:
    """Return a page, as `page` does, of rows of these owners. The cost does not grow with the rows of others.

    If nearly all rows belong to these owners, the next few rows hold the page. Otherwise each owner's part is read by
    one index seek, and the first rows of all parts are the page.
    """
    found = _find_nearby(conn, model, [*where, *among.hold], window)
    if len(found) <= window.limit:
        found = _page_by_owner(conn, model, among, where, window)
    return found[::-1] if window.backward else found


def _find_nearby(conn: Connection, model: type[Model], where: Conditions, window: Window) -> list[Model]:
    """Return the matching rows among the next few; none if a single index cannot find those."""
    table = get_table(model)
    if window.offset or table.c[window.order].nullable:
        return []
    (part,) = split_into_ranges(table, window)
    few = select(table.c.id).where(*part.where).order_by(*part.order).limit(NEAR * (window.limit + 1))
    query = select(table).where(table.c.id.in_(few.subquery().select()), *where).order_by(*part.order)
    return load_all(conn, query.limit(window.limit + 1), model)


def _page_by_owner(
    conn: Connection, model: type[Model], among: Owners, where: Conditions, window: Window
) -> list[Model]:
    owner, table = among.column, get_table(model)
    owners = next(iter(owner.foreign_keys)).column.table
    mine, order = owners.c.id.in_(among.ids), table.c[window.order]
    columns = (table.c.id,) if order is table.c.id else (table.c.id, order)
    reach = replace(window, limit=window.limit + window.offset, offset=0)
    inner = select(*columns).where(owner == owners.c.id, *where).order_by(*_build_ordering(table, window))
    if conn.dialect.name == "postgresql":
        part = _limit_to_window(inner, table, reach).correlate(owners).lateral()
        firsts = (
            select(part.c.id)
            .select_from(owners.join(part, true()))
            .where(mine)
            .order_by(*_build_ordering(part, window))
        )
        # The limit in the subquery tells PostgreSQL's planner how few rows to fetch.
        few = firsts.limit(window.limit + 1).offset(window.offset).subquery()
        query = select(table).where(table.c.id.in_(few.select())).order_by(*_build_ordering(table, window))
        return load_all(conn, query, model)
    shown = table.alias()
    of_one = _limit_to_window(inner.with_only_columns(table.c.id), table, reach).correlate(owners)
    query = select(shown).select_from(owners.join(shown, shown.c.id.in_(of_one))).where(mine)
    query = query.order_by(*_build_ordering(shown, window)).limit(window.limit + 1).offset(window.offset)
    return load_all(conn, query, model)


def _limit_to_window(query: Select[Any], table: FromClause, window: Window) -> Select[Any]:
    column, id = table.c[window.order], table.c.id
    if window.after is not None:
        query = query.where(
            _build_nullable_key_condition(column, id, window.after, forward=not window.descending, nulls_follow=True)
        )
    if window.before is not None:
        query = query.where(
            _build_nullable_key_condition(column, id, window.before, forward=window.descending, nulls_follow=False)
        )
    return query.limit(window.limit + 1).offset(window.offset)


def _build_ordering(table: FromClause, window: Window) -> list[Any]:
    """Return the order in which the rows nearest to the page's starting edge come first."""
    column, id = table.c[window.order], table.c.id
    upwards = window.descending == window.backward
    columns = (column, id) if window.order != "id" else (id,)
    found: list[Any] = [each.asc() if upwards else each.desc() for each in columns]
    if column.nullable:
        found.insert(0, column.is_(None).desc() if window.backward else column.is_(None))
    return found


def _build_nullable_key_condition(
    column: ColumnElement[Any], id: ColumnElement[int], key: PageKey, *, forward: bool, nulls_follow: bool
) -> ColumnElement[bool]:
    """Match rows past the key: higher ones if `forward`. NULLs come after every value (`nulls_follow`)."""
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


def count(conn: Connection, model: type[Model], where: Conditions) -> int:
    return int(conn.scalar(select(func.count()).select_from(get_table(model)).where(*where)) or 0)


def count_each(
    conn: Connection, model: type[Model], owner: Column[Any], ids: Sequence[int], where: Conditions
) -> dict[int, int]:
    """Return the number of rows of each of `ids`."""
    query = select(owner, func.count()).select_from(get_table(model)).where(owner.in_(ids), *where).group_by(owner)
    found = {row[0]: row[1] for row in conn.execute(query)}
    return {id: found.get(id, 0) for id in ids}
