"""Counting statements: what a request costs the database, so that a test sees when one becomes one a row."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

CONTROL = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT")


@contextmanager
def counted() -> Iterator[list[str]]:
    """The text of every statement that any store of this process sends while the block runs, in their order.

    What only begins or ends a transaction is left out.
    """
    found: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith(CONTROL):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)
