"""What a unit of work wants done once it is committed, such as a line in the log; nothing is done if it is rolled back.

The stores run each unit that writes as a `WritingUnit`. On a connection that runs none, nothing is kept.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

NAME = "after commit"


def call_after_commit(conn: Connection, callback: Callable[[], object]) -> None:
    """Have `callback` called on the event loop of the unit's caller once the transaction is committed."""
    waiting: list[Callable[[], object]] | None = conn.info.get(NAME)
    if waiting is not None:
        waiting.append(callback)


class WritingUnit(Generic[T]):
    """A unit, to be run once, and what it asks for while it runs."""

    __slots__ = ("_callbacks", "_work")

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self._work = work
        self._callbacks: list[Callable[[], object]] = []

    def __call__(self, conn: Connection) -> T:
        info: dict[Any, Any] = conn.info
        info[NAME] = self._callbacks
        try:
            return self._work(conn)
        finally:
            info.pop(NAME, None)

    def report(self) -> None:
        """Call what the unit asked for. Call it once, after the commit."""
        for callback in self._callbacks:
            callback()
