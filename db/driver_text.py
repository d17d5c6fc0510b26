"""Statements as the driver takes them: compiled once to a text with positional parameters, and run by the driver.

On SQLite SQLAlchemy's part in running one takes several times as long as the driver's. Listeners of the connection's
`before_cursor_execute` hear these statements like all others, and errors are SQLAlchemy's, without the values.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import BindParameter, ClauseElement, Connection, Dialect
from sqlalchemy.exc import DBAPIError

Convert: TypeAlias = Callable[[Any], Any]
Arguments: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class DriverText:
    """A text for the driver. Each of its parameters is given, has a value of its own, or makes one by its default."""

    text: str
    parameters: Sequence[tuple[str, Convert | None]]
    own: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def bind(self, values: Mapping[str, Any]) -> Arguments:
        """Return the arguments as the driver takes them. StatementError if a value is missing or cannot be stored."""
        given = {**self.own, **values} if self.own else values
        if self.defaults:
            given = {**{name: _make_value(default) for name, default in self.defaults.items()}, **given}
        try:
            return tuple(
                [given[name] if convert is None else convert(given[name]) for name, convert in self.parameters]
            )
        except Exception as error:
            raise self._translate(error) from error

    def fetch(self, conn: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Return all rows as the driver gives them."""
        arguments = self.bind(values)
        if conn.dialect.name == "sqlite":
            found: list[Sequence[Any]] = self._execute(conn, arguments).fetchall()
            return found
        with conn.exec_driver_sql(self.text, arguments) as result:
            assert result.cursor is not None
            return result.cursor.fetchall()

    def change(self, conn: Connection, values: Mapping[str, Any]) -> int:
        """Run a statement that returns no rows, on SQLite. Return the number of rows that it changed."""
        return self._execute(conn, self.bind(values)).rowcount

    def change_each(self, conn: Connection, each: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement that returns no rows once for each of these values, on SQLite."""
        if len(each) == 1:
            self.change(conn, each[0])
        else:
            self._execute_each(conn, [self.bind(values) for values in each])

    def _execute(self, conn: Connection, arguments: Arguments) -> sqlite3.Cursor:
        cursor = self._announce(conn, arguments, many=False)
        try:
            return cursor.execute(self.text, arguments)
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _execute_each(self, conn: Connection, arguments: Sequence[Arguments]) -> None:
        cursor = self._announce(conn, arguments, many=True)
        try:
            cursor.executemany(self.text, arguments)
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _announce(self, conn: Connection, arguments: Any, *, many: bool) -> sqlite3.Cursor:
        """Tell the listeners of the statement, and return a cursor for it."""
        driver: Any = conn.connection.driver_connection
        cursor: sqlite3.Cursor = driver.cursor()
        for listener in conn.dispatch.before_cursor_execute:
            listener(conn, cursor, self.text, arguments, None, many)
        return cursor

    def _translate(self, error: Exception) -> Exception:
        return DBAPIError.instance(self.text, None, error, sqlite3.Error, hide_parameters=True)


def compile_text(statement: ClauseElement, dialect: Dialect, names: Sequence[str] | None = None) -> DriverText:
    """Compile a statement for a dialect that has connected; `names`: the columns that an INSERT is given."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=names)
    known = compiled.construct_params(escape_names=False, _check=False, _no_postcompile=True)
    if compiled.post_compile_params:  # lists; `render_postcompile` would refuse required parameters
        known = compiled._process_parameters_for_postcompile(known, _populate_self=True).parameters
    convert = compiled._bind_processors
    defaults = {column.key: column.default for column in getattr(compiled, "insert_prefetch", ())}
    given = {name for name, parameter in compiled.binds.items() if _is_given(parameter)} | defaults.keys()
    return DriverText(
        str(compiled),
        [(name, convert.get(name)) for name in compiled.positiontup],
        {name: value for name, value in known.items() if name not in given},
        defaults,
    )


def _is_given(parameter: BindParameter[Any]) -> bool:
    return parameter.required or (parameter.value is None and not parameter.unique)


def _make_value(default: Any) -> Any:
    return default.arg(None) if default.is_callable else default.arg
