"""The hot statements of a run: built by SQLAlchemy; on SQLite compiled once and run by the driver, which saves most of
what they cost. Their rows are SQLAlchemy's all the same.

On PostgreSQL SQLAlchemy runs them: asyncpg and the way to it take so long that nothing was gained there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.engine.row import Row

from db.driver_text import DriverText, compile_text


@dataclass(frozen=True, slots=True)
class PreparedText:
    """A statement's text, and what makes rows of what the driver gives for it."""

    text: DriverText
    columns: SimpleResultMetaData
    converts: Sequence[Any] | None

    def find_all(self, conn: Connection, values: Mapping[str, Any]) -> list[Any]:
        columns, converts = self.columns, self.converts
        places = columns._key_to_index
        return [Row(columns, converts, places, row) for row in self.text.fetch(conn, values)]


class Prepared:
    """A statement whose values are given by the names of its parameters. None of these may be an expanding one.

    `names`: the columns that an INSERT is given.
    """

    def __init__(self, statement: Executable, names: Sequence[str] | None = None) -> None:
        self.statement = statement
        self._names = names
        self._made: PreparedText | None = None

    def find_all(self, conn: Connection, values: Mapping[str, Any]) -> list[Any]:
        if conn.dialect.name != "sqlite":
            return list(conn.execute(self.statement, values).all())
        return (self._made or self._make(conn.dialect)).find_all(conn, values)

    def find_first(self, conn: Connection, values: Mapping[str, Any]) -> Any | None:
        """Return the first row; None without any. All are read: the statement must find few."""
        found = self.find_all(conn, values)
        return found[0] if found else None

    def find_value(self, conn: Connection, values: Mapping[str, Any]) -> Any | None:
        """Return the first column of the first row; None without any row."""
        found = self.find_first(conn, values)
        return None if found is None else found[0]

    def change(self, conn: Connection, values: Mapping[str, Any]) -> int:
        """Run a statement that returns no rows. Return the number of rows that it changed."""
        if conn.dialect.name != "sqlite":
            return conn.execute(self.statement, values).rowcount
        return (self._made or self._make(conn.dialect)).text.change(conn, values)

    def change_each(self, conn: Connection, each: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement that returns no rows once for each of these values, at least one."""
        if conn.dialect.name != "sqlite":
            conn.execute(self.statement, each)
        else:
            (self._made or self._make(conn.dialect)).text.change_each(conn, each)

    def _make(self, dialect: Dialect) -> PreparedText:
        statement: Any = self.statement
        columns = statement.exported_columns
        converts = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        used = converts if any(convert is not None for convert in converts) else None
        self._made = PreparedText(
            compile_text(statement, dialect, self._names), SimpleResultMetaData(columns.keys()), used
        )
        return self._made
