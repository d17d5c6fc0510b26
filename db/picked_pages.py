"""Pages of chosen columns by keyset: the statements of each shape of filter and window are compiled once."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import BigInteger, BindParameter, Connection, Dialect, Integer, Table, bindparam, select

from db.page import Conditions, PageKey, Window, split_into_ranges
from db.picked import Columns, PickedQuery, compile_query, list_columns
from db.visibility import VisibilityScope

Filter = TypeVar("Filter", bound=Any)


@dataclass(frozen=True, slots=True)
class PickedListing(Generic[Filter]):
    """A table, and the conditions of its filters: dataclasses with a `visibility`, whose values may be parameters."""

    table: Table
    build_conditions: Callable[[Filter], Conditions]


@dataclass(frozen=True, slots=True)
class Given:
    """A value of a filter that is a parameter: statements are the same whatever it is."""

    kind: type


def page(
    conn: Connection, listing: PickedListing[Filter], filter: Filter, window: Window, columns: Columns
) -> list[Any] | None:
    """Return what `db.page.page` does, in rows of these columns, the id and the order; None if it takes an offset over
    several index ranges.
    """
    kind: Any = type(filter)
    queries = _find_queries(listing, _list_shape(filter), kind, _shape_window(window), columns, conn.dialect)
    if window.offset and len(queries) > 1:
        return None
    values = {f"filter_{item.name}": getattr(filter, item.name) for item in fields(filter)}
    values["filter_visibility"], values["offset"] = filter.visibility.user_id, window.offset
    for name, key in (("after", window.after), ("before", window.before)):
        if key is not None:
            values[f"{name}_value"], values[f"{name}_id"] = key
    found: list[Any] = []
    for query in queries:
        found += query.read(conn, {**values, "limit": window.limit + 1 - len(found)})
        if len(found) > window.limit:
            break
    return found[::-1] if window.backward else found


def _list_shape(filter: Any) -> tuple[tuple[str, Hashable], ...]:
    return tuple((item.name, _describe(getattr(filter, item.name))) for item in fields(filter))


def _describe(value: Any) -> Hashable:
    if isinstance(value, VisibilityScope):
        return None if value.is_unrestricted else Given(VisibilityScope)
    kind = type(value)
    return Given(kind) if kind is int or kind is datetime else value


def _shape_window(window: Window) -> Window:
    """Return a window in which a key is only whether it has an order value."""
    after, before = (
        None if key is None else (None if key[0] is None else 0, 0) for key in (window.after, window.before)
    )
    return replace(window, limit=0, offset=0, after=after, before=before)


@lru_cache(256)
def _find_queries(
    listing: PickedListing[Any],
    shape: Sequence[tuple[str, Hashable]],
    kind: Any,
    window: Window,
    columns: Columns,
    dialect: Dialect,
) -> list[PickedQuery]:
    table = listing.table
    names = list_columns(table, columns, "id", window.order)
    where = listing.build_conditions(kind(**{name: _build_parameter(name, value) for name, value in shape}))
    bound = replace(
        window,
        after=_bind_key("after", window.after, table, window),
        before=_bind_key("before", window.before, table, window),
    )
    limit, offset = (
        bindparam("limit", required=False, type_=Integer),
        bindparam("offset", required=False, type_=Integer),
    )
    return [
        compile_query(
            select(*(table.c[name] for name in names))
            .where(*where, *piece.where)
            .order_by(*piece.order)
            .limit(limit)
            .offset(offset),
            table,
            names,
            dialect,
        )
        for piece in split_into_ranges(table, bound)
    ]


def _build_parameter(name: str, value: Hashable) -> Any:
    made: BindParameter[Any] = bindparam(f"filter_{name}", required=False)
    if name == "visibility":
        scope = bindparam("filter_visibility", required=False, type_=BigInteger)
        return VisibilityScope(None if value is None else scope)  # type: ignore[arg-type]
    return made if isinstance(value, Given) else value


def _bind_key(name: str, key: PageKey | None, table: Table, window: Window) -> PageKey | None:
    if key is None:
        return None
    value = None if key[0] is None else bindparam(f"{name}_value", required=False, type_=table.c[window.order].type)
    id: Any = bindparam(f"{name}_id", required=False, type_=BigInteger)
    return value, id
