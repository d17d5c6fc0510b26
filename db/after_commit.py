"""What a unit of work wants done once it is committed, such as a line in the log; nothing is done if it is rolled back.

The stores run each unit that writes as a `WritingUnit`. On a connection that runs none, nothing is kept.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

NAME = "after commit"
Listener = Callable[[Any], object]
"""What a store tells of its units: see `db.ended_runs.EndListeners`."""


def call_after_commit(conn: Connection, callback: Callable[[], object]) -> None:
    """Have `callback` called on the event loop of the unit's caller once the transaction is committed."""
    unit: WritingUnit[Any] | None = conn.info.get(NAME)
    if unit is not None:
        unit.keep(callback)


def tell_listener(conn: Connection, news: Iterable[object]) -> None:
    """Have the listener of the store called with each of the `news` once the transaction is committed."""
    unit: WritingUnit[Any] | None = conn.info.get(NAME)
    if unit is not None:
        for each in news:
            unit.keep_news(each)


class WritingUnit(Generic[T]):
    """A unit, to be run once, and what it asks for while it runs. `listener` is that of its store."""

    __slots__ = ("_callbacks", "_listener", "_work")

    def __init__(self, work: Callable[[Connection], T], listener: Listener | None = None) -> None:
        self._work = work
        self._listener = listener
        self._callbacks: list[Callable[[], object]] = []

    def __call__(self, conn: Connection) -> T:
        info: dict[Any, Any] = conn.info
        info[NAME] = self
        try:
            return self._work(conn)
        finally:
            info.pop(NAME, None)

    def keep(self, callback: Callable[[], object]) -> None:
        self._callbacks.append(callback)

    def keep_news(self, news: object) -> None:
        if self._listener is not None:
            self._callbacks.append(partial(self._listener, news))

    def report(self) -> None:
        """Call what the unit asked for. Call it once, after the commit."""
        for callback in self._callbacks:
            callback()
