"""The reads that wait for a thread of the SQLite store: a first reader takes them, and others those that it leaves.

Threads that read at the same time hand each other the interpreter's lock at every row, which costs more than they gain
(docs/performance.md, "A page"). So reads go through one thread, one after the other, and one that takes long, such as a
search, holds up those behind it for `PATIENCE_SECONDS`.
"""

import threading
import time
from collections import deque
from queue import SimpleQueue

from db.sqlite_units import Unit

PATIENCE_SECONDS = 0.005


class ReadQueue:
    """Units that wait to be read. Any thread puts them; the first reader calls `take`, each other one `take_late`."""

    def __init__(self, other_readers: int) -> None:
        self._other_readers = other_readers
        self._units: deque[Unit] = deque()
        self._lock = threading.Lock()
        self._calls: SimpleQueue[None] = SimpleQueue()
        self._calls_for_help: SimpleQueue[None] = SimpleQueue()
        self._taken = 0  # by the first reader: while it stays the same, that one is at work on the same unit
        self._is_busy = False
        self._is_watched = False
        self._is_closed = False

    def put(self, unit: Unit) -> None:
        with self._lock:
            self._units.append(unit)
            if self._is_busy:
                self._call_for_help()
            else:
                self._calls.put(None)

    def close(self) -> None:
        """Let the readers end once no unit waits."""
        self._is_closed = True
        self._calls.put(None)
        for _ in range(self._other_readers):
            self._calls_for_help.put(None)

    def take(self) -> Unit | None:
        """Wait for a unit, and return it; return None at the end."""
        while True:
            with self._lock:
                self._is_busy = bool(self._units)
                if self._is_busy:
                    self._taken += 1
                    unit = self._units.popleft()
                    if self._units:
                        self._call_for_help()
                    return unit
            if self._is_closed:
                return None
            self._calls.get()

    def take_late(self) -> Unit | None:
        """Wait for a unit that the first reader has left waiting, and return it; return None at the end."""
        while True:
            self._calls_for_help.get()
            while self._must_watch():
                taken = self._taken
                time.sleep(PATIENCE_SECONDS)
                if (unit := self._take_if_held_up(taken)) is not None:
                    return unit
            if self._is_closed:
                return None

    def _call_for_help(self) -> None:
        """Let another reader watch the first one, if none does. The lock is held."""
        if not self._is_watched:
            self._is_watched = True
            self._calls_for_help.put(None)

    def _must_watch(self) -> bool:
        with self._lock:
            self._is_watched = bool(self._units)
            return self._is_watched

    def _take_if_held_up(self, taken: int) -> Unit | None:
        """Take a unit if the first reader is still at the same one. If others wait, the next reader watches them."""
        with self._lock:
            if not self._units or self._taken != taken or not self._is_busy:
                return None
            unit = self._units.popleft()
            self._is_watched = bool(self._units)
            if self._is_watched:
                self._calls_for_help.put(None)
            return unit
