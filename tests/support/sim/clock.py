"""An event loop whose time jumps to the next thing that is due: hours take milliseconds, and every run is the same."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Nothing outside of it may be waited for: no threads and no sockets."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        due = [handle for handle in self._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
        if not self._ready and due:  # type: ignore[attr-defined]
            self._now = max(self._now, min(handle.when() for handle in due))
        super()._run_once()  # type: ignore[misc]


def now() -> datetime:
    """The wall clock of the world."""
    return BEGINNING + timedelta(seconds=asyncio.get_running_loop().time())


def simulate(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
