"""Rows of chosen columns: read by the driver itself, kept as it gives them, and converted where they are looked at.

SQLAlchemy's rows of all columns, each value converted, take ten times as long.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, ClassVar, TypeAlias

from sqlalchemy import Connection, Dialect, Select, Table

from db.columns import UtcTime, format_time
from db.driver_text import Convert, DriverText, compile_text

Columns: TypeAlias = frozenset[str] | None
"""The names of the columns to read; None for all of them."""

STORED_LENGTH = len("2026-11-24 10:00:00.000000")


@dataclass(frozen=True, slots=True)
class PickedColumn:
    """A column's place in a row, and what makes its Python value; None if the driver gives that."""

    place: int
    convert: Convert | None
    is_time: bool


class PickedRow(tuple[Any, ...]):
    """A row as the driver gave it. An attribute for each column that was read gives its Python value."""

    __slots__ = ()
    columns: ClassVar[Mapping[str, PickedColumn]]


@dataclass(frozen=True, slots=True)
class PickedQuery:
    """A SELECT, compiled once."""

    text: DriverText
    row: type[PickedRow]

    def read(self, conn: Connection, values: Mapping[str, Any]) -> list[Any]:
        return list(map(self.row, self.text.fetch(conn, values)))


def list_columns(table: Table, wanted: Columns, *needed: str) -> list[str]:
    """Return the names of the columns to read, in the table's order: those that are wanted or needed.

    All, if a name is wanted that is no column: then nobody knows what is read.
    """
    known = table.c.keys()
    if wanted is None or not wanted.issubset(known):
        return list(known)
    return [name for name in known if name in wanted or name in needed]


def compile_query(query: Select[Any], table: Table, names: Sequence[str], dialect: Dialect) -> PickedQuery:
    """Compile a query that selects these columns of a table, or of an alias of it, in this order."""
    return PickedQuery(compile_text(query, dialect), _build_row_class(table, names, dialect))


class PickedValues:
    """The values of rows of one class, at least one, by column."""

    def __init__(self, kind: type[PickedRow], rows: Iterable[PickedRow]) -> None:
        self._columns = kind.columns
        self._values: list[tuple[Any, ...]] = list(zip(*rows, strict=True))

    def has(self, name: str) -> bool:
        return name in self._columns

    def is_time(self, name: str) -> bool:
        return self._columns[name].is_time

    def read(self, name: str) -> list[Any]:
        """Return the Python values of a column."""
        column = self._columns[name]
        values = self._values[column.place]
        return list(values) if column.convert is None else list(map(column.convert, values))

    def show_times(self, name: str) -> list[str | None]:
        """Return the RFC 3339 texts in UTC of a column of times, without a datetime for each where texts are stored."""
        column = self._columns[name]
        values = self._values[column.place]
        stored = values if None not in values else [value for value in values if value is not None]
        shown: Iterable[str] = _show_texts(stored) if _are_texts(stored) else _show_each(stored, column.convert)
        if len(stored) == len(values):
            return list(shown)
        rest = iter(shown)
        return [None if value is None else next(rest) for value in values]


def _are_texts(values: Sequence[Any]) -> bool:
    """Return whether all are texts as SQLAlchemy stores times on SQLite; what others stored may be shorter."""
    return set(map(type, values)) == {str} and set(map(len, values)) == {STORED_LENGTH}


def _show_texts(values: Sequence[str]) -> list[str]:
    """Rewrite all at once: it takes a third of the time of one after the other."""
    joined = ",".join(values).replace(" ", "T").replace(",", "Z,") + "Z"
    return joined.replace(".000000Z", "Z").split(",")


def _show_each(values: Sequence[Any], convert: Convert | None) -> list[str]:
    if all(type(value) is datetime and value.tzinfo is UTC for value in values):
        return [f"{value.isoformat()[:-6]}Z" for value in values]
    return [format_time(value if convert is None else convert(value)) for value in values]


def _build_row_class(table: Table, names: Sequence[str], dialect: Dialect) -> type[PickedRow]:
    columns = {}
    for place, name in enumerate(names):
        kind = table.c[name].type
        convert: Convert | None = kind.dialect_impl(dialect).result_processor(dialect, None)
        columns[name] = PickedColumn(place, convert, isinstance(kind, UtcTime))
    values: dict[str, Any] = {name: _build_property(column) for name, column in columns.items()}
    return type("PickedRow", (PickedRow,), {"__slots__": (), "columns": columns, **values})


def _build_property(column: PickedColumn) -> property:
    get, convert = itemgetter(column.place), column.convert
    return property(get if convert is None else lambda row: convert(get(row)))
