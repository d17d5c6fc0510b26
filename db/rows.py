"""Rows typed by their model: the columns as attributes without the model's methods, at a fraction of its cost."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, Select, Table, Update, bindparam, insert, select, update
from sqlalchemy.sql.dml import ReturningInsert
from sqlmodel import SQLModel

Model = TypeVar("Model", bound=SQLModel)
# Both databases accept at most 32,766 parameters in a statement.
MOST_IDS = 10_000


def get_table(model: type[SQLModel]) -> Table:
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


def add(conn: Connection, model: type[Model], values: Mapping[str, Any]) -> Model:
    return cast(Model, conn.execute(_build_insert(get_table(model)), dict(values)).one())


@cache
def _build_insert(table: Table) -> ReturningInsert[Any]:
    """Build the INSERT and keep it: building takes three times as long as running it (250 us a row against 60)."""
    return insert(table).returning(*table.c)


def find_first(conn: Connection, model: type[Model], *where: ColumnElement[bool]) -> Model | None:
    return cast("Model | None", conn.execute(select(get_table(model)).where(*where).limit(1)).first())


def load_all(conn: Connection, query: Select[Any] | Update, model: type[Model]) -> list[Model]:
    """Return the rows of `query`, which must select every column of `model`."""
    return cast("list[Model]", list(conn.execute(query).all()))


def by_ids(conn: Connection, model: type[Model], ids: Sequence[int], *where: ColumnElement[bool]) -> list[Model]:
    """Return rows in no particular order; ids without a matching row are left out."""
    table = get_table(model)
    parts = (ids[start : start + MOST_IDS] for start in range(0, len(ids), MOST_IDS))
    return [row for part in parts for row in load_all(conn, select(table).where(table.c.id.in_(part), *where), model)]


def build_change(table: Table, names: Collection[str], *where: ColumnElement[bool]) -> Update:
    """Build an UPDATE of these columns, to be kept. Its parameters are `name_values`'s and those of `where`."""
    new = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    return update(table).where(*where).values(new)


def name_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as parameters of a statement by `build_change`."""
    return {f"new_{name}": value for name, value in values.items()}


def change(conn: Connection, model: type[SQLModel], values: Mapping[str, Any], *where: ColumnElement[bool]) -> bool:
    """Run one UPDATE of the row that matches `where`. Return whether it changed exactly one row."""
    return conn.execute(update(get_table(model)).where(*where).values(**values)).rowcount == 1
