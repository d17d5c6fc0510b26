"""Units of work on their way between an event loop and a thread of the SQLite store."""

import asyncio
import queue
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection

from db.after_commit import WritingUnit

MOST_IN_GROUP = 256


class Unit:
    """A unit of work, and the future of its caller. If the caller is cancelled, the unit runs all the same."""

    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Callable[[Connection], Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None

    def answer(self) -> None:
        """Give the result, or the error, to the caller. Runs on the loop."""
        if self.error is None and isinstance(self.work, WritingUnit):
            self.work.report()
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        elif isinstance(self.error, StopIteration):  # which a future does not take
            self.future.set_exception(RuntimeError("a unit of work raised StopIteration"))
        else:
            self.future.set_exception(self.error)


Units = queue.SimpleQueue[Unit | None]
"""Units that wait for a thread. None ends the thread that takes it."""


def answer_all(units: Iterable[Unit]) -> None:
    """Answer the callers, each on its loop. Called in a thread of the store."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Unit]] = {}
    for unit in units:
        by_loop.setdefault(unit.future.get_loop(), []).append(unit)
    for loop, theirs in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_answer_each, theirs)


def _answer_each(units: list[Unit]) -> None:
    for unit in units:
        unit.answer()


def take_group(units: Units) -> list[Unit]:
    """Wait for a unit; return it and those that wait behind it. Empty at the end."""
    first = units.get()
    if first is None:
        return []
    group = [first]
    while len(group) < MOST_IN_GROUP and not units.empty():
        unit = units.get()
        if unit is None:
            units.put(None)
            break
        group.append(unit)
    return group
