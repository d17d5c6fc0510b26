"""The newest output of each execution that is followed: what one watcher reads, all with the same rights get.

A hundred watchers of a run cost the database as much as one. Each keeps its own position; who falls so far behind that
the newest output no longer begins there reads from the database alone.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from db.models import TaskExecution
from db.output_models import OutputChunk
from db.visibility import VisibilityScope
from runner.bus import Bus, Watch, execution_address, output_address

KEPT_BYTES = 256 * 1024
KEPT_ROWS = 256


@dataclass(frozen=True, slots=True)
class OutputSnapshot:
    """The execution and the output rows after a position, from one read. `complete`: no more was stored by then."""

    execution: TaskExecution | None
    rows: list[OutputChunk]
    complete: bool


Load = Callable[[int], Awaitable[OutputSnapshot]]
"""Reads what comes after a position."""


@dataclass(slots=True, kw_only=True, eq=False)
class OutputTail:
    """The newest rows of one execution, in order and without a gap, and its state as it was read before them."""

    watch: Watch
    load: Load
    poll_seconds: float
    followers: int = 0
    _stack: ExitStack
    _newest: OutputSnapshot | None = None
    _rows: deque[OutputChunk] = field(default_factory=deque)
    _start: int = 0
    _end: int = 0
    _size: int = 0
    _reading: asyncio.Task[None] | None = None

    @property
    def is_lost(self) -> bool:
        """Tell whether the execution is gone, or may no longer be seen."""
        return self._newest is not None and self._newest.execution is None

    async def load_after(self, position: int, last: OutputSnapshot) -> OutputSnapshot:
        """Return what comes after a follower's position; if `last` left nothing, wait for more or for a new state.

        `last` is what this follower got before, by a read of its own or from here.
        """
        if self._newest is None and last.complete:
            self._newest, self._start, self._end = last, position, position
        while self._newest is not None and position >= self._start:
            if (found := self._find_after(position, self._newest, last)) is not None:
                return found
            await self._wait_for_read()
        return await self.load(position)

    def _find_after(self, position: int, newest: OutputSnapshot, last: OutputSnapshot) -> OutputSnapshot | None:
        """Return None while nothing newer than `last` is known: the follower's own read may be the newer one."""
        if position > self._end and newest.execution is not None:
            return None
        rows: list[OutputChunk] = []
        for row in reversed(self._rows):
            if row.position + row.size <= position:
                break
            rows.append(row)
        if not rows and newest.execution is last.execution:
            return None
        return replace(newest, rows=rows[::-1])

    async def _wait_for_read(self) -> None:
        """Wait for the one read that all who have come to the end wait for. Raises what it raises."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(), name="read of newest output")
        await asyncio.shield(self._reading)

    async def _read(self) -> None:
        """The watch is older than every follower's first read, so that no hint after one of those is missed."""
        try:
            if self._newest is None or self._newest.complete:
                await self.watch.wait(self.poll_seconds)
            self.watch.clear()
            self._take(await self.load(self._end))
        finally:
            self._reading = None

    def _take(self, newest: OutputSnapshot) -> None:
        self._newest = newest
        for row in newest.rows:
            self._rows.append(row)
            self._end = row.position + row.size
            self._size += row.size
        while len(self._rows) > 1 and (self._size > KEPT_BYTES or len(self._rows) > KEPT_ROWS):
            dropped = self._rows.popleft()
            self._start = dropped.position + dropped.size
            self._size -= dropped.size

    async def close(self) -> None:
        self._stack.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])


@dataclass(frozen=True, slots=True)
class OutputTails:
    """The tails that are followed now, by execution and by what the followers may see."""

    _tails: dict[tuple[int, VisibilityScope], OutputTail] = field(default_factory=dict)

    @asynccontextmanager
    async def join(
        self, bus: Bus, execution_id: int, visibility: VisibilityScope, *, load: Load, poll_seconds: float
    ) -> AsyncIterator[OutputTail]:
        """Follow an execution during the block; the last who leaves closes its tail.

        Whoever joins must `load` once on their own first: a tail may be as old as the last poll.
        """
        key = (execution_id, visibility)
        tail = self._tails.get(key)
        if tail is None or tail.is_lost:
            tail = self._tails[key] = _open_tail(bus, execution_id, load, poll_seconds)
        tail.followers += 1
        try:
            yield tail
        finally:
            tail.followers -= 1
            if not tail.followers:
                if self._tails.get(key) is tail:
                    del self._tails[key]
                await tail.close()


def _open_tail(bus: Bus, execution_id: int, load: Load, poll_seconds: float) -> OutputTail:
    with ExitStack() as stack:
        watch = stack.enter_context(bus.watch(execution_address(execution_id), output_address(execution_id)))
        return OutputTail(watch=watch, load=load, poll_seconds=poll_seconds, _stack=stack.pop_all())
